"""Loop devices of a container: they belong to the kernel, so somebody has to take them away.

Sources: losetup(8), proc_pid_mountinfo(5).
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from gpuaas_scripts.lab.engine import Engine
from gpuaas_scripts.run import run


def own_loops(engine: Engine, name: str) -> list[str]:
    """Loop devices backed by files of this container: the kernel would keep them after its end.

    A backing file belongs to it when its file system is mounted there and not on this machine.
    """
    format_ = "{{.State.Pid}}"
    pid = engine.call("inspect", "--type", "container", "--format", format_, name, check=False).stdout.strip()
    if not pid.isdigit() or pid == "0":
        return []
    try:
        own = _own_file_systems(pid)
    except OSError:
        return []
    done = run(["losetup", "--list", "--json", "--output", "NAME,BACK-MAJ:MIN"], timeout=10)
    listed = json.loads(done.stdout or '{"loopdevices": []}')["loopdevices"]
    return [loop["name"] for loop in listed if str(loop["back-maj:min"]).strip() in own]


def _own_file_systems(pid: str) -> set[str]:
    """Device numbers of file systems that belong to one container alone: its root, and what is mounted only there.

    The engine keeps the root mounted on this machine too. One that is no overlay may be this machine's own disk.
    """
    inside = _file_systems(Path(f"/proc/{pid}/mountinfo"))
    outside = _file_systems(Path("/proc/self/mountinfo"))
    root = Path(f"/proc/{pid}/root/").stat().st_dev
    number = f"{os.major(root)}:{os.minor(root)}"
    own = set(inside) - set(outside)
    return own | {number} if inside.get(number) == "overlay" else own - {number}


def _file_systems(mountinfo: Path) -> dict[str, str]:
    """Device number to type of all that is mounted (proc_pid_mountinfo(5))."""
    found = {}
    for line in mountinfo.read_text(encoding="utf-8", errors="replace").splitlines():
        left, _, right = line.partition(" - ")
        found[left.split()[2]] = right.split()[0]
    return found


def detach(loops: Sequence[str]) -> None:
    """Detach loop devices, named as `own_loops` gave them."""
    for loop in loops:
        run(["losetup", "--detach", loop], timeout=10, check=False)
