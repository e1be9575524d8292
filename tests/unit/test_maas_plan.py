"""What an upload plans, and that after it MAAS holds what the repo says: one test for each of MAAS's quirks."""

from __future__ import annotations

import difflib
from dataclasses import replace

import pytest
from maas_support import SITE, apply, ask, block, compare, held, only, script, upload, want

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.maas import Region
from gpuaas_scripts.maas.plan import Verdict, Wanted, content_diff, verify
from gpuaas_scripts.maas.stamp import COMMENT_LIMIT, comment, digest, marker, read_comment

FULL = {
    "name": "50-a",
    "title": "A",
    "description": "D",
    "script_type": "commissioning",
    "hardware_type": "gpu",
    "parallel": "any",
    "timeout": 600,
    "tags": ["one", "two"],
    "destructive": True,
    "may_reboot": True,
    "recommission": True,
    "apply_configured_networking": True,
    "packages": {"apt": "jq"},
    "for_hardware": ["pci:10de:2335"],
    "results": {"r": {"title": "R"}},
    "parameters": {"x": {"type": "string"}},
}


@pytest.fixture
def region() -> Region:
    return Region()


def test_a_new_script_is_created_with_marker_and_stamp(region: Region) -> None:
    wanted = want(FULL)
    change = only(upload(region, wanted))
    assert (change.verdict, change.content_differs) == (Verdict.CREATE, True)
    made = held(region)["50-a"]
    assert made.sites == {SITE}
    assert made.content == wanted.content
    assert made.head.stamp is not None
    assert (made.head.stamp.site, made.head.stamp.commit) == (SITE, "abc123")
    assert made.head.stamp.digest == digest(wanted.content)
    assert made.fields.tags == {"one", "two", marker(SITE)}
    assert only(compare(region, [wanted])).verdict is Verdict.UNCHANGED
    assert not compare(region, [wanted]).todo(force=True, adopt=True, prune=True)


@pytest.mark.parametrize(
    "key", [key for key in FULL if key not in ("name", "tags", "timeout", "results", "parameters")]
)
def test_a_removed_key_is_set_back_and_said(region: Region, key: str) -> None:
    upload(region, want(FULL))
    wanted = want({name: value for name, value in FULL.items() if name != key})
    change = only(upload(region, wanted))
    assert change.verdict is Verdict.UPDATE
    assert [item.name for item in change.kept] == [key]
    assert key in [item.name for item in change.fields]
    assert only(compare(region, [wanted])).verdict is Verdict.UNCHANGED
    # What this is for: the same update without the fields leaves the old value.
    other = Region()
    upload(other, want(FULL))
    ask(other, "PUT", "scripts/50-a", content=wanted.content)
    assert key in [item.name for item in only(compare(other, [wanted])).fields]


@pytest.mark.parametrize("key", ["results", "parameters"])
def test_results_and_parameters_follow_the_metadata_by_themselves(region: Region, key: str) -> None:
    upload(region, want(FULL))
    wanted = want({name: value for name, value in FULL.items() if name != key})
    change = only(upload(region, wanted))
    assert ([item.name for item in change.fields], change.kept) == ([key], ())
    assert only(compare(region, [wanted])).verdict is Verdict.UNCHANGED


@pytest.mark.parametrize(("key", "value"), [("tags", ["three"]), ("tags", []), ("timeout", "00:20:00"), ("timeout", 0)])
def test_changed_tags_and_timeout_reach_maas(region: Region, key: str, value: object) -> None:
    upload(region, want(FULL))
    wanted = want({**FULL, key: value})
    change = only(upload(region, wanted))
    assert [item.name for item in change.kept] == [key]
    assert only(compare(region, [wanted])).verdict is Verdict.UNCHANGED


def test_null_in_the_metadata_is_no_value(region: Region) -> None:
    upload(region, want(FULL))
    empty = dict.fromkeys(("title", "description", "tags", "timeout", "packages", "for_hardware", "destructive"))
    wanted = want({**FULL, **empty})
    upload(region, wanted)
    assert only(compare(region, [wanted])).verdict is Verdict.UNCHANGED
    fields = held(region)["50-a"].fields
    assert (fields.title, fields.packages, fields.for_hardware, fields.destructive) == ("", "{}", (), False)


@pytest.mark.parametrize("key", ["script_type", "hardware_type", "parallel"])
def test_a_kind_set_to_nothing_cannot_be_brought(region: Region, key: str) -> None:
    change = only(compare(region, [want({**FULL, key: None})]))
    assert (change.verdict, change.request) == (Verdict.INVALID, None)
    assert f"{key}: empty" in change.problem


def test_windows_line_ends_are_no_change(region: Region) -> None:
    wanted = want(FULL)
    upload(region, wanted)
    same = Wanted("50-a", wanted.content.replace("\n", "\r\n"))
    assert only(compare(region, [same])).verdict is Verdict.UNCHANGED
    other = Region()
    upload(other, same)
    assert only(compare(other, [same])).verdict is Verdict.UNCHANGED
    assert only(compare(other, [wanted])).verdict is Verdict.UNCHANGED


def test_text_beyond_ascii(region: Region) -> None:
    wanted = want({**FULL, "title": "Größe ✓ 火"}, "printf '%s' 'é✓'\n")
    upload(region, wanted)
    assert only(compare(region, [wanted])).verdict is Verdict.UNCHANGED
    assert held(region)["50-a"].content == wanted.content


def test_metadata_that_names_another_script_is_refused(region: Region) -> None:
    upload(region, want(FULL))
    change = only(compare(region, [Wanted("50-a", script({**FULL, "name": "51-b"}))]))
    assert change.verdict is Verdict.INVALID
    assert "51-b" in change.problem


def test_a_renamed_script_is_created_and_its_old_one_can_be_pruned(region: Region) -> None:
    upload(region, want(FULL))
    renamed = want({**FULL, "name": "51-b"})
    found = compare(region, [renamed])
    assert [(change.name, change.verdict) for change in found.changes] == [("51-b", Verdict.CREATE)]
    assert [(item.held.name, item.edited) for item in found.prune] == [("50-a", False)]
    apply(region, found.todo())
    assert {"50-a", "51-b"} <= held(region).keys()
    apply(region, compare(region, [renamed]).todo(prune=True))
    assert "50-a" not in held(region)
    assert not compare(region, [renamed]).prune


@pytest.mark.parametrize(
    "content",
    [
        "",
        "#! /bin/sh\n",
        "#!/bin/sh\n",
        block("name: 12345"),
        block("name: [x"),
        block("name: 50-a", body="\0"),
        block("name: 50-a", "timeout: 10m"),
        block("name: 50-a", "comment: x"),
        block("name: 50-a", "hardware_type: toaster"),
        block("name: 50-a", "tags: {a: b}"),
        block("name: 50-a", "results: {a: {title: 2024-01-01}}"),
        block("name: none"),
        block("name: a/b"),
    ],
)
def test_what_maas_would_refuse_or_take_wrongly_is_said_before(region: Region, content: str) -> None:
    change = only(compare(region, [Wanted("50-a", content)]))
    assert (change.verdict, change.request) == (Verdict.INVALID, None)
    assert change.problem


def test_an_empty_script_is_called_so(region: Region) -> None:
    assert "is empty" in only(compare(region, [Wanted("50-a", "")])).problem


def test_a_foreign_script_is_left_alone_and_can_be_adopted(region: Region) -> None:
    ask(region, "POST", "scripts/", content=block("name: 50-a", "title: theirs"))
    wanted = want(FULL)
    found = compare(region, [wanted])
    assert only(found).verdict is Verdict.FOREIGN
    assert not found.todo(force=True, prune=True)
    apply(region, found.todo(adopt=True))
    assert only(compare(region, [wanted])).verdict is Verdict.UNCHANGED


def test_a_foreign_script_with_the_very_same_content_can_be_adopted(region: Region) -> None:
    wanted = want(FULL)
    ask(region, "POST", "scripts/", content=wanted.content)
    change = only(upload(region, wanted, adopt=True))
    assert (change.verdict, change.content_differs) == (Verdict.FOREIGN, False)
    assert [item.name for item in change.fields] == ["tags"]
    assert only(compare(region, [wanted])).verdict is Verdict.UNCHANGED


def test_a_script_of_another_site_is_a_conflict(region: Region) -> None:
    upload(region, want(FULL), site="other")
    change = only(compare(region, [want(FULL)]))
    assert (change.verdict, change.request) == (Verdict.CONFLICT, None)
    assert "other" in change.problem
    assert not compare(region, []).prune


def test_a_script_of_two_sites_is_pruned_by_neither(region: Region) -> None:
    upload(region, want(FULL))
    ask(region, "POST", "scripts/50-a?op=add_tag", tag=marker("other"))
    assert only(compare(region, [want(FULL)])).verdict is Verdict.CONFLICT
    assert not compare(region, []).prune


def test_maas_own_script_is_never_touched(region: Region) -> None:
    change = only(compare(region, [want({**FULL, "name": "smartctl-validate"})]))
    assert (change.verdict, change.request) == (Verdict.BUILTIN, None)
    ask(region, "POST", "scripts/maas-lshw?op=add_tag", tag=marker(SITE))
    assert not compare(region, []).prune


EDITS = {
    "content": lambda region: ask(region, "PUT", "scripts/50-a", content=script(FULL, "echo theirs\n")),
    "title": lambda region: ask(region, "PUT", "scripts/50-a", title="theirs"),
    "tags": lambda region: ask(region, "POST", "scripts/50-a?op=add_tag", tag="theirs"),
    "timeout": lambda region: ask(region, "PUT", "scripts/50-a", timeout="5"),
    "marker": lambda region: ask(region, "POST", "scripts/50-a?op=remove_tag", tag=marker(SITE)),
    "emptied": lambda region: ask(region, "PUT", "scripts/50-a", content=""),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_change_by_hand_is_drift_and_needs_force(region: Region, edit: str) -> None:
    wanted = want(FULL)
    upload(region, wanted)
    assert EDITS[edit](region).status == 200
    for script_ in (wanted, want(FULL, "echo new\n")):
        found = compare(region, [script_])
        assert only(found).verdict is Verdict.DRIFT
        assert not found.todo(adopt=True)
    apply(region, compare(region, [wanted]).todo(force=True))
    assert only(compare(region, [wanted])).verdict is Verdict.UNCHANGED


def test_a_change_by_hand_to_what_we_want_is_none(region: Region) -> None:
    upload(region, want(FULL))
    wanted = want(FULL, "echo new\n")
    ask(region, "PUT", "scripts/50-a", content=wanted.content)
    assert only(compare(region, [wanted])).verdict is Verdict.UNCHANGED


def test_a_revert_by_hand_to_one_of_our_uploads_is_an_update(region: Region) -> None:
    first, second = want(FULL), want(FULL, "echo new\n")
    upload(region, first)
    upload(region, second)
    ask(region, "POST", "scripts/50-a?op=revert", to="-1")
    change = only(upload(region, second))
    assert change.verdict is Verdict.UPDATE
    assert only(compare(region, [second])).verdict is Verdict.UNCHANGED


def test_an_edited_script_is_named_when_it_could_be_pruned(region: Region) -> None:
    upload(region, want(FULL))
    EDITS["content"](region)
    assert [item.edited for item in compare(region, []).prune] == [True]


def test_a_diff_of_the_contents(region: Region) -> None:
    upload(region, want(FULL))
    change = only(compare(region, [Wanted("50-a", script(FULL, "echo new"), "generated/example/maas/50-a")]))
    lines = content_diff(change).splitlines()
    assert lines[0].startswith("--- maas/50-a revision ")
    assert lines[1].startswith("+++ generated/example/maas/50-a")
    assert lines[-3:] == ["-echo hi", "+echo new", "\\ No newline at end of file"]
    upload(region, change.wanted)
    assert content_diff(only(compare(region, [change.wanted]))) == ""


@pytest.mark.parametrize("old", ["", "1\n2\n", "".join(f"{number}\n" for number in range(30))])
@pytest.mark.parametrize("place", [0, 1, 15, -2, -1, None])
@pytest.mark.parametrize("new", ["", "new\n", "1\n2\n", "new"])
def test_a_diff_is_that_of_the_whole_contents(region: Region, old: str, place: int | None, new: str) -> None:
    """Only what lies around the differences is compared, and the lines keep their numbers."""
    before = script(FULL, old)
    upload(region, Wanted("50-a", before))
    lines = before.splitlines(keepends=True)
    after = "".join(lines) + new if place is None else "".join([*lines[:place], new, *lines[place:][1:]])
    change = only(compare(region, [want(FULL)]))
    found = content_diff(replace(change, wanted=Wanted("50-a", after, "now")))
    labels = (f"maas/50-a revision {held(region)['50-a'].head.id}", "now")
    whole = difflib.unified_diff(lines, after.splitlines(keepends=True), *labels)
    assert found == "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in whole
    )


def test_reading_back_says_what_is_wrong(region: Region) -> None:
    wanted = want(FULL)
    found = compare(region, [wanted])
    change = only(found)
    assert verify(SITE, change, None) == ("50-a: not in MAAS after the upload",)
    apply(region, found.todo())
    assert verify(SITE, change, held(region)["50-a"]) == ()
    ask(region, "PUT", "scripts/50-a", timeout="5")
    assert "timeout" in " ".join(verify(SITE, change, held(region)["50-a"]))


def test_reading_back_says_who_wrote_meanwhile(region: Region) -> None:
    upload(region, want(FULL))
    found = compare(region, [want(FULL, "echo new\n")])
    ask(region, "PUT", "scripts/50-a", content=script(FULL, "echo theirs\n"), comment="by hand")
    apply(region, found.todo())
    problems = verify(SITE, only(found), held(region)["50-a"])
    assert len(problems) == 1
    assert "by hand" in problems[0]


def test_reading_back_says_when_the_history_was_cut(region: Region) -> None:
    upload(region, want(FULL))
    upload(region, want(FULL, "echo two\n"))
    found = compare(region, [want(FULL, "echo three\n")])
    ask(region, "POST", "scripts/50-a?op=revert", to="-1")
    apply(region, found.todo())
    assert "reverted" in " ".join(verify(SITE, only(found), held(region)["50-a"]))


def test_two_scripts_of_one_name() -> None:
    with pytest.raises(GpuaasError, match="same name"):
        compare(Region(), [want(FULL), want(FULL)])


def test_comments_fit_and_say_where_from() -> None:
    text = comment("s" * 63, "commit " * 50, "#!/bin/sh\n")
    assert len(text) == COMMENT_LIMIT
    stamp = read_comment(text)
    assert stamp is not None
    assert (stamp.site, stamp.digest) == ("s" * 63, digest("#!/bin/sh\r\n"))
    assert read_comment("by hand") is read_comment(None) is None
    with pytest.raises(ValueError, match="no site name"):
        comment("Not A Site", "abc", "")
