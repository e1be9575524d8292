"""Mutants: each changes one thing, and is still shell."""

from __future__ import annotations

import subprocess

import pytest

from gpuaas_scripts.lab.mutants import Kind, mutants

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
  wipefs --all "$1"
  evidence_fail AREA gone 'still there' 'wipe it'
  evidence_pass AREA gone 'gone'
  return 0
}
main "$@"
"""


def test_every_kind_of_change_is_made_once_at_its_place() -> None:
    assert [(one.kind, one.function, one.line, one.was) for one in mutants(SCRIPT)] == [
        (Kind.NEGATED, "main", 7, '[ -e "$1" ] && mounted "$1"'),
        (Kind.EXCHANGED, "main", 7, "&&"),
        (Kind.DROPPED, "main", 8, 'mounted "$1"'),
        (Kind.SUCCESS, "main", 10, "1"),
        (Kind.NEGATED, "main", 11, 'held "$1"'),
        (Kind.DROPPED, "main", 11, 'held "$1"'),
        (Kind.SUCCESS, "main", 12, "3"),
        (Kind.EXCHANGED, "main", 14, "||"),
        (Kind.DROPPED, "main", 14, 'known "$1"'),
        (Kind.SUCCESS, "main", 14, "2"),
        (Kind.DROPPED, "main", 15, 'wipefs --all "$1"'),
        (Kind.SUCCESS, "main", 16, "evidence_fail"),
    ]


def test_every_mutant_is_shell_and_differs() -> None:
    for mutant in mutants(SCRIPT):
        assert mutant.text != SCRIPT
        done = subprocess.run(["sh", "-n"], input=mutant.text, text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"{mutant.kind} in line {mutant.line}: {done.stderr}"
