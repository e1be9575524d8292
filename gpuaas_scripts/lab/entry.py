"""PID 1 of a lab container until it becomes systemd. Standard library only; runs in the container.

It guards the build machine, puts the fixture host in place (so that the first unit of the boot already sees it), then
runs init. The plan, /gpuaas/lab/plan, has one step a line: see hosts.py. Paths hold no blanks. One process, and system
calls: a shell would start three hundred processes at each boot. Source: mount(2).
"""
# pathlib alone would take as long to import as all of this takes to run.
# ruff: noqa: PTH101, PTH102, PTH103, PTH108, PTH110, PTH112, PTH115, PTH116, PTH120, PTH123, PTH202, PTH208, PTH211

from __future__ import annotations

import ctypes
import os
import signal
import stat
import sys

RUN = "/run/gpuaas-lab"
FIXTURE = "/gpuaas/host"
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC = 1, 32, 4096, 16384
LOOPS = 64
# systemd.exec(5): all that makes a mount namespace, in these units of systemd 249 to 257.
ONE_VIEW = b"""[Service]
ProtectSystem=no
ProtectHome=no
PrivateTmp=no
PrivateDevices=no
ProtectClock=no
ProtectControlGroups=no
ProtectKernelLogs=no
ProtectKernelModules=no
ProtectKernelTunables=no
ProtectHostname=no
ReadWritePaths=
"""
SHOWN = {
    "/sys/class": ("block", "net"),
    "/sys/devices": ("system", "virtual"),
    "/sys/devices/virtual": ("block", "net"),
}
"""What a host shows of the build machine there: network interfaces and loop devices have to be the kernel's own."""

grafted: set[str] = set()
missing: list[str] = []
# What brings the fixture back, for host_reset in tests: folders to empty, then paths below FIXTURE to copy to /.
emptied: list[str] = []
copied: list[str] = []
libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """What stops the boot; the text is for people."""


def mount(source: str, target: str, flags: int = MS_BIND, *, kind: str = "none", data: str = "") -> None:
    """mount(2). Raises OSError."""
    words = [word.encode() for word in (source, target, kind)]
    if libc.mount(*words, ctypes.c_ulong(flags), data.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mount: {os.strerror(ctypes.get_errno())}", target)


def mount_memory(target: str) -> None:
    """An empty tmpfs."""
    mount("gpuaas-lab", target, 0, kind="tmpfs", data="mode=755")


def read(path: str) -> bytes:
    """A file's content."""
    with open(path, "rb") as file:
        return file.read()


def write(path: str, content: bytes = b"", mode: int = 0o666) -> None:
    """Put content into a file; a new one gets `mode`, less the umask."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(file, "wb") as opened:
        opened.write(content)


def link(target: str, path: str) -> None:
    """A symlink, in the place of a file or link that is there."""
    if os.path.lexists(path):
        os.unlink(path)
    os.symlink(target, path)


def copy(source: str, target: str) -> None:
    """Copy what is in a folder into another one that is there; symlinks stay symlinks, all is root's."""
    with os.scandir(source) as entries:
        for entry in entries:
            path = f"{target}/{entry.name}"
            if entry.is_symlink():
                link(os.readlink(entry.path), path)
            elif entry.is_dir():
                if not os.path.isdir(path):
                    os.mkdir(path, stat.S_IMODE(entry.stat().st_mode))
                copy(entry.path, path)
            else:
                write(path, read(entry.path), stat.S_IMODE(entry.stat().st_mode))


def guard_sysctls() -> None:
    """What the kernel shares with the build machine is read-only; of /proc/sys only net is a namespace's own."""
    for name in os.listdir("/proc/sys"):
        if name != "net":
            tree = f"/proc/sys/{name}"
            mount(tree, tree)
            mount(tree, tree, MS_REMOUNT | MS_BIND | MS_RDONLY)


def boot_id() -> None:
    """Each boot has its own boot ID, as on a machine: for journalctl -b and for "has it rebooted?"."""
    write(f"{RUN}/boot_id", read("/proc/sys/kernel/random/uuid"))
    mount(f"{RUN}/boot_id", "/proc/sys/kernel/random/boot_id")


def plain_files() -> None:
    """The engine mounts these from the build machine; on a host they are plain files that tools replace."""
    places = {line.split()[4] for line in read("/proc/self/mountinfo").splitlines()}
    for path in ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf"):
        if path.encode() in places:
            content = read(path)
            if libc.umount(path.encode()) != 0:
                raise OSError(ctypes.get_errno(), "umount", path)
            if not os.path.exists(path) or os.path.getsize(path) == 0:
                write(path, content)


def node(path: str, kind: str, major: str, minor: str, *, mode: int = 0o660) -> None:
    """A device node, in the place of one that is there."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    os.mknod(path, {"b": stat.S_IFBLK, "c": stat.S_IFCHR}[kind], os.makedev(int(major), int(minor)))
    os.chmod(path, mode)


def nodes() -> None:
    """Nodes that a host's kernel makes by itself."""
    wanted = [("/dev/net/tun", "c", "10", "200", 0o666), ("/dev/loop-control", "c", "10", "237", 0o660)]
    wanted += [(f"/dev/loop{number}", "b", "7", str(number), 0o660) for number in range(LOOPS)]
    for path, kind, major, minor, mode in wanted:
        if not os.path.exists(path):
            node(path, kind, major, minor, mode=mode)


def short_boot() -> None:
    """What systemd would do for other machines at each boot and daemon-reload is left out.

    That is: look for encrypted disks, hibernation, serial consoles, bring caches up to date that the image already has
    so, and give two services of the distribution a view of their own of a hundred mounts.
    """
    for path in ("/etc/.updated", "/var/.updated"):
        write(path)
    os.makedirs("/etc/systemd/system-generators", exist_ok=True)
    for kind in (
        "debug",
        "getty",
        "gpt-auto",
        "hibernate-resume",
        "rc-local",
        "run",
        "ssh",
        "system-update",
        "sysv",
        "tpm2",
    ):
        link("/dev/null", f"/etc/systemd/system-generators/systemd-{kind}-generator")
    for name in ("logind", "resolved"):
        folder = f"/run/systemd/system/systemd-{name}.service.d"
        os.makedirs(folder, exist_ok=True)
        write(f"{folder}/gpuaas-lab.conf", ONE_VIEW)


def graft(folder: str) -> None:
    """Make a folder of a kernel file system able to hold new entries: a tmpfs that shows what it showed before.

    Of the folders in SHOWN only that, and what the fixture host has there.
    """
    if folder in grafted:
        return
    grafted.add(folder)
    real = f"{RUN}/real{folder}"
    os.makedirs(real, exist_ok=True)
    mount(folder, real, MS_BIND | MS_REC)
    mount_memory(folder)
    for entry in os.scandir(real):
        path = f"{folder}/{entry.name}"
        if entry.name not in SHOWN.get(folder, (entry.name,)) and not os.path.lexists(FIXTURE + path):
            continue
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), path)
        elif entry.is_dir():
            os.mkdir(path)
            mount(entry.path, path, MS_BIND | MS_REC)
        else:
            write(path)
            mount(entry.path, path)


def make(path: str, *, folder: bool) -> bool:
    """Make an empty file or folder; False where its file system cannot hold new entries."""
    try:
        if folder:
            os.mkdir(path)
        else:
            write(path)
    except OSError:
        return False
    return True


def point(path: str, *, folder: bool) -> bool:
    """Make sure that something can be mounted at `path`, grafting a parent where needed; False where that cannot be."""
    if os.path.exists(path):
        return True
    if path.startswith("/proc/"):
        return False
    parent = os.path.dirname(path)
    if not os.path.isdir(parent) and not point(parent, folder=True):
        return False
    if not make(path, folder=folder):
        graft(parent)
        return make(path, folder=folder)
    return True


def put_folder(path: str) -> None:
    """A writable copy in memory, fresh at each boot as the kernel's own files are."""
    there = os.path.exists(path)
    if not point(path, folder=True):
        raise LabError(f"cannot make the folder {path}")
    # a new one in a grafted folder is in memory already; each mount costs every service that starts a little
    if there or os.path.dirname(path) not in grafted:
        mount_memory(path)
    emptied.append(path)
    if os.path.isdir(FIXTURE + path):
        copy(FIXTURE + path, path)
        copied.append(f"{path[1:]}/.")


def put_file(path: str) -> None:
    """A writable copy of the fixture's file, mounted over the kernel's own."""
    own = f"{RUN}/files{path}"
    os.makedirs(os.path.dirname(own), exist_ok=True)
    write(own, read(FIXTURE + path), stat.S_IMODE(os.stat(FIXTURE + path).st_mode))
    mount(own, path)
    copied.append(path[1:])


def do(step: str, path: str, *words: str) -> None:
    """One step of the plan."""
    if step == "dir":
        put_folder(path)
    elif step == "file":
        if not point(path, folder=False):
            raise LabError(f"this kernel has no {path} to mount over; mark it '?{path}' in mounts")
        put_file(path)
    elif step == "maybe":
        if point(path, folder=False):
            put_file(path)
        else:
            missing.append(path)
    elif step in ("copy", "volatile"):
        # files of a disk are copied once and stay as the host leaves them; those in memory at each boot
        if step == "volatile" or not os.path.exists("/var/lib/gpuaas-lab/copied"):
            os.makedirs(path, exist_ok=True)
            copy(FIXTURE + path, path)
        copied.append(f"{path[1:]}/.")
    elif step == "node":
        node(path, *words)
    elif step == "command":
        link("/gpuaas/lab/standin.sh", f"/usr/local/bin/{path}")
    else:
        raise LabError(f"unknown step: {step}")


def main() -> None:
    """Do it all, then become systemd."""
    os.makedirs(RUN, exist_ok=True)
    guard_sysctls()
    boot_id()
    plain_files()
    nodes()
    short_boot()
    for tool in ("lsblk", "udevadm"):
        link("/gpuaas/lab/udev.sh", f"/usr/local/bin/{tool}")
    for line in read("/gpuaas/lab/plan").decode().splitlines():
        try:
            do(*line.split())
        except OSError as error:
            raise LabError(f"step failed: {line}: {error}") from error
    for name, paths in (("missing", missing), ("emptied", emptied), ("copied", copied)):
        write(f"{RUN}/{name}", "".join(f"{path}\n" for path in paths).encode())
    os.makedirs("/var/lib/gpuaas-lab", exist_ok=True)
    write("/var/lib/gpuaas-lab/copied")
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and that is inherited
        signal.signal(number, signal.SIG_DFL)
    os.execv("/sbin/init", ["/sbin/init"])  # noqa: S606 - it becomes systemd


if __name__ == "__main__":
    try:
        main()
    except (LabError, OSError) as error:
        sys.exit(f"gpuaas-lab: {error}")
