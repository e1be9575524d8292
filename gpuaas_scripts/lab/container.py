"""A container that boots systemd as PID 1 and can do a host's work without reaching the build machine.

It has all capabilities but those that reach the shared kernel, sees only loop block devices (a wrong
device name can hit no disk of the build machine, even by mknod), and has /sys and all of /proc/sys
but net read-only. Sources: podman-run(1), cgroup-v1/devices.rst, systemd's CONTAINER_INTERFACE.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.engine import Engine, EngineName
from gpuaas_scripts.lab.hosts import FixtureHost
from gpuaas_scripts.lab.image import ImageRef
from gpuaas_scripts.lab.loops import detach, own_loops
from gpuaas_scripts.run import CommandError, Completed

LABEL = "gpuaas-lab"
SEED = "/var/lib/cloud/seed/nocloud"
BOOT_TIMEOUT = 90.0
_HERE = Path(__file__).parent
_POLL_SECONDS = 0.15
_ENTRY = ("/usr/bin/python3", "-I", "-S", "/gpuaas/lab/entry.py")
# One call of the engine for all: each is some 100 ms of CPU.
_AWAIT_BOOT = (
    "until [ -S /run/systemd/private ]; do sleep 0.05; done; systemctl is-system-running --wait;"
    " exec systemctl list-units --failed --plain --no-legend"
)
_FREE_MINORS = 64
_BLKEXT = 259
# reboot(2) in a PID namespace: SIGHUP for a restart, SIGINT for halt and power-off.
_REBOOTED = "129"
# Capabilities that act on the kernel as a whole, not on a namespace or a device that was let in.
_DROPPED = (
    "SYS_MODULE",
    "SYS_TIME",
    "SYS_RAWIO",
    "SYSLOG",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "BPF",
    "PERFMON",
    "WAKE_ALARM",
)


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of this machine at an absolute path in the container; read-only unless `writable`."""

    source: Path
    target: str
    writable: bool = False

    @property
    def flag(self) -> str:
        """The value of the engine's `--volume`."""
        return f"{self.source.resolve()}:{self.target}{'' if self.writable else ':ro'}"


class Container:
    """A booted container; made by `boot()`, which also removes it.

    `failed_units` holds the units that had failed when the boot was over.
    """

    def __init__(self, engine: Engine, name: str, allow_degraded: bool) -> None:
        self.engine = engine
        self.name = name
        self.failed_units: tuple[str, ...] = ()
        self._allow_degraded = allow_degraded

    def exec(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
        check: bool = True,
        stdin: str | None = None,
        secrets: tuple[str, ...] = (),
    ) -> Completed:
        """Run a command as root in the container. Raises CommandError like `run()`; `timeout` in seconds."""
        words = ["exec", *(["--interactive"] if stdin is not None else [])]
        for key, value in (env or {}).items():
            words += ["--env", f"{key}={value}"]
        words += [self.name, *argv]
        return self.engine.call(*words, timeout=timeout, check=check, stdin=stdin, secrets=secrets)

    def sh(self, script: str, *, timeout: float = 60, check: bool = True) -> Completed:
        """Run a few lines of shell in the container, with `set -eu`; for tests, never for rendered scripts."""
        return self.exec(["sh", "-euc", script], timeout=timeout, check=check)

    def read(self, path: str) -> str:
        """The text of a file in the container."""
        return self.exec(["cat", path]).stdout

    def write(self, path: str, text: str, *, mode: str = "0644") -> None:
        """Put text into a file of the container, owned by root."""
        line = 'install -D -m "$2" /dev/stdin "$1"'
        self.exec(["sh", "-euc", line, "sh", path, mode], stdin=text)

    def copy_in(self, source: Path, target: str) -> None:
        """Copy a file or folder of this machine into the container."""
        self.engine.call("cp", str(source), f"{self.name}:{target}")

    def cpu_seconds(self) -> float:
        """CPU time of all that ran in it since it was started, on all CPUs (cgroup-v1/cpuacct.rst, cgroup-v2.rst)."""
        said = self.sh("cd /sys/fs/cgroup; cat cpuacct/cpuacct.usage 2>/dev/null || cat cpu.stat").stdout.split()
        return int(said[0]) / 1e9 if len(said) == 1 else int(said[said.index("usage_usec") + 1]) / 1e6

    def logs(self) -> str:
        """What the boot printed, and the journal as far as it can be read."""
        said = self.engine.call("logs", self.name, check=False)
        journal = self.exec(["journalctl", "--no-pager", "-b", "-n", "200"], check=False)
        return said.stdout + said.stderr + journal.stdout

    def restart(self) -> None:
        """Shut down and boot again with the same disk; /run, /dev, /tmp and all of the kernel's state are new."""
        loops = own_loops(self.engine, self.name)
        self.engine.call("stop", "--time", "20", self.name, timeout=40)
        detach(loops)
        self.start()

    def await_reboot(self, timeout: float = 60) -> None:
        """Wait until something inside reboots the container, then boot it again.

        Raises GpuaasError when it does not go down in `timeout` seconds, or was powered off instead.
        """
        until = time.monotonic() + timeout
        while self._running():
            if time.monotonic() > until:
                raise GpuaasError(f"{self.name}: no reboot within {timeout:g} s")
            time.sleep(_POLL_SECONDS)
        code = self._inspect("{{.State.ExitCode}}")
        if code != _REBOOTED:
            raise GpuaasError(f"{self.name}: went down without a reboot (exit code {code})")
        self.start()

    def start(self) -> None:
        """Start the created or stopped container and wait until systemd has booted. Raises GpuaasError."""
        self.engine.call("start", self.name)
        until = time.monotonic() + BOOT_TIMEOUT
        while (state := self._await_boot(until)) not in ("running", "degraded"):
            if not self._running():
                if self._inspect("{{.State.ExitCode}}") != _REBOOTED:
                    raise GpuaasError(f"{self.name}: the container ended while it booted:\n{self.logs()}")
                self.engine.call("start", self.name)  # what boots may reboot
                until = time.monotonic() + BOOT_TIMEOUT
            if time.monotonic() > until:
                jobs = self.exec(["systemctl", "list-jobs", "--no-legend"], check=False)
                raise GpuaasError(
                    f"{self.name}: not up after {BOOT_TIMEOUT:g} s ({state}); waiting for:\n{jobs.stdout}"
                )
            time.sleep(_POLL_SECONDS)
        if state == "degraded" and not self._allow_degraded:
            units = ", ".join(self.failed_units)
            status = self.exec(["systemctl", "status", "--no-pager", *self.failed_units], check=False)
            raise GpuaasError(f"{self.name}: booted, but these units failed: {units}\n{status.stdout}")

    def _await_boot(self, until: float) -> str:
        """What systemd calls its state when the boot is over; sets failed_units."""
        wait = max(1.0, until - time.monotonic())
        try:
            said = self.exec(["sh", "-c", _AWAIT_BOOT], check=False, timeout=wait).stdout.splitlines()
        except CommandError:
            return "timeout"
        self.failed_units = tuple(line.split()[0] for line in said[1:] if line.strip())
        return said[0].strip() if said else ""

    def _running(self) -> bool:
        return self._inspect("{{.State.Running}}") == "true"

    def _inspect(self, what: str) -> str:
        return self.engine.call("inspect", "--type", "container", "--format", what, self.name).stdout.strip()


@contextlib.contextmanager
def boot(
    engine: Engine,
    image: ImageRef,
    *,
    host: FixtureHost | None = None,
    mounts: Sequence[Mount] = (),
    seed: Path | None = None,
    name: str = "test",
    hostname: str = "gpuaas-lab",
    network: str = "none",
    allow_degraded: bool = False,
) -> Iterator[Container]:
    """Boot a container and remove it at the end, whatever happens in between.

    `host` is the fixture host it plays, `seed` a folder with cloud-init's NoCloud files. The name is made
    unique. Raises GpuaasError when the boot does not end, or ends with failed units and not `allow_degraded`.
    """
    remove_leftovers(engine)
    container = Container(engine, f"{LABEL}-{name}-{os.getpid()}-{secrets.token_hex(3)}", allow_degraded)
    with tempfile.TemporaryDirectory(prefix="gpuaas-lab-") as folder:
        lab = _lab_folder(Path(folder), host)
        wanted = [Mount(lab, "/gpuaas/lab"), *mounts]
        if host:
            parts = ((host.folder / "root", "/gpuaas/host"), (host.folder / "commands", "/gpuaas/commands"))
            wanted += [Mount(source, target) for source, target in parts if source.is_dir()]
        if seed:
            wanted.append(Mount(seed, SEED))
        try:
            flags = [f"--volume={mount.flag}" for mount in wanted]
            create = _create_flags(engine, container.name, hostname, network)
            engine.call("create", *create, *flags, image.tag, *_ENTRY)
            container.start()
            yield container
        finally:
            _remove(engine, container.name)


def _lab_folder(folder: Path, host: FixtureHost | None) -> Path:
    folder.chmod(0o755)
    for script in ("entry.py", "standin.sh", "udev.sh", "racadm_program.py"):
        copy = folder / script
        copy.write_bytes((_HERE / script).read_bytes())
        copy.chmod(0o755)
    steps = host.steps if host else ()
    (folder / "plan").write_text("".join(f"{step}\n" for step in steps), encoding="utf-8")
    return folder


def _create_flags(engine: Engine, name: str, hostname: str, network: str) -> list[str]:
    flags = [
        *("--name", name, "--hostname", hostname, "--network", network),
        *("--label", f"{LABEL}={_owner(os.getpid())}"),
        *("--cap-add", "ALL", *(word for cap in _DROPPED for word in ("--cap-drop", cap))),
        *("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
        *("--security-opt", "label=disable"),
        *("--device-cgroup-rule", "c 10:200 rwm", "--device-cgroup-rule", "c 10:237 rwm"),
        *("--device-cgroup-rule", "b 7:* rwm"),
        *engine.run_flags,
    ]
    for minor in free_minors(Path("/sys/dev/block")):
        flags += ["--device-cgroup-rule", f"b {_BLKEXT}:{minor} rwm"]
    if engine.name is EngineName.PODMAN:
        unmask = "unmask=/proc/sys:/sys/firmware:/sys/dev/block"
        return [*flags, "--systemd=always", "--security-opt", unmask, "--log-driver", "k8s-file"]
    flags += ["--security-opt", "systempaths=unconfined", "--cgroupns=private", "--stop-signal=SIGRTMIN+3"]
    return [*flags, "--env=container=docker", "--tmpfs=/run", "--tmpfs=/run/lock", "--tmpfs=/tmp"]


def free_minors(devices: Path) -> list[int]:
    """Minors that partitions of loop devices get: major 259, which NVMe disks of this machine share.

    `devices` is /sys/dev/block. Only minors that no other device has now are let into the container. Those that loop
    devices have are: another container's partition may go, and one of this container get its minor.
    """
    taken = {
        int(entry.name.split(":")[1])
        for entry in devices.glob(f"{_BLKEXT}:*")
        if "/virtual/block/loop" not in os.path.realpath(entry)
    }
    return [minor for minor in range(len(taken) + _FREE_MINORS) if minor not in taken][:_FREE_MINORS]


def _owner(pid: int) -> str:
    """A process so named that a later one with the same PID is not taken for it: PID and start time (proc(5))."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return f"{pid}-gone"
    return f"{pid}-{stat.rpartition(')')[2].split()[19]}"


def remove_leftovers(engine: Engine) -> list[str]:
    """Remove containers of runs that were killed; those of living processes are left alone. Returns their names."""
    names = engine.call("ps", "-a", "--filter", f"label={LABEL}", "--format", "{{.Names}}").stdout.split()
    if not names:
        return []
    format_ = f'{{{{.Name}}}} {{{{index .Config.Labels "{LABEL}"}}}}'
    done = engine.call("inspect", "--type", "container", "--format", format_, *names, check=False)
    removed = []
    for line in done.stdout.splitlines():
        name, _, owner = line.strip().removeprefix("/").partition(" ")
        if owner and _owner(int(owner.split("-")[0])) != owner:
            _remove(engine, name)
            removed.append(name)
    return removed


def _remove(engine: Engine, name: str) -> None:
    loops = own_loops(engine, name)
    now = ["--time", "0"] if engine.name is EngineName.PODMAN else []
    done = engine.call("rm", "--force", *now, name, check=False)
    detach(loops)
    if done.returncode != 0 and engine.call("inspect", "--type", "container", name, check=False).returncode == 0:
        raise GpuaasError(f"the container {name} cannot be removed")
