"""The stand-in `racadm` as a backend: a folder of PATH with it, and an `ssh` that runs its command here."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, TypeVar

import pytest

from gpuaas_scripts.lab.racadm import Racadm, install
from gpuaas_scripts.secrets import Secret
from gpuaas_scripts.sinks.bmc import Target, Tls
from gpuaas_scripts.sinks.racadm import RacadmBmc
from gpuaas_scripts.sinks.racadm_call import Reach

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

T = TypeVar("T")
PASSWORD = "planted-c0ffee-password"
SSH = """#!/bin/sh
# As ssh does: the last argument is a line for the login shell.
printf '%s\\n' "$*" >>"${0%/*}/ssh.log"
for line; do :; done
[ ! -e "${0%/*}/ssh.broken" ] || { echo 'ssh: connect to host n1 port 22: No route to host' >&2; exit 255; }
exec sh -c "$line"
"""


@pytest.fixture
def racadm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Racadm:
    """The stand-in in PATH, trusted by remote calls, that asks for a login as the real one may."""
    made = install(tmp_path / "bin")
    made.change(trusted=True, prompts="UserName: Password: ")
    for name, text in (("ssh", SSH), ("id", "#!/bin/sh\necho 0\n")):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return made


def backend(reach: Reach = Reach.LOCAL, tls: Tls = Tls(), program: str = "racadm") -> RacadmBmc:  # noqa: B008
    """A backend for node n1."""
    return RacadmBmc(Target("n1", "192.0.2.1", "root", Secret(PASSWORD), tls), reach, ssh_host="n1", program=program)


def use(bmc: RacadmBmc, work: Callable[[RacadmBmc], Awaitable[T]]) -> T:
    """Open the backend, do the work, close it."""

    async def inside() -> T:
        async with bmc as opened:
            return await work(opened)

    return asyncio.run(inside())
