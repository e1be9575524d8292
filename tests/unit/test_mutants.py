"""Mutants: each changes one thing, and is still shell; marks tell which tests reach it, and change nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gpuaas_scripts.lab.mutants import Function, Kind, functions, mutants
from gpuaas_scripts.lab.reach import LOG, looking, mark, read_log, with_mark

pytestmark = pytest.mark.process

SCRIPT = """\
#!/bin/sh
set -eu
log_error() {
  printf 'ä %s\\n' "$1" >&2
}
main() {
  if [ -e "$1" ] &&
    mounted "$1"; then
    log_error 'mounted'
    return 1
  elif held "$1"; then
    exit 3
  fi
  known "$1" || return 2
  while read -r line; do sleep 1; done
  until [ -e "$1" ]; do sleep 1; done
  wipefs --all "$1"
  evidence_fail AREA gone 'still there' 'wipe it'
  evidence_pass AREA gone 'gone'
  [ ! -e "$1" ]
}
main "$@"
"""

RUNS = """\
#!/bin/sh
trap 'exit 70' EXIT
set -eu
status_of() {
  status=$?
  printf 'status %s\\n' "$status"
}
fails() {
  return 4
}
kind() {
  case $1 in
    a) printf 'A\\n' ;;
    *) if fails; then :; else
      status=$?
      printf 'not a: %s\\n' "$status"
    fi ;;
  esac
}
main() {
  fails || status_of
  for one in "$@"; do
    value=$(kind "$one") && [ -n "$value" ] && printf '%s\\n' "$value"
  done
  [ "$1" = a ] || return
  cat <<END
the end
END
  false
}
{ trap - EXIT; main "$@"; exit; }
"""


def function(name: str, text: str = SCRIPT) -> Function:
    [found] = [one for one in functions(text) if one.name == name]
    return found


def test_every_kind_of_change_is_made_once_at_its_place() -> None:
    assert mutants(function("log_error")) == []
    assert [(one.kind, one.line, one.was) for one in mutants(function("main"))] == [
        (Kind.NEGATED, 2, '[ -e "$1" ] && mounted "$1"'),
        (Kind.EXCHANGED, 2, "&&"),
        (Kind.DROPPED, 3, 'mounted "$1"'),
        (Kind.SUCCESS, 5, "1"),
        (Kind.NEGATED, 6, 'held "$1"'),
        (Kind.DROPPED, 6, 'held "$1"'),
        (Kind.SUCCESS, 7, "3"),
        (Kind.DROPPED, 9, 'known "$1"'),
        (Kind.EXCHANGED, 9, "||"),
        (Kind.SUCCESS, 9, "2"),
        (Kind.NEGATED, 11, '[ -e "$1" ]'),
        (Kind.DROPPED, 12, 'wipefs --all "$1"'),
        (Kind.SUCCESS, 13, "evidence_fail"),
        (Kind.NEGATED, 15, '[ ! -e "$1" ]'),
    ]


def test_the_right_side_of_a_list_that_is_a_comparison_is_negated() -> None:
    text = 'f() {\n  [ "$a" ] && [ "$b" ] || return 1\n}\n'
    found = [(one.kind, one.was) for one in mutants(function("f", text))]
    assert (Kind.NEGATED, '[ "$b" ]') in found
    assert (Kind.NEGATED, '[ "$a" ]') not in found  # the same as && and || exchanged


def test_what_may_fail_is_exchanged_only_where_its_status_counts() -> None:
    """`x || :` and `x && :` differ in their status alone, which is looked at where they end a list."""
    source = "f() {\n  a || :\n  if b; then\n    c || true\n    d\n  fi\n  x=$(e || :)\n  g || h\n  i || :\n}"
    found = [one.line for one in mutants(Function("f", source, 0)) if one.kind is Kind.EXCHANGED]
    assert found == [7, 8, 9]


def test_every_mutant_is_shell_and_differs() -> None:
    main = function("main")
    for mutant in mutants(main):
        text = mutant.apply(main.source)
        assert text != main.source
        done = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"{mutant.kind} in line {mutant.line}: {done.stderr}"


@pytest.mark.parametrize("arguments", [["a"], ["b"], ["a", "b", "a"]])
@pytest.mark.parametrize("shell", [["dash"], ["bash"]])
def test_marks_change_neither_status_nor_output_and_tell_what_was_reached(
    arguments: list[str], shell: list[str], tmp_path: Path
) -> None:
    listed = functions(RUNS)
    marked = {(one.name, one.source): mark(one, one.name, looking(listed)) for one in listed}
    log = tmp_path / "log"
    text = with_mark(RUNS, listed, marked).replace(LOG, str(log))
    plain, changed = tmp_path / "plain", tmp_path / "changed"
    plain.write_text(RUNS)
    changed.write_text(text)
    before = subprocess.run([*shell, str(plain), *arguments], text=True, capture_output=True, check=False)
    after = subprocess.run([*shell, str(changed), *arguments], text=True, capture_output=True, check=False)
    assert (after.returncode, after.stdout, after.stderr) == (before.returncode, before.stdout, before.stderr)
    reached = set(log.read_text().split())
    kind = function("kind", RUNS)
    [negated] = [one for one in mutants(kind) if one.kind is Kind.NEGATED]
    assert (marked["kind", kind.source].of(negated) in reached) == ("b" in arguments)
    log.unlink()
    log.mkdir()  # where nothing can be written, the script does the same
    blocked = subprocess.run([*shell, str(changed), *arguments], text=True, capture_output=True, check=False)
    assert (blocked.returncode, blocked.stdout, blocked.stderr) == (before.returncode, before.stdout, before.stderr)


def test_the_log_tells_tests_apart_and_set_up_of_the_file_counts_for_all() -> None:
    log = "@\nf.1\n@setup_file\nf.2\n@test_a\ng.1\n@test_b\n@test_c\ng.1\ng.2\n"
    assert read_log(log) == [
        ("test_a", {"f.1", "f.2", "g.1"}),
        ("test_b", {"f.1", "f.2"}),
        ("test_c", {"f.1", "f.2", "g.1", "g.2"}),
    ]
