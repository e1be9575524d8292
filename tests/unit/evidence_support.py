"""Evidence as scripts print it, built line by line; and a site whose machine reports it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

import yaml
from maas_support import ask, script
from support import Environment, Repository, gen, repository
from support import Ran as Ran_

from gpuaas_scripts.lab.maas import Region, StandIn
from gpuaas_scripts.lab.maas_auth import User
from gpuaas_scripts.lab.maas_machine import Disk, Machine, Ran, Status
from gpuaas_scripts.maas import stamp

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = "40-lab-inventory"
OS_DISK = "/dev/disk/by-id/nvme-eui.00000000000000000000000000000001"
OS_SERIAL = "OS-SERIAL-1"
DISKS = tuple(f"/dev/disk/by-id/nvme-eui.000000000000000000000000000001{number:02d}" for number in range(2))
GPUS = ("0000:1b:00.0", "0000:3d:00.0")
NODE = f"""\
profile: worker
maas: {{system_id: lab001}}
network:
  fabric: {{address: 10.30.0.1/16}}
storage: {{os_disk: {OS_DISK}}}
slots:
  - {{gpu: "{GPUS[0]}", nvme: {DISKS[0]}, vf: 0, numa: 0}}
  - {{gpu: "{GPUS[1]}", nvme: {DISKS[1]}, vf: 1, numa: 1}}
"""


def quoted(text: str) -> str:
    """A word as evidence_quote of templates/lib/evidence.sh writes it."""
    return re.sub(r"([^A-Za-z0-9_@%+=:,./-])", r"\\\1", text) or "''"


def line(status: str, check: str, detail: str, area: str = "SLICE_GPU", **more: str) -> str:
    """One evidence line, with its newline."""
    words = {"status": status, "check": check, "detail": detail, **more}
    return f"GPUAAS_{area} {' '.join(f'{key}={quoted(value)}' for key, value in words.items())}\n"


def summary(status: str = "PASS", *, skipped: int = 0, failures: int = 0, warnings: int = 0) -> str:
    """The last line."""
    counts = {"skipped": str(skipped), "failures": str(failures), "warnings": str(warnings)}
    return line(status, "summary", "hardware class box", "SLICE_SUMMARY", **counts)


def gpu(address: str, numa: str = "0") -> str:
    """Inventory of a GPU."""
    return line("INFO", "gpu", address, id="10de:2335", numa=numa)


def disk(by_id: str, serial: str, name: str = "nvme0n1", model: str = "Some Disk") -> str:
    """Inventory of an NVMe device."""
    return line("INFO", "device", by_id, "SLICE_NVME", kernel_name=name, serial=serial, model=model, pci="0000:05:00.0")


def inventory(gpus: Iterable[str] = GPUS, disks: Iterable[str] = DISKS, os_serial: str = OS_SERIAL) -> str:
    """A whole machine's inventory."""
    lines = [line("INFO", "hardware_class", "box", "SLICE_FIRMWARE")]
    lines += [gpu(address, str(number)) for number, address in enumerate(gpus)]
    lines.append(disk(OS_DISK, os_serial, "nvme7n1", "Boss"))
    lines += [disk(by_id, f"S{number}", f"nvme{number}n1") for number, by_id in enumerate(disks)]
    return "".join(lines)


def good() -> str:
    """What a machine prints on which everything is right."""
    return inventory() + line("PASS", "gpu_count", "GPUs: 2 of 10de:2335") + summary()


def result(stdout: str, status: str = "passed", verdict: str = "PASS") -> str:
    """The YAML for MAAS that goes with it."""
    lines = [one for one in stdout.splitlines() if one]
    return yaml.safe_dump({"status": status, "results": {"verdict": verdict, "evidence": lines}}, width=10_000)


def ran(stdout: str, status: str = "passed", verdict: str = "PASS", exit_status: int = 0) -> Ran:
    """A run with this output."""
    return Ran(exit_status, stdout, "a message\n", result(stdout, status, verdict))


def site(root: Path) -> Repository:
    """The repository of `support` with one node that has an approved topology and a machine in MAAS."""
    made = repository(root)
    made.write("site-configs/nodes/lab/n1.yaml", NODE)
    for name in ("n2", "n3"):
        (root / f"site-configs/nodes/lab/{name}.yaml").unlink()
    return made


def machine(**more: object) -> Machine:
    """The node's machine: ready, with its profile's tag and the right layout."""
    disks = (
        Disk("nvme7n1", OS_SERIAL, model="Boss", mounts=("/boot/efi", "/")),
        Disk("nvme0n1", "S0", 3_840_000_000_000),
        Disk("nvme1n1", "S1", 3_840_000_000_000),
    )
    made = Machine("lab001", "n1", Status.READY, disks=disks, tags={"gpuaas-profile-worker"})
    for name, value in more.items():
        setattr(made, name, value)
    return made


def region(*machines: Machine, seconds: float = 0.0) -> Region:
    """A region with these machines, and the site's script uploaded."""
    made = Region(seconds=seconds)
    for one in machines:
        made.add_machine(one)
    upload(made)
    return made


def upload(made: Region, name: str = SCRIPT, body: str = "echo hi\n", **metadata: object) -> None:
    """Create a script in MAAS, marked as the site's."""
    tags = ["gpuaas", stamp.marker("lab"), *metadata.pop("tags", [])]  # type: ignore[misc]
    text = script({"name": name, "script_type": "commissioning", "tags": tags, **metadata}, body)
    assert ask(made, "POST", "scripts/", content=text, name=name).status == 200


def commission(made: Region, system_id: str = "lab001", **fields: str) -> None:
    """Commission a machine, and let it come to its end."""
    assert ask(made, "POST", f"machines/{system_id}/?op=commission", **fields).status == 200
    made.machines.settle()


KEY = "seekritconsumer:seekrittoken:seekritsecret"
"""An API key whose parts are found again in no output."""


class Lab:
    """A site's repository beside a region that listens: `gen` runs a verb against it."""

    def __init__(self, root: Path, *machines: Machine, seconds: float = 0.0) -> None:
        self.repo = site(root)
        edited = self.repo.read("site-configs/sites/lab.yaml")
        release = "  os: {distribution: ubuntu, release: '24.04'}\n"
        self.repo.write("site-configs/sites/lab.yaml", edited.replace("defaults:\n", f"defaults:\n{release}", 1))
        self.machine = machines[0] if machines else machine()
        self.machine.runs.setdefault(SCRIPT, ran(good()))
        self.region = region(*(machines or (self.machine,)), seconds=seconds)
        self.region.gate.add(User("keeper", KEY, admin=True))
        self.standin = StandIn(self.region)
        self.outputs = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.standin.close()
        for part in KEY.split(":"):
            assert part not in self.outputs

    def gen(self, verb: str, *arguments: str, env: Environment | None = None, key: str = KEY) -> Ran_:
        """Run a verb for the site; everything it says is searched for the key when the lab is left."""
        words = [verb, "--site", "lab", "--url", self.standin.url, *arguments]
        done = gen(*words, root=self.repo.root, env={"MAAS_API_KEY": key, **(env or {})})
        self.outputs += done.both
        return done

    def render(self) -> None:
        """Write the tree."""
        assert gen("render", "--site", "lab", root=self.repo.root).code == 0

    def count(self, method: str, words: str) -> int:
        """How many requests of a kind the region has had."""
        return sum(number for what, number in self.standin.faults.counts.items() if method in what and words in what)
