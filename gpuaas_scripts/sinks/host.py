"""Looks at a deployed host over ssh; changes nothing there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ..evidence.handover import Look
from ..evidence.parse import parse
from ..evidence.report import clean
from ..run import CommandError, Completed, base_env, run

SSH = (
    *("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"),
    *("-o", "StrictHostKeyChecking=accept-new", "-o", "ServerAliveInterval=10"),
)
"""Never asks; takes the key of a host that it meets for the first time, and refuses a changed one."""

_BOOT = "cat /proc/sys/kernel/random/boot_id && uname -n"
_CLOUD = "cloud-init status --format json"
_SYSTEM = "systemctl is-system-running"
_NO_LOGIN = 255
"""ssh's own exit status: the command did not run."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host by ssh: the command line up to the target (`ssh -i KEY`), the target, the parity check's path.

    `timeout_s` is for one question, the parity check's own limit is `parity_timeout_s`.
    """

    ssh: tuple[str, ...]
    target: str
    parity: str
    timeout_s: float = 60.0
    parity_timeout_s: float = 600.0

    def look(self) -> Look:
        """Ask everything that can be asked now. Never raises for a host that does not answer: `problem` says why."""
        try:
            boot = self._ask(_BOOT)
            if boot.returncode != 0:
                said = clean(_last_line(boot.stderr)) or f"exit status {boot.returncode}"
                return Look(problem=f"ssh: {said}")
            id_, _, name = boot.stdout.strip().partition("\n")
            hostname = clean(name.strip().split(".")[0])
            cloud, errors = _cloud(self._ask(_CLOUD))
            system = self._ask(_SYSTEM).stdout.strip()
            if cloud != "done" or errors:
                return Look(id_, hostname, cloud, errors, system)
            done = self._ask(f"sudo -n {self.parity}", self.parity_timeout_s)
        except CommandError as error:
            return Look(problem=str(error).splitlines()[0])
        if done.returncode == _NO_LOGIN:
            return Look(problem=f"ssh: {clean(_last_line(done.stderr)) or 'connection lost'}")
        report = parse(done.stdout)
        said = clean(_last_line(done.stderr))
        return Look(id_, hostname, cloud, errors, system, report, done.returncode, said)

    def _ask(self, command: str, timeout_s: float | None = None) -> Completed:
        words = [*self.ssh, self.target, command]
        # ssh finds its agent by the environment
        return run(words, timeout=timeout_s or self.timeout_s, env=base_env("SSH_AUTH_SOCK"), check=False)


def _cloud(done: Completed) -> tuple[str, tuple[str, ...]]:
    """cloud-init's status and errors. It exits with 1 on an error and 2 on one that it got over."""
    try:
        said = json.loads(done.stdout)
    except ValueError:
        return "", ()
    if not isinstance(said, dict):
        return "", ()
    errors = said.get("errors") or []
    return str(said.get("status", "")), tuple(map(str, errors)) if isinstance(errors, Sequence) else (str(errors),)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
