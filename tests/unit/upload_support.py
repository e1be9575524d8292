"""A repository and a stand-in MAAS for tests of the verbs that talk to MAAS."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maas_support import ask, held
from support import Environment, Ran, Repository, gen

from gpuaas_scripts.lab.maas import ADMIN, StandIn
from gpuaas_scripts.lab.maas_machine import Disk, Machine

if TYPE_CHECKING:
    from pathlib import Path

    from gpuaas_scripts.maas.state import HeldScript

SCRIPT = "40-lab-inventory"
OTHER = "41-lab-second"
YAML = f"templates/scripts/{SCRIPT}/script.yaml"
BODY = f"templates/scripts/{SCRIPT}/body.sh"

SECOND = {
    f"templates/scripts/{OTHER}/script.yaml": """\
description: Says hello
scope: site
maas: {title: Second, script_type: testing, tags: [lab], timeout: "00:01:00"}
fragments: [hello]
""",
    f"templates/scripts/{OTHER}/body.sh": """\
main() {
  hello_say second
}
""",
}


@dataclass(frozen=True, slots=True)
class World:
    """A repository with a site `lab` of three nodes and two scripts, and a stand-in with its machines."""

    repo: Repository
    lab: StandIn

    def gen(self, *arguments: str, key: str = ADMIN.key, url: str | None = None) -> Ran:
        """Run a verb with the site and the stand-in."""
        words = ["--site", "lab", "--url", url or self.lab.url]
        return self.plain(arguments[0], *words, *arguments[1:], env={"MAAS_API_KEY": key})

    def plain(self, *arguments: str, env: Environment | None = None) -> Ran:
        """Run gpuaas-gen in the repository."""
        return gen(*arguments, root=self.repo.root, env={"MAAS_API_KEY": None, **(env or {})})

    def render(self) -> None:
        """Render the site."""
        ran = self.plain("render", "--site", "lab")
        assert ran.code == 0, ran.err

    def upload(self, *arguments: str, code: int = 0) -> Ran:
        """Upload without asking; the exit code is `code`."""
        ran = self.gen("upload", "--yes", *arguments)
        assert ran.code == code, ran.both
        return ran

    def upload_json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Upload without asking; what it says as data."""
        data: dict[str, Any] = json.loads(self.upload("--json", *arguments, code=code).out)
        return data

    def verdicts(self) -> dict[str, str]:
        """Each script's verdict now."""
        ran = self.gen("drift", "--json")
        return {item["name"]: item["verdict"] for item in json.loads(ran.out)["scripts"]}

    def held(self, name: str = SCRIPT) -> HeldScript:
        """A script as MAAS holds it."""
        return held(self.lab.region)[name]

    def ask(self, method: str, path: str, *, content: str | None = None, **fields: str) -> Any:  # noqa: ANN401
        """What somebody else does to MAAS; it must be accepted."""
        answer = ask(self.lab.region, method, path, content=content, **fields)
        assert answer.status in (200, 204), answer.body
        return answer.json() if answer.body else None

    def content(self, name: str = SCRIPT) -> str:
        """A rendered script."""
        return self.repo.read(f"generated/lab/maas/{name}.sh")


def prepare(repo: Repository, lab: StandIn) -> World:
    """Two scripts, two nodes with system ids, three machines, all rendered."""
    for path, text in SECOND.items():
        repo.write(path, text)
    repo.edit("site-configs/sites/lab.yaml", f"[{SCRIPT}]", f"[{SCRIPT}, {OTHER}]")
    for number, name in enumerate(("n1", "n2"), start=1):
        path = f"site-configs/nodes/lab/{name}.yaml"
        repo.write(path, repo.read(path) + f"maas: {{system_id: lab{number:03d}, tags: [rack-a]}}\n")
    for number in (1, 2, 3):
        disks = (Disk("sda", f"OS-{number}"),)
        lab.region.add_machine(
            Machine(f"lab{number:03d}", f"n{number}", disks=disks, macs=(f"02:00:00:00:00:0{number}",))
        )
    world = World(repo, lab)
    world.render()
    return world


def results_of(world: World, machine: str = "lab001") -> set[str]:
    """Names of the scripts that a machine has results of."""
    found = world.ask("GET", f"nodes/{machine}/results/current-commissioning/")
    return {item["name"] for item in found["results"]}


def write_secret(folder: Path, text: str) -> Path:
    """A file with a secret."""
    path = folder / "key"
    path.write_text(text)
    return path
