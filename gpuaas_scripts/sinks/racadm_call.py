"""One call of RACADM: the binary of this machine, that of the host over ssh, or remote RACADM towards the BMC.

The password is never in an argument list, where `ps` shows it to everybody: remote RACADM is told to
ask for the login (`-i`) and reads it from stdin. It runs in a session without a terminal, so a prompt
that insists on one ends in an error and never in a wait. Certificates are checked (`-S`).
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from ..bios.messages import one_line
from ..bios.registry import BiosError
from ..run import CommandError, Completed, base_env, run

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDERS = ("/opt/dell/srvadmin/bin", "/opt/dell/srvadmin/sbin")
"""Where Dell's packages put `racadm`; not in PATH by default."""

READ_S, WRITE_S = 60.0, 120.0
"""How long a call may take that reads, and one that changes something; local ones take 2 to 4 seconds."""

_SSH_FAILED = 255  # ssh(1): its own exit status when the connection failed
_NOT_THERE = 127  # a shell's exit status for a command that it does not find
_PROMPTS = re.compile(r"\A\s*(?:User\s?Name\s*:\s*)?(?:Password\s*:\s*)?", re.IGNORECASE)


class Reach(StrEnum):
    """How RACADM reaches the BMC."""

    LOCAL = "local"
    SSH = "ssh"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class Racadm:
    """Where RACADM runs and for which BMC.

    `host`: of `ssh` (what ssh takes: a name of its configuration, `user@address`) or the BMC's
    address for remote RACADM. `insecure`: remote RACADM goes on with a certificate that it does not trust.
    """

    reach: Reach
    host: str = ""
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    insecure: bool = False
    program: str = "racadm"

    def __post_init__(self) -> None:
        if self.host.startswith("-") or any(char.isspace() for char in self.host):
            raise BiosError(f"{self.host!r} is no host")
        if any(not (char.isprintable()) for char in self.user + self.password):
            raise BiosError("a user name or password for RACADM must be one line of printable characters")

    @property
    def shown(self) -> str:
        """Where it runs, for people."""
        return {Reach.LOCAL: "racadm on this machine", Reach.SSH: f"racadm on {self.host} over ssh"}.get(
            self.reach, f"remote racadm to {self.host}"
        )


class RacadmLostError(BiosError):
    """A call without an answer: what it had to do may be done or not, unless it was never `started`.

    Nothing of a secret is in its text.
    """

    def __init__(self, message: str, *, hint: str = "", started: bool = True) -> None:
        super().__init__(message, hint=hint)
        self.started = started


def call(racadm: Racadm, words: Sequence[str], timeout: float = READ_S) -> Completed:
    """Run one command and return what it said, whatever its exit status; prompts are taken away.

    Raises RacadmLostError when there is no answer (not started, no end in time, ssh failed).
    """
    for word in words:
        if racadm.password and racadm.password in word:
            raise BiosError("a password must not be an argument of racadm")
    argv, stdin = _command(racadm, words)
    secrets = [text for text in (racadm.password,) if text]
    try:
        done = run(argv, timeout=timeout, env=_environment(), check=False, stdin=stdin, secrets=secrets)
    except CommandError as error:
        first = str(error).splitlines()[0].rstrip(":")
        raise RacadmLostError(
            f"{racadm.shown}: {first}: racadm {' '.join(words[:2])}",
            hint=_hint(racadm, error.completed),
            started=error.completed is not None,
        ) from None
    if racadm.reach is Reach.SSH and done.returncode in {_SSH_FAILED, _NOT_THERE}:
        said = one_line((done.stderr.strip().splitlines() or ["no answer"])[-1])
        hint = f"does this work: ssh {racadm.host} racadm getversion"
        raise RacadmLostError(f"{racadm.shown}: {said}", hint=hint, started=done.returncode == _SSH_FAILED)
    text = _PROMPTS.sub("", done.stdout, count=1) if racadm.reach is Reach.REMOTE else done.stdout
    return Completed(done.argv, done.returncode, text, done.stderr, done.seconds)


def _hint(racadm: Racadm, done: Completed | None) -> str:
    if done is not None:
        return "The BMC may be busy; try again, or use --backend redfish."
    if racadm.reach is Reach.SSH:
        return "Install an ssh client."
    return f"Install Dell's racadm, or put it in PATH (it is looked for in {', '.join(FOLDERS)} too)."


def _environment() -> dict[str, str]:
    env = base_env("SSH_AUTH_SOCK")
    env["PATH"] = os.pathsep.join((env["PATH"], *FOLDERS))
    return env


def _command(racadm: Racadm, words: Sequence[str]) -> tuple[list[str], str | None]:
    """The argument list, and what the command reads."""
    match racadm.reach:
        case Reach.LOCAL:
            return [racadm.program, *words], None
        case Reach.SSH:
            options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15"]
            return ["ssh", *options, "--", racadm.host, _over_ssh(racadm.program, words)], None
        case Reach.REMOTE:
            trust = [] if racadm.insecure else ["-S"]
            login = f"{racadm.user}\n{racadm.password}\n"
            return [racadm.program, "-r", racadm.host, "-i", *trust, *words], login


def _over_ssh(program: str, words: Sequence[str]) -> str:
    """A line for the login shell of the host: found beside PATH too, and by sudo where the login is not root's."""
    return (
        f'PATH="$PATH:{":".join(FOLDERS)}"; '
        f"r=$(command -v {shlex.quote(program)}) || {{ echo 'racadm: not installed on this host' >&2; exit 127; }}; "
        f'[ "$(id -u)" = 0 ] || set -- sudo -n; exec "$@" "$r" {shlex.join(words)}'
    )
