"""The shell checks of lint beyond the corpus: tools that are missing, the cache, and what composing makes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import lint_support
import pytest

from gpuaas_scripts.checks import contract, maas_metadata, shell_calls, shellcheck, shells, shfmt
from gpuaas_scripts.checks.base import Skip, Text, TextKind, Tree
from gpuaas_scripts.checks.collect import tree_of_plan
from gpuaas_scripts.checks.lint import lint
from gpuaas_scripts.checks.shell_texts import Dialect, batches, dialect, scripts
from gpuaas_scripts.config.site import load
from gpuaas_scripts.errors import Finding, GpuaasError, Location, Severity
from gpuaas_scripts.planner import make_plan
from gpuaas_scripts.renderers.script import compose
from gpuaas_scripts.run import run
from gpuaas_scripts.templates import Library, SourceText

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
BAD = "#!/bin/sh\nrm -rf $1\n"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def shell(content: str, path: str = "a.sh", kind: TextKind = TextKind.SHELL) -> Text:
    return Text(path, content, kind)


def codes(check: ModuleType, *texts: Text) -> list[str]:
    return [one.code for one in check.check(Tree(texts)) if isinstance(one, Finding)]


def composed(path: str, body: str, fragment: str) -> Text:
    """A script of a site, without the site: composed of one fragment and a body."""
    made = compose("", "", {}, [SourceText("lib/one.sh", fragment)], SourceText(f"{path}/body.sh", body))
    return Text(path, made.text, TextKind.SHELL, composed=made)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("#!/bin/sh", Dialect.POSIX),
        ("#!/bin/sh -e", Dialect.POSIX),
        ("#! /bin/dash", Dialect.POSIX),
        ("#!/usr/bin/env bash", Dialect.BASH),
        ("#!/usr/bin/env -S bash -eu", Dialect.BASH),
        ("#!/bin/bash -ex", Dialect.BASH),
        ("#!/bin/busybox sh", Dialect.POSIX),
        ("#!/bin/mksh", Dialect.KSH),
        ("echo no first line", Dialect.POSIX),
        ("#!", Dialect.POSIX),
        ("#!/usr/bin/python3", None),
        ("#!/usr/bin/env python3", None),
    ],
)
def test_dialect(first: str, expected: Dialect | None) -> None:
    assert dialect(f"{first}\nexit 0\n") is expected


def test_the_same_text_is_looked_at_once_and_other_languages_not_at_all() -> None:
    texts = (shell(BAD, "a"), shell(BAD, "b"), shell("#!/usr/bin/python3\n", "c"), shell("x", "d", TextKind.YAML))
    found = scripts(Tree(texts))
    assert [[text.path for text in same] for same in found.values()] == [["a", "b"]]


def test_batches_hold_each_text_once_and_are_about_equal() -> None:
    texts = ["x" * size for size in (900, 10, 10, 500, 400, 10, 10, 10, 10, 10, 10, 10)]
    made = batches(texts)
    assert sorted(index for members in made for index in members) == list(range(len(texts)))
    assert [0] in made
    assert batches([]) == []


@pytest.mark.parametrize("check", [shellcheck, shells, shfmt, maas_metadata])
def test_a_missing_tool_is_told(check: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "find" if check is shells else "beside", lambda _name: None)
    monkeypatch.setattr(shell_calls, "beside", lambda _name: None)
    answers = list(check.check(Tree((shell(BAD, "maas/a.sh", TextKind.MAAS_SCRIPT),))))
    skips = [one for one in answers if isinstance(one, Skip)]
    assert skips
    assert all(skip.package and "not installed" in skip.reason for skip in skips)
    if check is shells:
        assert [skip.package for skip in skips] == ["dash", "busybox", "bash", "mksh", "yash"]


def test_a_missing_tool_of_the_contract_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "beside", lambda _name: None)
    tree, _ = lint_support.tree(lint_support.CASES / "shell-contract")
    assert [type(one) for one in contract.check(tree)] == [Skip]


@pytest.mark.parametrize("check", [shellcheck, shells, shfmt, contract, maas_metadata])
def test_nothing_to_look_at_needs_no_tool(check: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "find" if check is shells else "beside", lambda _name: None)
    assert list(check.check(Tree((shell("a: 1", "a.yaml", TextKind.YAML),)))) == []


@pytest.mark.process
@pytest.mark.parametrize("check", [shellcheck, shells, shfmt])
def test_an_answer_is_remembered(check: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run starts no process; another text does."""
    bad = shell("#!/bin/sh\nmain() {\n  echo one\n    echo two $1\n  echo three\n  x=(1)\n}\nmain\n")
    first = list(check.check(Tree((bad,))))

    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(check, "run", refuse)
    assert list(check.check(Tree((bad,)))) == first
    with pytest.raises(AssertionError, match="a process was started"):
        list(check.check(Tree((shell(BAD + "#\n"),))))


@pytest.mark.process
def test_an_answer_of_another_program_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cached `nothing wrong` of one shellcheck is not that of the next one."""
    silent = tmp_path / "shellcheck"
    silent.write_text("#!/bin/sh\necho '{\"comments\": []}'\n")
    silent.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr(shellcheck, "beside", lambda _name: str(silent))
        assert codes(shellcheck, shell(BAD)) == []
    assert codes(shellcheck, shell(BAD)) == ["SC2086"]


@pytest.mark.process
def test_a_broken_shellcheck_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "shellcheck"
    broken.write_text("#!/bin/sh\necho no such option >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(shellcheck, "beside", lambda _name: str(broken))
    with pytest.raises(GpuaasError, match="no such option"):
        list(shellcheck.check(Tree((shell(BAD),))))


@pytest.mark.process
def test_a_users_shellcheckrc_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".shellcheckrc").write_text("disable=all\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELLCHECK_OPTS", "--exclude=SC2086")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert codes(shellcheck, shell(BAD)) == ["SC2086"]


@pytest.mark.process
def test_all_optional_checks_are_on_but_four() -> None:
    program = shellcheck.beside("shellcheck")
    assert program is not None
    said = run([program, "--list-optional"], timeout=30).stdout
    known = {line.split()[1] for line in said.splitlines() if line.startswith("name:")}
    off = {"check-set-e-suppressed", "check-extra-masked-returns", "require-variable-braces"}
    assert known - set(shellcheck.OPTIONAL) == {*off, "require-double-brackets"}


@pytest.mark.process
def test_variables_of_the_runner_are_known_in_maas_scripts_only() -> None:
    text = '#!/bin/sh\nprintf "%s\\n" "$RESULT_PATH" "$SITE_NAME"\n'
    told = shellcheck.check(Tree((shell(text, "maas/a.sh", TextKind.MAAS_SCRIPT),)))
    assert [one.message.split()[0] for one in told if isinstance(one, Finding)] == ["SITE_NAME"]
    assert codes(shellcheck, shell(text)) == ["SC2154", "SC2154"]


USED = "one_used() {\n  printf '%s\\n' \"$1\"\n}\n"
UNUSED = "one_unused() {\n  printf '%s\\n' $1\n}\n"


@pytest.mark.process
def test_composed_scripts_are_told_in_their_sources_and_once() -> None:
    """What a fragment lacks is told once, at its own line; that a script does not call it is nothing."""
    body = "main() {\n  one_used a\n}\n"
    texts = (composed("look", body, USED + UNUSED), composed("see", body, USED + UNUSED))
    found = [one for one in shellcheck.check(Tree(texts)) if isinstance(one, Finding)]
    assert [(one.code, one.location) for one in found] == [("SC2086", Location("lib/one.sh", 5, 17, 2))]


@pytest.mark.process
def test_what_one_script_does_not_use_of_a_fragment_is_told_only_if_none_does() -> None:
    fragment = "one_set() {\n  one_value=1\n}\n"
    uses = composed("look", 'main() {\n  one_set\n  echo "$one_value"\n}\n', fragment)
    leaves = composed("see", "main() {\n  one_set\n}\n", fragment)
    assert codes(shellcheck, uses, leaves) == []
    assert codes(shellcheck, leaves) == ["SC2034"]


@pytest.mark.process
def test_a_syntax_error_is_told_without_echoes() -> None:
    assert codes(shellcheck, shell('#!/bin/sh\necho "a\n')) == ["SC1073"]


@pytest.mark.process
def test_shells_that_are_there_say_who_refuses() -> None:
    there = [shell_.name for shell_ in shells.SHELLS if shells.find(shell_.argv[0])]
    found = [one for one in shells.check(Tree((shell("#!/bin/sh\necho 'a\n"),))) if isinstance(one, Finding)]
    assert len(found) == 1
    assert f"cannot be parsed by {', '.join(there)}: " in found[0].message


@pytest.mark.process
def test_bash_is_parsed_by_bash_only() -> None:
    assert codes(shells, shell('#!/bin/bash\nx=(1 2)\nread -r y < <(ls)\necho "$y ${x[0]}"\n')) == []


@pytest.mark.parametrize(
    ("said", "line", "rest"),
    [
        ("/tmp/0.sh: 5: Syntax error: redirection unexpected", 5, "Syntax error: redirection unexpected"),
        ("/tmp/0.sh: line 6: syntax error: bad", 6, "syntax error: bad"),
        ("E: /tmp/0.sh[7]: no closing quote", 7, "no closing quote"),
        ("/tmp/0.sh:8: syntax error: `fi' is missing", 8, "syntax error: `fi' is missing"),
    ],
)
def test_what_each_shell_says_is_understood(said: str, line: int, rest: str) -> None:
    match = shells._PLACE.match(said)
    assert match is not None
    assert int(match["mksh"] or match["line"] or match["yash"]) == line
    assert said[match.end() :] == rest


def test_first_difference() -> None:
    assert shfmt.first_difference("a\n  b\n", "a\n  b\n") is None
    assert shfmt.first_difference("a\n   b\n", "a\n  b\n") == shfmt.Slip(2, 3, "  b")
    assert shfmt.first_difference("a\nb;\n", "a\nb\n") == shfmt.Slip(2, 2, "b")
    assert shfmt.first_difference("a\n\n\nb\n", "a\n\nb\n") == shfmt.Slip(3, 1, "b")
    assert shfmt.first_difference("a", "a\n") == shfmt.Slip(1, 2, "")


def test_own_step() -> None:
    assert shfmt.own_step("a() {\n\tb\n\tc\n}\n") == 0
    assert shfmt.own_step("a() {\n    b\n    if c; then\n        d\n    fi\n}\n") == 4
    assert shfmt.own_step("a\nb\n") == 2


def test_slips_are_indentation_only() -> None:
    """A line that goes on, a comment, and what is written otherwise are a matter of style."""
    text = "f() {\n  a |\n      b\n   c\n    # comment\nif x\nthen\n  d\nfi\n}\n"
    wanted = "f() {\n  a |\n    b\n  c\n  # comment\n  if x; then\n    d\n  fi\n}\n"
    assert [slip.line for slip in shfmt.slips(text, wanted)] == [4, 8, 9]


@pytest.mark.process
def test_a_file_of_another_style_is_left_alone() -> None:
    """Where much differs it is a style, not a slip; generated files are judged by their sources."""
    lines = "\n".join(f"   {'  ' * (number % 3)}echo {number}" for number in range(12))
    assert codes(shfmt, shell(f"#!/bin/sh\nmain() {{\n{lines}\n}}\nmain\n")) == []
    banner = "#!/bin/sh\ntrap 'exit 70' EXIT\n# Generated by gpuaas-gen for site x.\n"
    slip = "main() {\n  a\n   b\n  c\n  d\n  e\n  f\n}\nmain\n"
    assert codes(shfmt, shell(f"#!/bin/sh\n{slip}")) == ["GS412"]
    assert codes(shfmt, shell(banner + slip)) == []


@pytest.mark.process
def test_formatted() -> None:
    assert shfmt.formatted("f()\n{\n      a\n}\n") == "f() {\n  a\n}\n"
    assert shfmt.formatted("f() {\n") is None


@pytest.mark.process
@pytest.mark.parametrize("site", ["example", "maas280"])
def test_the_repositorys_own_templates_are_clean(site: str) -> None:
    tree = tree_of_plan(make_plan(load(site, ROOT).site, Library.for_root(ROOT)))
    checks = ("shellcheck", "shells", "shfmt", "contract", "maas_metadata")
    assert [str(finding) for finding in lint([tree], only=checks).findings] == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("racadm get x", "racadm get x"),
        ("sudo -n timeout -k 5 60 racadm set x", "racadm set x"),
        ("timeout 60 nice -n 5 wipefs -a /dev/x", "wipefs -a /dev/x"),
        ("env A=1 B=2 nvme list", "nvme list"),
        ("xargs -rn1 -P1 blkdiscard", "blkdiscard"),
        ("xargs -n 1 blkdiscard", "blkdiscard"),
        ("command -v wipefs", ""),
        ("command wipefs -a x", "wipefs -a x"),
        ("sudo -u root FOO=1 reboot", "reboot"),
        ("timeout 60", ""),
    ],
)
def test_wrappers_are_taken_off(words: str, expected: str) -> None:
    assert shell_calls.unwrapped(tuple(words.split())) == tuple(expected.split())


CALLS = """run() {
  timeout 5 racadm "$@"
}
run set "$1"
{
  echo "status: passed"
  jq -n .
} >"$RESULT_PATH"
cat >>"${RESULT_PATH:?}" <<EOF
results:
  a: $x
EOF
ls | tee "$OTHER" | sort
bash -c 'wipefs -a "$0"' x
"""


@pytest.mark.process
def test_calls_and_writes() -> None:
    found = shell_calls.calls_of(shell(CALLS))
    assert found is not None
    calls = [(call.words, call.line) for call in found.calls]
    assert (("racadm", "set", shell_calls.DYNAMIC), 4) in calls
    assert (("wipefs", "-a", shell_calls.DYNAMIC), 14) in calls
    writes = [(write.variable, write.text, write.line) for write in found.writes]
    assert writes == [
        ("RESULT_PATH", "status: passed\n", 6),
        ("RESULT_PATH", None, 7),
        ("RESULT_PATH", f"results:\n  a: {shell_calls.DYNAMIC}\n", 10),
        ("OTHER", None, 13),
    ]
    assert shell_calls.calls_of(shell("f() {\n")) == shell_calls.Calls(broken=True)
    assert shell_calls.calls_of(shell("#!/usr/bin/python3\n")) is None


@pytest.mark.process
def test_calls_of_a_composed_script_are_those_of_its_parts() -> None:
    """A call in the body reaches the tool through a fragment's function; lines are those of the whole."""
    text = composed("look", "main() {\n  one_run set x\n}\n", 'one_run() {\n  timeout 5 racadm "$@"\n}\n')
    found = shell_calls.calls_of(text)
    assert found is not None
    (call,) = [call for call in found.calls if call.words == ("racadm", "set", "x")]
    assert text.content.split("\n")[call.line - 1] == "  one_run set x"


def test_severities() -> None:
    comment = shellcheck.Comment(1, 1, 1, "info", "SC2086", "x")
    assert shellcheck._finding(shell(BAD), comment).severity is Severity.WARNING
    comment = shellcheck.Comment(1, 1, 1, "warning", "SC2155", "x")
    assert shellcheck._finding(shell(BAD), comment).severity is Severity.ERROR
