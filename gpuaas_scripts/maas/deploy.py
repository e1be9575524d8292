"""What must hold before a node is deployed, and the request for it. Pure.

MAAS checks nothing of this: it takes any user data, installs to whatever disk its layout names, and of lists that
both its own vendor data and our user data have only ours reach cloud-init (`renderers.cloud_init`), so that a
deploy option that needs its own entries would silently not work.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message

from ..secrets import SecretFile
from . import storage
from .machine import Machine, MachineStatus
from .storage import OsDisk, Problem
from .tags import PREFIX

VENDOR_LISTS = frozenset({"write_files", "runcmd", "packages", "users"})
"""Lists of MAAS's vendor data (MAAS 3.7 `metadataserver.vendor_data`)."""

_SERIES = {"20.04": "focal", "22.04": "jammy", "24.04": "noble", "25.04": "plucky", "25.10": "questing"}
"""Ubuntu's releases and their series (distro-info-data)."""


@dataclass(frozen=True, slots=True)
class Release:
    """What is installed: `text` as MAAS takes it (`ubuntu/noble`, `custom/NAME`)."""

    text: str

    @property
    def series(self) -> str:
        """The series or image without its operating system, releases of Ubuntu by their series."""
        name = self.text.rpartition("/")[2]
        return _SERIES.get(name, name)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a deployment stands on. `release` is what was asked for, `configured` what the node's file says.

    `tree` is what is wrong with the rendered tree; `missing` are keys to be approved, each with its place;
    `user_data` is None while it cannot be assembled. `erases` is whether MAAS is set to erase disks on release, None
    when it did not say. `failing` are checks of the machine's last results that are FAIL. `secrets` are the files that
    are added to the user data when it is sent, by reference, and `secret_problems` why they cannot be.
    """

    site: str
    node: str
    profile: str
    machine: Machine
    whoami: str
    os_disk: OsDisk
    release: Release | None
    configured: Release | None
    tree: str = ""
    missing: tuple[str, ...] = ()
    user_data: bytes | None = None
    erases: bool | None = None
    failing: tuple[str, ...] = ()
    secrets: tuple[SecretFile, ...] = ()
    secret_problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class DeployPlan:
    """What keeps a deployment from being asked for, and what a person should know before."""

    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]


def plan(facts: Facts) -> DeployPlan:
    """All problems and warnings at once."""
    problems = [
        *_about_state(facts),
        *_about_profile(facts),
        *_about_rendering(facts),
        *facts.secret_problems,
        *storage.check(facts.machine, facts.os_disk),
        *_about_vendor_data(facts),
    ]
    if facts.release is None:
        hint = "set os.release in the node's file or above it, or give --series or --image"
        problems.append(Problem("nothing says which release is installed", hint))
    return DeployPlan(tuple(problems), tuple(_warnings(facts)))


def _about_state(facts: Facts) -> Iterator[Problem]:
    machine = facts.machine
    if machine.locked:
        yield Problem(f"machine {machine.hostname} is locked in MAAS", "unlock it there")
    if machine.status == MachineStatus.ALLOCATED and machine.owner != facts.whoami:
        yield Problem(f"machine {machine.hostname} is allocated to {machine.owner}", "ask them to release it")
    if machine.status not in (MachineStatus.READY, MachineStatus.ALLOCATED):
        hint = f"commission it: gpuaas-gen commission --site {facts.site} --node {facts.node}"
        if machine.status in (MachineStatus.DEPLOYED, MachineStatus.FAILED_DEPLOYMENT):
            hint = "release it first; a deployed machine's disks may hold tenants' data"
        yield Problem(f"machine {machine.hostname} is in state {machine.status_name}, not Ready", hint)


def _about_profile(facts: Facts) -> Iterator[Problem]:
    found = facts.machine.profiles
    if found == (facts.profile,):
        return
    tag = f"{PREFIX}{facts.profile}"
    if facts.profile not in found:
        yield Problem(f"the machine lacks the tag {tag}", f"gpuaas-gen upload --site {facts.site} gives it")
    for other in found:
        if other != facts.profile:
            message = f"the machine carries the tag {PREFIX}{other}, but the node's profile is {facts.profile}"
            yield Problem(message, "find out which is right, then take the wrong tag off in MAAS")


def _about_rendering(facts: Facts) -> Iterator[Problem]:
    if facts.tree:
        yield Problem(facts.tree, "render it, have the changes reviewed, and commit them")
    for key in facts.missing:
        yield Problem(f"withheld for want of {key}", "write the approved value in its place")


def _about_vendor_data(facts: Facts) -> Iterator[Problem]:
    """Options of MAAS whose own entries would not reach cloud-init."""
    lists = sorted(list_keys(facts.user_data) & VENDOR_LISTS) if facts.user_data is not None else sorted(VENDOR_LISTS)
    if not lists:
        return
    options = (("hardware sync", facts.machine.hardware_sync), ("ephemeral deployment", facts.machine.ephemeral))
    for option, on in options:
        if on:
            message = f"{option} is on for the machine, and cannot work with this user data: its {', '.join(lists)}"
            yield Problem(f"{message} replace those of MAAS", f"turn {option} off in MAAS")


def _warnings(facts: Facts) -> Iterator[str]:
    if facts.erases:
        yield (
            "MAAS is set to erase disks on release: releasing this machine later erases all of its disks, those of"
            " slices and shares among them"
        )
    elif facts.erases is None:
        yield "MAAS did not say whether releasing erases disks (enable_disk_erasing_on_release): look before releasing"
    if facts.failing:
        see = f"gpuaas-gen results --site {facts.site} --node {facts.node}"
        yield f"results of the machine are FAIL: {', '.join(facts.failing)}: {see}"
    for file in facts.secrets:
        if file.reference is None and not file.pending:
            how = "set it, or bring the file by hand"
            yield f"{file.place}: {file.key} is not set: {file.target} is not delivered; {how}"
    release, configured = facts.release, facts.configured
    if release and configured and release.series != configured.series:
        yield f"installs {release.text}, but the configuration says {configured.text}"


def list_keys(user_data: bytes) -> frozenset[str]:
    """The top-level keys that hold lists, over all cloud-config parts of the user data."""
    import yaml

    found: set[str] = set()
    for part in message_from_bytes(user_data).walk():
        if part.is_multipart():
            continue
        data = yaml.safe_load(_text(part))
        if isinstance(data, dict):
            found |= {str(key) for key, value in data.items() if isinstance(value, list)}
    return frozenset(found)


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8") if isinstance(payload, bytes) else ""


def digest(user_data: bytes) -> str:
    """SHA-256 of the user data, in hex."""
    return hashlib.sha256(user_data).hexdigest()


def fields(user_data: bytes, release: Release) -> tuple[tuple[str, str], ...]:
    """The form to send."""
    return (("user_data", base64.b64encode(user_data).decode()), ("distro_series", release.text))


def verify(facts: Facts, answer: Machine) -> tuple[Problem, ...]:
    """What is wrong with MAAS's answer to the request."""
    found = []
    if answer.status not in (MachineStatus.DEPLOYING, MachineStatus.DEPLOYED):
        found.append(Problem(f"MAAS took the request, but the machine is in state {answer.status_name}"))
    if answer.boot_disk != facts.machine.boot_disk or answer.disks != facts.machine.disks:
        hint = "abort the deployment in MAAS now, if that is not what you want"
        found.append(Problem("the machine's disks in MAAS changed while it was asked for", hint))
    found += _about_vendor_data_of(facts, answer)
    if facts.release is not None and answer.series and facts.release.series != Release(answer.series).series:
        found.append(Problem(f"MAAS installs {answer.osystem}/{answer.series}, not {facts.release.text}"))
    return tuple(found)


def _about_vendor_data_of(facts: Facts, answer: Machine) -> Iterator[Problem]:
    if answer.hardware_sync or answer.ephemeral:
        what = "hardware sync" if answer.hardware_sync else "an ephemeral deployment"
        yield Problem(f"MAAS made it {what}, which was not asked for", f"look at {facts.node} in MAAS")
