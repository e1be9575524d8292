"""systemd units and drop-ins: their form, what systemd says of them, what they start, and how exposed services are.

`systemd-analyze verify` looks at a temporary root that holds the units of one host, stubs for the units and
programs of the distribution, and nothing of this machine. Facts: systemd.syntax(7), systemd.service(5),
systemd-analyze(1).
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Severity
from ..run import CommandError, run
from . import programs, tools
from .base import Skip, TextKind
from .cloud_commands import Hosts
from .unit_file import UnitFile, distribution, form_findings, read

if TYPE_CHECKING:
    from ..errors import Finding
    from .base import Text, Tree

NAME = "unit"
EXPOSURE_LIMIT = 7.0
"""Exposure by `systemd-analyze security`, from 0 to 10, from which on a service is told. A unit without any
protection has 9.6; one that needs root and devices and drops the rest stays below."""

_PLACED = re.compile(r"^(?:\./)?(/\S+?):(\d+): (.*)$")
_OF_UNIT = re.compile(r"^([\w@.:\\-]+\.(?:service|socket|target|timer|path|mount|automount|swap|slice)): (.*)$")
_CYCLE = re.compile(r"ordering cycle|Found dependency on|order is cyclic|to break (?:ordering )?cycle")
_NOISE = re.compile(
    r"is not executable|has a bad unit file setting|Failed to open /dev/tty|man .*not found|Command 'man"
    r"|Attempted to remove disk file system|Failed to prepare filename|SELinux"
)


def check(tree: Tree) -> Iterator[Finding | Skip]:
    """Findings of all units, host by host."""
    texts = tree.of(TextKind.UNIT)
    if not texts:
        return
    program = tools.find("systemd-analyze")
    if program is None:
        yield Skip(NAME, "systemd-analyze is not installed: units are looked at in their form only", "systemd")
    hosts = Hosts(tree)
    groups: dict[str, list[Text]] = {}
    for text in texts:
        groups.setdefault(hosts.key(text), []).append(text)
    for key, group in groups.items():
        units = [read(text) for text in group]
        found: list[Finding] = []
        for unit in units:
            found += form_findings(unit)
            found += _executables(unit, hosts.files.get(key, set()))
        yield from found
        if program is not None:
            told = {(finding.location.file, finding.location.line) for finding in found}
            yield from _verify(program, units, told)
            yield from _exposure(program, units)


def _executables(unit: UnitFile, files: set[str]) -> Iterator[Finding]:
    for setting in unit.commands:
        path = setting.program
        if not path.startswith("/") or "%" in path or "$" in path or path in files or setting.may_fail:
            continue
        place = programs.misplaced(path)
        if place is not None:
            message, hint = f"there is no {path}: the program is {place}", f"write {place}"
        elif programs.is_system(path):
            meant = programs.resembling(path.rpartition("/")[2])
            if meant is None:
                continue
            message, hint = f"no program {path} is known", f"did you mean {meant}?"
        elif path.startswith(("/usr/local/", "/opt/", "/srv/", "/etc/", "/root/", "/home/")):
            message = f"nobody installs {path}: the unit fails with 203/EXEC"
            hint = "add the script that installs it to the profile, or correct the path"
        else:
            continue
        yield unit.text.finding(
            "GS471", message, setting.line, setting.column + setting.value.index(path), hint=hint, length=len(path)
        )


def _verify(program: str, units: list[UnitFile], told: set[tuple[str, int]]) -> Iterator[Finding]:
    # What the stubs are is part of the question.
    content = "\0".join([json.dumps(distribution()), *(f"{unit.place}\0{unit.text.content}" for unit in units)])

    def ask() -> str:
        with tempfile.TemporaryDirectory(prefix="gpuaas-lint-") as folder:
            names = _build(Path(folder), units)
            arguments = [program, "verify", f"--root={folder}", "--man=no", *names]
            done = run(arguments, timeout=tools.TIMEOUT, check=False)
            return done.stderr.replace(folder, "")

    said = tools.remembered(f"{NAME}-verify", Path(__file__), tools.version(program, "--version"), content, ask)
    cycle: list[str] = []
    for line in dict.fromkeys(said.splitlines()):
        if _CYCLE.search(line):
            cycle.append(line)
            continue
        if not line.strip() or _NOISE.search(line):
            continue
        finding = _told(units, line)
        if finding is not None and (finding.location.file, finding.location.line) not in told:
            told.add((finding.location.file, finding.location.line))
            yield finding
    yield from _cycles(units, cycle)


def _told(units: list[UnitFile], line: str) -> Finding | None:
    """A line of systemd-analyze as a finding; None for what it says of units that are not ours."""
    placed = _PLACED.match(line)
    if placed:
        for unit in units:
            if unit.place == placed[1]:
                number = int(placed[2])
                return unit.text.finding("GS470", _sentence(placed[3]), number, 1, length=len(unit.line(number)))
        return None
    of_unit = _OF_UNIT.match(line)
    name = of_unit[1] if of_unit else ""
    message = of_unit[2] if of_unit else line
    for unit in units:
        if unit.name == name:
            missing = re.search(r"Unit (\S+) not found", message)
            number, column = unit.mention(missing[1]) if missing else unit.about(message)
            if missing:
                message = f"needs {missing[1]}, which nobody installs: it will not start"
            return unit.text.finding("GS470", _sentence(message), number, column)
    return None


def _sentence(message: str) -> str:
    return message.rstrip(".").replace(". Ignoring", "; ignored").replace(", ignoring", "; ignored")


def _cycles(units: list[UnitFile], lines: list[str]) -> Iterator[Finding]:
    """One finding for each unit of ours that is in a cycle: systemd drops one of its jobs at boot."""
    for unit in units:
        mine = [line for line in lines if unit.name in line]
        if not mine:
            continue
        names = re.findall(r"[\w@.-]+\.(?:service|target|socket|timer|mount|path)", " ".join(lines))
        others = sorted(set(names))
        number, column = next(
            (unit.mention(name) for name in others if name != unit.name and unit.mention(name) != (1, 1)), (1, 1)
        )
        message = (
            f"ordering cycle through {', '.join(others)}: at boot systemd drops one of them, and which is not fixed"
        )
        yield unit.text.finding("GS472", message, number, column, hint="take one of the After=/Before= out")


def _build(root: Path, units: list[UnitFile]) -> list[str]:
    """Put the units into `root`, with stubs for what a distribution has; returns the names to verify."""
    system = root / "usr/lib/systemd/system"
    system.mkdir(parents=True)
    names: list[str] = []
    for unit in units:
        place = Path(f"{root}{unit.place}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(unit.text.content, "utf-8")
        names.append(unit.name)
        for setting in unit.commands:
            if setting.program.startswith("/"):
                _stub(root, setting.program)
    ours = {unit.name for unit in units if not unit.drop_in}
    for target in distribution()["targets"]:
        (system / f"{target}.target").write_text("[Unit]\nDescription=stub\n", "utf-8")
    for unit in units:
        wanted = {unit.name, *unit.needs} if unit.drop_in else set(unit.needs)
        for name in wanted - ours:
            template = re.sub(r"@.*\.", "@.", name)
            for one in {name, template}:
                _stub_unit(system / one)
    _stub(root, "/bin/true")
    return sorted({name for name in names if not name.endswith("@.service")})


def _stub_unit(place: Path) -> None:
    """A unit of the distribution; of those that are not known, systemd is to say that they are missing."""
    name = place.name
    if not re.fullmatch(r"[\w@.:\\-]+\.\w+", name) or place.exists():
        return
    if name.endswith(".service"):
        place.write_text("[Unit]\nDescription=stub\n[Service]\nExecStart=/bin/true\n", "utf-8")
    elif name.endswith((".socket", ".path", ".timer")):
        body = {
            "socket": "[Socket]\nListenStream=/run/x",
            "path": "[Path]\nPathExists=/x",
            "timer": "[Timer]\nOnBootSec=1",
        }
        place.write_text(body[name.rpartition(".")[2]] + "\n", "utf-8")
        _stub_unit(place.with_name(name.rpartition(".")[0] + ".service"))
    elif name.endswith((".target", ".slice")):
        place.write_text("[Unit]\nDescription=stub\n", "utf-8")


def _stub(root: Path, path: str) -> None:
    if ".." in path or "%" in path:
        return
    place = Path(f"{root}{path}")
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        place.write_text("#!/bin/sh\n", "utf-8")
        place.chmod(0o755)


def _exposure(program: str, units: list[UnitFile]) -> Iterator[Finding]:
    for unit in units:
        if unit.drop_in or not unit.name.endswith(".service") or not unit.has("Service"):
            continue
        score = _score(program, unit, [one for one in units if one.drop_in and one.name == unit.name])
        if score is not None and score >= EXPOSURE_LIMIT:
            message = f"exposure {score:.1f} of 10 (told from {EXPOSURE_LIMIT:g} on): it may do most of what root may"
            line = next((number for number, text in enumerate(unit.lines, 1) if text.strip() == "[Service]"), 1)
            hint = "add NoNewPrivileges=, ProtectSystem=, ProtectHome=, PrivateTmp= and what else it does not need"
            yield unit.text.finding("GS473", message, line, hint=hint, length=9, severity=Severity.WARNING)


def _score(program: str, unit: UnitFile, drop_ins: list[UnitFile]) -> float | None:
    together = [unit, *drop_ins]
    content = "\0".join(f"{one.place}\0{one.text.content}" for one in together)

    def ask() -> str:
        with tempfile.TemporaryDirectory(prefix="gpuaas-lint-") as folder:
            _build(Path(folder), together)
            arguments = [program, "security", "--offline=true", f"--root={folder}", "--no-pager", unit.name]
            try:
                done = run(arguments, timeout=tools.TIMEOUT, check=False)
            except CommandError:
                return json.dumps(None)
            found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
            return json.dumps(float(found[1]) if found else None)

    version = tools.version(program, "--version")
    answer = json.loads(tools.remembered(f"{NAME}-security", Path(__file__), version, content, ask))
    return float(answer) if answer is not None else None
