"""No secret of a BMC is to be seen: outputs, plans, records, tracebacks, argument lists have no planted one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bios_cli_support import PASSWORD, POLL, Lab, lab

from gpuaas_scripts.lab.idrac_attributes import PLANTED

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.process

GO = ("--yes", "--reset", "force", *POLL)


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path) as made:
        yield made


def tokens_of(here: Lab) -> list[str]:
    """Every session token that the stand-in gives from now on."""
    access, seen = here.bmc().access, list[str]()
    login = access.login

    def noted(user: object, password: object) -> tuple[str, object]:
        token, session = login(user, password)
        seen.append(token)
        return token, session

    here.farm.call(lambda: setattr(type(access), "login", lambda _self, user, password: noted(user, password)))
    return seen


@pytest.fixture
def tokens(one: Lab) -> Iterator[list[str]]:
    kind = type(one.bmc().access)
    before = kind.login
    yield tokens_of(one)
    kind.login = before  # type: ignore[method-assign]


def searched(here: Lab, *texts: str) -> str:
    """All that was said and written: texts, plan, records."""
    files = [path for path in (here.root / "plan.json", *here.records.rglob("*")) if path.is_file()]
    return "\n".join([*texts, *(path.read_text() for path in files)])


def test_outputs_plans_and_records(one: Lab, tokens: list[str]) -> None:
    said = []
    names = ("SHA256SystemPassword", "SHA256SetupPasswordSalt", "SysPassword")
    asked = [word for name in names for word in ("--attr", f"{name}=planted-new-{name}")]
    said.append(one.gen("plan", "--verbose", "-o", str(one.root / "plan.json"), *asked))
    said.append(one.gen("plan", "--verbose", "--format", "json", *asked))
    said.append(one.gen("export", "--verbose", *asked))
    said.append(one.gen("apply", "--verbose", "--apply", *GO))
    said.append(one.gen("status", "--verbose", "--all", "--format", "json"))
    (record,) = (one.records / "lab").glob("*.jsonl")
    said.append(one.gen("rollback", str(record), "--apply", "--verbose", *GO))
    assert [ran.code for ran in said] == [1, 1, 1, 0, 0, 0]
    text = searched(one, *(ran.both for ran in said))
    assert len(tokens) == 7, "apply and rollback log in for the plan, and for the change"
    assert "SHA256SystemPassword" in text, "the search looks at the right texts"
    for secret in (PASSWORD, PLANTED, "planted-new", *tokens):
        assert secret not in text


@pytest.mark.parametrize("kind", ["401", "503", "garbage", "truncated", "drop-middle", "drop-after", "not-ready"])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_errors(one: Lab, tokens: list[str], kind: str, method: str) -> None:
    one.direct(faults=[{"kind": kind, "method": method, "count": 200}])
    words = ("--wait", "0.2", "--timeout", "2", "--verbose")
    ran = one.gen("apply", "--apply", *GO, *words)
    one.direct(clear_faults=True, drop_sessions=True)
    for secret in (PASSWORD, PLANTED, *tokens):
        assert secret not in searched(one, ran.both)


def test_argument_lists_and_the_environment_of_others(one: Lab) -> None:
    """As `ps` shows it to everybody: every process is looked at while an apply runs."""
    words = [str(Path(sys.executable).with_name("gpuaas-gen")), "bios", "apply", "--site", "lab", "--apply", *GO]
    words += ["--root", str(one.root), "--records", str(one.records), "--verbose"]
    seen: list[bytes] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            for place in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.append(place.read_bytes())
                except OSError:
                    continue
            time.sleep(0.02)

    watcher = threading.Thread(target=look)
    watcher.start()
    ran = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    done.set()
    watcher.join()
    assert ran.returncode == 0, ran.stderr
    assert any(b"bios\0apply\0--site" in text for text in seen), "the run itself was not seen"
    for secret in (PASSWORD, PLANTED):
        assert not any(secret.encode() in text for text in seen)
        assert secret not in ran.stdout + ran.stderr


def test_a_traceback_of_a_defect(one: Lab) -> None:
    """A mistake of the program keeps its traceback, which shows code and no values."""
    code = (
        "import sys\n"
        "import gpuaas_scripts.cli.bios_planning as module\n"
        "def broken(node, desired, registry, state):\n"
        "    raise RuntimeError('a defect')\n"
        "module.make_plan = broken\n"
        "from gpuaas_scripts.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    words = [sys.executable, "-c", code, "bios", "plan", "--site", "lab", "--root", str(one.root), "--verbose"]
    ran = subprocess.run(words, capture_output=True, text=True, check=False, env=dict(os.environ), timeout=60)
    assert ran.returncode == 1
    assert "RuntimeError: a defect" in ran.stderr
    for secret in (PASSWORD, PLANTED):
        assert secret not in ran.stdout + ran.stderr
