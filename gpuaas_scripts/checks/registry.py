"""The list of checks of `gpuaas-gen lint`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..errors import Finding
    from .base import Check


class Entry(NamedTuple):
    """A check: the module that holds it, what it looks at, and which of our codes it may give (bounds included).

    shellcheck's own codes (SC…) are those of the check `shellcheck`.
    """

    module: str
    about: str
    codes: tuple[tuple[int, int], ...] = ()


CHECKS: dict[str, Entry] = {
    "shellcheck": Entry("shellcheck", "shell scripts, with shellcheck", ((410, 419),)),
    "shells": Entry("shells", "shell scripts, parsed by every shell that is there", ((410, 419),)),
    "shfmt": Entry("shfmt", "layout of shell scripts", ((410, 419),)),
    "contract": Entry("contract", "settings, fragments and functions of script templates", ((330, 349), (410, 419))),
    "maas_metadata": Entry("maas_metadata", "metadata of MAAS scripts", ((420, 459),)),
    "cloud_config": Entry("cloud_config", "cloud-config documents", ((460, 469),)),
    "user_data": Entry("user_data", "assembled user data", ((460, 469),)),
    "unit": Entry("unit", "systemd units and drop-ins", ((470, 474),)),
    "netplan": Entry("netplan", "netplan files", ((475, 475),)),
    "dnsmasq": Entry("dnsmasq", "dnsmasq files", ((476, 476),)),
    "grub": Entry("grub", "grub.d files", ((477, 477),)),
    "sysctl": Entry("sysctl", "sysctl.d files", ((478, 478),)),
    "modprobe": Entry("modprobe", "modprobe.d and modules-load.d files", ((479, 479),)),
    "udev": Entry("udev", "udev rules", ((480, 480),)),
    "data_formats": Entry("data_formats", "JSON, TOML and YAML files", ((481, 481),)),
    "node_env": Entry("node_env", "node.env against the scripts that read it", ((482, 482),)),
    "secrets": Entry("secrets", "secrets in any file", ((485, 489),)),
    "policy": Entry("policy", "rules of this program and of the site", ((490, 499),)),
}
"""All checks in the order in which they run. Modules are imported when they run."""


@dataclass(frozen=True, slots=True)
class Told:
    """A finding and the check that gave it."""

    check: str
    finding: Finding


def check_of(name: str) -> Check:
    """The function of a check."""
    check: Check = import_module(f".{CHECKS[name].module}", __package__).check
    return check


def owners(code: str) -> set[str]:
    """The checks that may give a code."""
    if code.startswith("SC"):
        return {"shellcheck"}
    number = int(code.removeprefix("GS"))
    return {name for name, entry in CHECKS.items() if any(first <= number <= last for first, last in entry.codes)}
