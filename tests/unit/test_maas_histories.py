"""Whatever was done to MAAS before: after an upload it holds what the repo says, and a second one does nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from maas_support import SITE, apply, ask, compare, held, script, upload, want

from gpuaas_scripts.lab.maas import Region
from gpuaas_scripts.maas.plan import Verdict, verify
from gpuaas_scripts.maas.stamp import marker

NAMES = ("50-a", "50-b", "50-B")
words = st.text("abé ✓_-", max_size=6)
tags = st.lists(st.sampled_from(["one", "two", "noauto", "gpu", "storage", "destructive", "a b"]), max_size=4)
values: dict[str, st.SearchStrategy[Any]] = {
    "title": st.none() | words,
    "description": st.none() | words | st.just("two\nlines\n"),
    "script_type": st.sampled_from(["commissioning", "testing", "test", 0, 2, "release"]),
    "hardware_type": st.sampled_from(["node", "GPU", "cpu", 3, "network"]),
    "parallel": st.sampled_from(["disabled", "any", "instance", 1]),
    "timeout": st.none() | st.sampled_from([0, 600, "00:10:00", "2 00:00:00", "PT15M", -5, 1.5]),
    "tags": st.none() | tags | tags.map(",".join),
    "destructive": st.booleans() | st.sampled_from(["no", "false", "0"]),
    "may_reboot": st.none() | st.booleans(),
    "recommission": st.booleans(),
    "apply_configured_networking": st.booleans(),
    "packages": st.none() | st.sampled_from([{}, {"apt": "jq"}, {"apt": ["jq"], "snap": {"name": "x"}}]),
    "for_hardware": st.none() | st.sampled_from([[], ["pci:10de:2335"], "pci:10de:2335,usb:174c:07df"]),
    "results": st.sampled_from([{}, ["a"], {"r": {"title": "R"}}]),
    "parameters": st.sampled_from([{}, {"x": {"type": "string", "default": "y"}}]),
    "unknown": st.just(1),
}
metadata = st.fixed_dictionaries({"name": st.sampled_from(NAMES)}, optional=values)
bodies = st.sampled_from(["echo hi\n", "echo ü\n", "echo hi", "echo a\r\necho b\r\n", ""])
wants = st.builds(want, metadata, bodies)
sites = st.lists(wants, max_size=3, unique_by=lambda item: item.name)
fields = st.sampled_from(
    [
        {"title": "by hand"},
        {"tags": "mine"},
        {"tags": ""},
        {"timeout": "77"},
        {"type": "testing"},
        {"packages": '{"apt": ["vim"]}'},
        {"for_hardware": "[]"},
        {"may_reboot": "true"},
        {"hardware_type": "memory"},
    ]
)
steps = st.one_of(
    st.tuples(st.just("upload"), sites, st.sampled_from([SITE, SITE, "other"])),
    st.tuples(st.just("put"), st.sampled_from(NAMES), st.builds(script, metadata, bodies) | st.just("")),
    st.tuples(st.just("post"), st.builds(script, metadata, bodies), st.none()),
    st.tuples(st.just("fields"), st.sampled_from(NAMES), fields),
    st.tuples(st.just("tag"), st.sampled_from(NAMES), st.sampled_from(["x", marker(SITE)])),
    st.tuples(st.just("untag"), st.sampled_from(NAMES), st.sampled_from(["x", marker(SITE)])),
    st.tuples(st.just("revert"), st.sampled_from(NAMES), st.just("-1")),
    st.tuples(st.just("delete"), st.sampled_from(NAMES), st.none()),
)


def do(region: Region, step: tuple[str, Any, Any]) -> None:
    """One thing that somebody does to MAAS; MAAS may refuse it."""
    kind, what, how = step
    if kind == "upload":
        upload(region, *what, site=how, force=True, adopt=True)
    elif kind == "put":
        ask(region, "PUT", f"scripts/{what}", content=how)
    elif kind == "post":
        ask(region, "POST", "scripts/", content=what)
    elif kind == "fields":
        ask(region, "PUT", f"scripts/{what}", **how)
    elif kind == "revert":
        ask(region, "POST", f"scripts/{what}?op=revert", to=how)
    elif kind == "delete":
        ask(region, "DELETE", f"scripts/{what}")
    else:
        ask(region, "POST", f"scripts/{what}?op={'add_tag' if kind == 'tag' else 'remove_tag'}", tag=how)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=6), sites)
def test_an_upload_converges_after_any_history(history: list[tuple[str, Any, Any]], wanted: list[Any]) -> None:
    region = Region()
    for step in history:
        do(region, step)
    before = {name for name, item in held(region).items() if item.sites - {SITE}}
    found = compare(region, wanted)
    apply(region, found.todo(force=True, adopt=True, prune=True))
    after = held(region)
    for change in found.changes:
        if change.name in before:
            assert change.verdict is Verdict.CONFLICT
            continue
        problems = [text for text in verify(SITE, change, after.get(change.name)) if "meanwhile" not in text]
        assert not problems
    again = compare(region, wanted)
    assert {change.verdict for change in again.changes} <= {Verdict.UNCHANGED, Verdict.CONFLICT}
    assert not again.prune
    assert not again.todo(force=True, adopt=True, prune=True)
    ours = {item.name for item in after.values() if item.sites == {SITE} and not item.default}
    assert ours == {item.name for item in wanted} - before
