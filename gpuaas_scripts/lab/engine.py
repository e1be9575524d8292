"""The container engine of the lab, and the flags that this machine needs for it.

Sources: podman-run(1), docker-run(1), capabilities(7), cgroups(7). Measured with podman 4.3 and
runc 1.1; docker takes the same path but has not been tried.
"""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.run import Completed, base_env, run

CAP_SYS_RESOURCE = 1 << 24
_KEPT_VARIABLES = (
    *("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"),
    *("DOCKER_HOST", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
)


class EngineName(StrEnum):
    """The container engines that the lab knows."""

    PODMAN = "podman"
    DOCKER = "docker"


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What decides about flags: effective user, capabilities (bit mask), limits (soft, hard), cgroups, programs.

    `cgroup2` is True only where version 2 stands alone ("unified"); hybrid and version 1 hosts have False.
    """

    euid: int
    capabilities: int
    nofile: tuple[int, int]
    nproc: tuple[int, int]
    cgroup2: bool
    pid_max: int
    programs: frozenset[str]


def host_facts(which: Callable[[str], str | None] = shutil.which) -> HostFacts:
    """Read the facts of this machine and process."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    names = (*EngineName, "runc", "crun", "mmdebstrap", "losetup")
    return HostFacts(
        euid=os.geteuid(),
        capabilities=int(effective, 16),
        nofile=resource.getrlimit(resource.RLIMIT_NOFILE),
        nproc=resource.getrlimit(resource.RLIMIT_NPROC),
        cgroup2=Path("/sys/fs/cgroup/cgroup.controllers").exists(),
        pid_max=int(Path("/proc/sys/kernel/pid_max").read_text(encoding="ascii")),
        programs=frozenset(str(name) for name in names if which(name)),
    )


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that can be used: its name and the flags that this machine needs, before and after `run`."""

    name: EngineName
    global_flags: tuple[str, ...] = ()
    run_flags: tuple[str, ...] = ()

    def argv(self, *words: str) -> list[str]:
        """The argument list for one command of the engine."""
        return [str(self.name), *self.global_flags, *words]

    def call(
        self,
        *words: str,
        timeout: float = 60,
        check: bool = True,
        stdin: str | None = None,
        stream_stderr: bool = False,
        secrets: tuple[str, ...] = (),
    ) -> Completed:
        """Run one command of the engine; `timeout` in seconds. Raises CommandError."""
        return run(
            self.argv(*words),
            timeout=timeout,
            env=base_env(*_KEPT_VARIABLES),
            check=check,
            stdin=stdin,
            stream_stderr=stream_stderr,
            secrets=secrets,
        )


def missing(facts: HostFacts, name: EngineName) -> list[str]:
    """Why the engine cannot be used on this machine; empty when it can."""
    reasons = []
    if facts.euid != 0:
        reasons.append("not root: the containers boot systemd and set up loop devices")
    if name not in facts.programs:
        reasons.append(f"{name} is not installed")
    if "losetup" not in facts.programs:
        reasons.append("losetup is not installed")
    if name is EngineName.PODMAN and name in facts.programs:
        if not facts.cgroup2 and "runc" not in facts.programs:
            reasons.append("this machine has no unified cgroup hierarchy, where crun fails, and runc is not installed")
        elif not facts.programs & {"runc", "crun"}:
            reasons.append("neither crun nor runc is installed")
    return reasons


def flags(facts: HostFacts, name: EngineName) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The engine's global flags and its `run` flags that the facts ask for.

    podman gives a container higher limits than a process without CAP_SYS_RESOURCE may set (and lowers
    its own process limit to pid_max before, measured with 4.3); crun refuses to boot systemd on hybrid
    cgroup hosts.
    """
    global_flags: list[str] = []
    run_flags: list[str] = []
    if name is EngineName.PODMAN and (not facts.cgroup2 or "crun" not in facts.programs):
        global_flags += ["--runtime", "runc"]
    if not facts.capabilities & CAP_SYS_RESOURCE:
        for limit, (soft, hard) in (("nofile", facts.nofile), ("nproc", facts.nproc)):
            top = facts.pid_max if limit == "nproc" else hard
            most = top if hard == resource.RLIM_INFINITY else min(hard, top)
            if most != resource.RLIM_INFINITY:
                run_flags += [
                    "--ulimit",
                    f"{limit}={most if soft == resource.RLIM_INFINITY else min(soft, most)}:{most}",
                ]
    return tuple(global_flags), tuple(run_flags)


def find_engine(name: EngineName | None = None, facts: HostFacts | None = None) -> Engine:
    """The engine to use: the named one, or the first of podman and docker that can be used.

    Raises GpuaasError that says all that is missing.
    """
    known = facts or host_facts()
    reasons: list[str] = []
    for candidate in [name] if name else list(EngineName):
        lacks = missing(known, candidate)
        if not lacks:
            global_flags, run_flags = flags(known, candidate)
            return Engine(candidate, global_flags, run_flags)
        reasons += [reason for reason in lacks if reason not in reasons]
    raise GpuaasError(
        "no container engine can be used: " + "; ".join(reasons),
        hint="As root on Debian or Ubuntu: apt-get install podman runc mmdebstrap",
    )
