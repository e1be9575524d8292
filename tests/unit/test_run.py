"""run(): what it gives, what its errors show, and that nothing outlives it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.run import CommandError, base_env, command_line, mask, run

pytestmark = pytest.mark.process


def test_gives_status_and_both_outputs() -> None:
    done = run(["sh", "-c", "echo out; echo err >&2; exit 3"], timeout=10, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert 0 < done.seconds < 10


def test_a_shell_string_is_refused() -> None:
    with pytest.raises(TypeError, match="never a shell string"):
        run("echo x", timeout=10)


def test_arguments_are_passed_as_they_are() -> None:
    words = ["a b", "$HOME", "*", "'", "", "ä"]
    assert run(["printf", "%s|", *words], timeout=10).stdout == "|".join([*words, ""])


def test_stdin_is_empty_by_default_and_text_when_given() -> None:
    assert run(["cat"], timeout=10).stdout == ""
    assert run(["cat"], timeout=10, stdin="text").stdout == "text"


def test_the_environment_is_explicit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SECRET", "x")
    names = {line.split("=")[0] for line in run(["env"], timeout=10).stdout.splitlines()}
    assert "LAB_SECRET" not in names
    assert {"PATH", "HOME", "LC_ALL"} <= names
    assert run(["env"], timeout=10, env={"A": "b"}).stdout == "A=b\n"
    assert base_env("LAB_SECRET")["LAB_SECRET"] == "x"
    assert "NOT_SET" not in base_env("NOT_SET")


def test_bytes_that_are_no_text_do_not_raise() -> None:
    assert run(["printf", r"\377"], timeout=10).stdout == "\ufffd"


def test_a_failure_prints_a_line_that_can_be_pasted(tmp_path: Path) -> None:
    odd = tmp_path / "a 'folder"
    odd.mkdir()
    argv = ["sh", "-c", 'echo "$0 $LAB_NAME $(pwd)"; exit 4', "it's; rm -rf $HOME"]
    with pytest.raises(GpuaasError) as caught:
        run(argv, timeout=10, cwd=odd, env={**base_env(), "LAB_NAME": "one two"})
    assert isinstance(caught.value, CommandError)
    assert str(caught.value).startswith("exit status 4:\n")
    assert caught.value.completed is not None
    pasted = subprocess.run(["sh", "-c", caught.value.command], capture_output=True, text=True, check=False)
    assert pasted.returncode == 4
    assert pasted.stdout == caught.value.completed.stdout == f"it's; rm -rf $HOME one two {odd}\n"


def test_a_failure_shows_the_end_of_stderr() -> None:
    with pytest.raises(CommandError) as caught:
        run(["sh", "-c", "seq 100 >&2; exit 1"], timeout=10)
    assert "| 100" in str(caught.value)
    assert "| 50\n" not in str(caught.value)


def test_a_signal_is_named() -> None:
    with pytest.raises(CommandError, match="ended by SIGKILL"):
        run(["sh", "-c", "kill -KILL $$"], timeout=10)


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(CommandError, match="cannot start no-such-command") as caught:
        run(["no-such-command", "x y"], timeout=10)
    assert caught.value.hint
    assert "no-such-command 'x y'" in str(caught.value)


def test_secrets_appear_nowhere_in_an_error() -> None:
    secret = "s3 'cret"
    argv = ["sh", "-c", 'echo "$1 $2" >&2; exit 1', "sh", secret, f"key={secret}"]
    with pytest.raises(CommandError) as caught:
        run(argv, timeout=10, env={**base_env(), "TOKEN": secret}, secrets=[secret, "", "s3"])
    told = f"{caught.value}\n{caught.value.command}"
    assert "s3" not in told
    assert "cret" not in told
    assert "***" in told
    assert mask("abc", ["", "b", "abc"]) == "***"


def test_the_time_is_limited_and_nothing_lives_on(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = f"(trap '' TERM; sleep 60) & echo $! >{shlex.quote(str(pids))}; echo started; wait"
    started = time.monotonic()
    with pytest.raises(CommandError, match=r"no end after 0\.5 s") as caught:
        run(["sh", "-c", code], timeout=0.5)
    assert time.monotonic() - started < 10
    assert caught.value.completed is not None
    assert caught.value.completed.stdout == "started\n"
    assert not alive(int(pids.read_text()))


def test_an_interrupt_ends_the_command(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    program = (
        "import os, signal, threading\n"
        "from gpuaas_scripts.run import run\n"
        "threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        f"run(['sh', '-c', 'echo $$ >{pid}; sleep 60; true'], timeout=50)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert "KeyboardInterrupt" in done.stderr
    assert not alive(int(pid.read_text()))


def test_command_line_shows_what_matters() -> None:
    line = command_line(["a", "b c"], cwd=Path("/x y"), env={"K": "v w"}, secrets=["c"])
    assert line == "cd '/x y' && env 'K=v w' a 'b ***'"


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    for _ in range(20):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return False
        if state == "Z":
            return False
        time.sleep(0.05)
    return True
