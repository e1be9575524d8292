"""A small repository for tests: one site with three nodes, two profiles, a class, and templates of its own."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import click
from click.testing import CliRunner

from gpuaas_scripts.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = {
    "site-configs/sites/lab.yaml": """\
description: a made-up site
maas: {url: "http://192.0.2.2:5240/MAAS/", api_key: "env:LAB_MAAS_KEY"}
scripts: [40-lab-inventory]
defaults:
  hardware_class: box
  network:
    bridge: {address: 10.20.0.1/24}
    uplink: {interface: eno1}
    tmfifo: {address: null}
profiles:
  worker:
    network: {bridge: {name: br-lab}}
""",
    "site-configs/hardware/box.yaml": """\
hardware:
  dmi: {sys_vendor: Made Up Inc., product_name: Box 1}
  memory: 512GiB
  gpus:
    - {name: Some GPU, id: "10de:2335", count: 2}
""",
    "site-configs/profiles/worker.yaml": """\
description: nodes that work
role: cuda-host
artifacts:
  scripts: [lab-hello]
  units: [lab-hello.service]
  files: [lab-motd, lab-fabric]
defaults:
  network:
    bridge: {name: br-profile}
    tmfifo: {address: 192.168.100.1/30}
  packages: [htop]
""",
    "site-configs/profiles/bare.yaml": """\
description: nodes that are left alone
role: bare-metal
""",
    "site-configs/nodes/lab/n1.yaml": """\
profile: worker
network:
  fabric: {address: 10.30.0.1/16}
""",
    "site-configs/nodes/lab/n2.yaml": """\
profile: worker
network:
  uplink: {interface: eno2}
  fabric: {address: to-be-approved}
slots:
  - {gpu: "0000:1b:00.0", vf: 0}
  - {gpu: "0000:3d:00.0", vf: 1, numa: 1}
""",
    "site-configs/nodes/lab/n3.yaml": """\
profile: bare
""",
    "templates/lib/hello.sh": """\
# hello: greets.

# hello_say NAME: prints a greeting.
hello_say() {
  printf 'hello %s\\n' "$1"
}
""",
    "templates/scripts/lab-hello/script.yaml": """\
description: Greets the bridge
scope: profile
install: {path: /usr/local/sbin/lab-hello, mode: "0755"}
fragments: [hello]
settings:
  BRIDGE_NAME: {from: network.bridge.name, description: name of the bridge}
""",
    "templates/scripts/lab-hello/body.sh": """\
main() {
  hello_say "$BRIDGE_NAME"
}
""",
    "templates/scripts/40-lab-inventory/script.yaml": """\
description: Lists the classes of the site
scope: site
maas:
  title: Lab inventory
  script_type: commissioning
  timeout: "00:05:00"
fragments: [hello]
settings:
  HARDWARE_CLASSES: {table: hardware, columns: [name, dmi.product_name], description: the classes}
""",
    "templates/scripts/40-lab-inventory/body.sh": """\
main() {
  hello_say "$HARDWARE_CLASSES"
}
""",
    "templates/units/lab-hello.service/unit.yaml": """\
description: Greets at boot
scope: profile
enable: true
""",
    "templates/units/lab-hello.service/unit.j2": """\
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/lab-hello
""",
    "templates/files/lab-motd/file.yaml": """\
description: Says which bridge there is
scope: profile
path: /etc/motd.d/lab
""",
    "templates/files/lab-motd/content.j2": """\
a lab machine
""",
    "templates/files/lab-fabric/file.yaml": """\
description: Address on the fabric
scope: node
path: /etc/lab/fabric
mode: "0600"
settings:
  ADDRESS: {from: network.fabric.address, description: the address, optional: true}
""",
    "templates/files/lab-fabric/content.j2": """\
ADDRESS={{ ADDRESS | systemd_text }}
""",
}
"""The repository by path. n1 is complete, n2's fabric address is to be approved, n3 has a profile without files."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository in a temporary folder."""

    root: Path

    def write(self, path: str, text: str) -> Path:
        """Write one file, creating its folders."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        return file

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace one text of a file; it has to be there."""
        text = (self.root / path).read_text("utf-8")
        assert old in text
        self.write(path, text.replace(old, new))

    def read(self, path: str) -> str:
        """The text of a file."""
        return (self.root / path).read_text("utf-8")


def repository(root: Path, **more: str) -> Repository:
    """Write FILES below `root`."""
    made = Repository(root)
    for path, text in {**FILES, **more}.items():
        made.write(path, text)
    return made


@dataclass(frozen=True, slots=True)
class Ran:
    """A run of gpuaas-gen: exit code and both outputs, apart."""

    code: int
    out: str
    err: str
    bytes_out: bytes

    @property
    def both(self) -> str:
        """All that was said."""
        return self.out + self.err


class _Program(click.Command):
    """`main` as a click command, so that CliRunner can run it as a user's shell would."""

    def main(self, args: list[str] | None = None, **_extra: object) -> None:  # type: ignore[override]
        main.main(list(args or []))


_SCRATCH = tempfile.TemporaryDirectory(prefix="gpuaas-test-")
Environment = dict[str, str | None]
_ENVIRONMENT: Environment = {"XDG_CACHE_HOME": f"{_SCRATCH.name}/cache", "NO_COLOR": None}


@contextmanager
def only_own_templates() -> Iterator[None]:
    """Leave the packaged templates out, so that a test stands on the templates it wrote."""
    empty = Path(_SCRATCH.name, "templates")
    empty.mkdir(exist_ok=True)
    with patch("gpuaas_scripts.folders.packaged_templates", return_value=empty):
        yield


def gen(*arguments: str, root: Path | None = None, env: Environment | None = None, color: bool = False) -> Ran:
    """Run gpuaas-gen in this process, in folder `root`, without the packaged templates.

    An exception other than SystemExit is the program's defect: it is raised.
    """
    with only_own_templates():
        return gen_packaged(*arguments, root=root, env=env, color=color)


def gen_packaged(*arguments: str, root: Path | None = None, env: Environment | None = None, color: bool = False) -> Ran:
    """Like `gen`, with the templates that come with the program."""
    before = Path.cwd()
    os.chdir(root or before)
    try:
        result = CliRunner().invoke(
            _Program("gpuaas-gen"), list(arguments), env={**_ENVIRONMENT, **(env or {})}, color=color
        )
    finally:
        os.chdir(before)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr, result.stdout_bytes)
