"""The only place that starts a process.

An argument list, never a shell string. The environment is small and explicit, stdin is closed,
there is always a limit in time, and the whole process group ends with the command. A failure is a
`CommandError` whose text holds a command line that can be pasted into a shell.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpuaas_scripts.errors import GpuaasError

if TYPE_CHECKING:
    from pathlib import Path

MASK = "***"
_TAIL_LINES = 25
_GRACE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Completed:
    """A process that ended: its arguments, exit status (negative: the signal that ended it) and output as text.

    `seconds` is the wall time. Bytes that are no UTF-8 come out as U+FFFD.
    """

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    seconds: float


class CommandError(GpuaasError):
    """A command that could not start, failed, or took too long.

    `command` is the masked line to paste. `completed` is None when the command did not start.
    """

    def __init__(self, message: str, *, command: str, completed: Completed | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.command = command
        self.completed = completed


def base_env(*keep: str) -> dict[str, str]:
    """The environment that processes get by default: PATH, HOME, a UTF-8 locale, and the variables named in `keep`.

    `keep` names variables of this process; those that are not set are left out.
    """
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C.UTF-8"}
    env.update({name: os.environ[name] for name in ("TMPDIR", *keep) if name in os.environ})
    return env


def command_line(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    secrets: Iterable[str] = (),
) -> str:
    """One line that does the same in a shell; `env` holds the variables to show, `secrets` are masked."""
    words = list(argv)
    if env:
        words = ["env", *(f"{name}={value}" for name, value in sorted(env.items())), *words]
    hidden = tuple(secrets)
    line = shlex.join([mask(word, hidden) for word in words])
    return f"cd {shlex.quote(str(cwd))} && {line}" if cwd else line


def mask(text: str, secrets: Iterable[str]) -> str:
    """`text` with each secret replaced by `***`, the longest first so that no part of one is left over."""
    for secret in sorted({s for s in secrets if s}, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    check: bool = True,
    stream_stderr: bool = False,
    secrets: Iterable[str] = (),
) -> Completed:
    """Run `argv` to its end and return what it said.

    `timeout` is in seconds. `env` is the whole environment (default: `base_env()`). `stdin` is the text
    the command reads; without it stdin is empty. `stream_stderr` lets stderr through to the terminal
    instead of capturing it. `secrets` are masked in every error text (not in `Completed`).

    Raises CommandError when the command cannot start, does not end in time, or, unless `check` is
    False, exits with another status than 0. Whatever ends the wait, the process group is ended too.
    """
    if isinstance(argv, str):
        raise TypeError("argv is a list of arguments, never a shell string")
    words = [os.fspath(word) for word in argv]
    full_env = dict(base_env() if env is None else env)
    base = base_env()
    shown = {name: value for name, value in full_env.items() if base.get(name) != value}
    hidden = tuple(secrets)
    line = command_line(words, cwd=cwd, env=shown, secrets=hidden)
    started = time.monotonic()
    try:
        # A session of its own: one signal reaches everything that the command has started.
        process = subprocess.Popen(
            words,
            env=full_env,
            cwd=cwd,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if stream_stderr else subprocess.PIPE,
            start_new_session=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        reason = f"cannot start {words[0]}: {error.strerror or error}"
        raise CommandError(
            f"{mask(reason, hidden)}\n  {line}", command=line, hint="Is it installed and in PATH?"
        ) from error
    out, err, late = _wait(process, stdin, timeout)
    done = Completed(tuple(words), process.returncode, out, err, time.monotonic() - started)
    if late:
        raise CommandError(_told(f"no end after {timeout:g} s", line, done, hidden), command=line, completed=done)
    if check and done.returncode != 0:
        raise CommandError(_told(_status(done.returncode), line, done, hidden), command=line, completed=done)
    return done


def _wait(process: subprocess.Popen[str], stdin: str | None, timeout: float) -> tuple[str, str, bool]:
    """Output and error text of a process, and whether it had to be ended because its time was up."""
    late = False
    try:
        out, err = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        late = True
        _end_group(process)
        out, err = process.communicate()
    except BaseException:
        # KeyboardInterrupt above all: nothing we started stays behind.
        _end_group(process)
        process.communicate()
        raise
    return out or "", err or "", late


def _end_group(process: subprocess.Popen[str]) -> None:
    """End the process and everything in its group: first asked, then killed."""
    _signal_group(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
    # Also when the leader has ended: a child of it may live on and hold the pipes.
    _signal_group(process.pid, signal.SIGKILL)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _status(returncode: int) -> str:
    if returncode < 0:
        return f"ended by {signal.Signals(-returncode).name}"
    return f"exit status {returncode}"


def _told(what: str, line: str, done: Completed, secrets: tuple[str, ...]) -> str:
    """The error text: what went wrong, the line to paste, and the end of what the command said."""
    said = done.stderr.strip() or done.stdout.strip()
    tail = [f"  | {text}" for text in mask(said, secrets).splitlines()[-_TAIL_LINES:]]
    return "\n".join([f"{what}:", f"  {line}", *tail])
