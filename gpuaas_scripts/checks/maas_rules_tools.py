"""Commands that change firmware or destroy data, by their words.

Source: the tools' own manuals (racadm, ipmitool, mstflint and mlxconfig, fwupdmgr, ilorest, storcli and
perccli, ssacli, SUM, nvme-cli, util-linux, gdisk, parted, mdadm, LVM, cryptsetup, sg3_utils, hdparm).
A command that only reads (`racadm get`, `wipefs` without options, `sgdisk -p`) is none of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

from .shell_calls import DYNAMIC, Call


class Change(StrEnum):
    """What a command changes."""

    FIRMWARE = "firmware"
    DISKS = "disks"


_Rule = Callable[[tuple[str, ...]], bool]


def _has(*words: str) -> _Rule:
    """One of the words is among the arguments."""
    wanted = set(words)
    return lambda arguments: any(word in wanted for word in arguments)


def _first(*words: str) -> _Rule:
    """The first argument that is no option is one of the words."""
    wanted = set(words)

    def rule(arguments: tuple[str, ...]) -> bool:
        plain = [word for word in arguments if not word.startswith("-")]
        return bool(plain) and plain[0] in wanted

    return rule


def _option(pattern: str) -> _Rule:
    """An argument matches the pattern from its begin to its end."""
    compiled = re.compile(pattern)
    return lambda arguments: any(compiled.fullmatch(word) for word in arguments)


def _not_only(*words: str) -> _Rule:
    """There are arguments, and none of these, with which the tool only reads."""
    only = set(words)
    return lambda arguments: bool(arguments) and not any(word in only for word in arguments)


def _racadm(arguments: tuple[str, ...]) -> bool:
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        if rest.pop(0) in ("-r", "-u", "-p", "-i") and rest:
            rest.pop(0)
    if not rest:
        return False
    if rest[0] == "jobqueue":
        return rest[1:2] in (["create"], ["delete"])
    if rest[0] == "storage":
        return any(word.startswith(("create", "delete", "reset", "init", "convert")) for word in rest[1:])
    return rest[0] in ("set", "update", "fwupdate", "racreset", "systemerase", "config")


def _dd(arguments: tuple[str, ...]) -> bool:
    output = next((word[3:] for word in arguments if word.startswith("of=")), "")
    source = next((word[3:] for word in arguments if word.startswith("if=")), "")
    if output.startswith("/dev/"):
        return output not in ("/dev/null", "/dev/stdout", "/dev/stderr", "/dev/full", "/dev/zero")
    return output.startswith(DYNAMIC) and source in ("/dev/zero", "/dev/urandom", "/dev/random")


def _parted(arguments: tuple[str, ...]) -> bool:
    return _has("mklabel", "mktable", "mkpart", "rm", "resizepart", "rescue", "set", "name")(arguments)


def _ipmitool(arguments: tuple[str, ...]) -> bool:
    plain = [word for word in arguments if not word.startswith("-")]
    return "hpm" in plain and "upgrade" in plain


def _ilorest(arguments: tuple[str, ...]) -> bool:
    plain = [word for word in arguments if not word.startswith("-")]
    return bool(plain) and plain[0].split("=")[0].lower() in _ILOREST


_ILOREST = {"set", "load", "commit", "flashfwpkg", "biosdefaults", "setbootmode", "rawpatch", "rawpost"}
_MST = _has("burn", "b", "brom", "drom", "sg", "set_key", "sv")
_MLXCONFIG = _has("set", "s", "reset", "r", "apply", "set_raw")
_FIRMWARE: dict[str, _Rule] = {
    **dict.fromkeys(("racadm", "racadm7", "idracadm", "idracadm7"), _racadm),
    **dict.fromkeys(("mstflint", "flint"), _MST),
    **dict.fromkeys(("mlxconfig", "mstconfig"), _MLXCONFIG),
    **dict.fromkeys(("mlxup", "mlxfwmanager", "mstfwmanager"), _option(r"-[a-z]*u[a-z]*|--update")),
    **dict.fromkeys(("ilorest", "hprest"), _ilorest),
    **dict.fromkeys(("storcli", "storcli64", "perccli", "perccli64"), _has("add", "del", "set", "download", "start")),
    **dict.fromkeys(("ssacli", "hpssacli", "hpacucli"), _has("create", "delete", "modify")),
    **dict.fromkeys(("sum", "saa"), _option(r"(?i)(update|change|load|set)(bios|bmc|.*cfg|.*default).*")),
    "ipmitool": _ipmitool,
    "bfb-install": _not_only("-h", "--help"),
    "nvflash": _option(r"-6|--?(protectoff|upgrade|index=.*)|.*\.rom"),
    "flashrom": _option(r"-[wE]|--write|--erase"),
    "fwupdmgr": _first("update", "upgrade", "install", "downgrade", "reinstall", "activate", "modify-bios-setting"),
    "fwupdtool": _first("update", "install", "install-blob"),
    "dsu": _not_only("-h", "--help", "-i", "--inventory", "-p", "--preview", "-v", "--version"),
    "conrep": _option(r"-l"),
    "hponcfg": _option(r"-f|--file"),
    "syscfg": _option(r"(?i)[/-](bcs|bldfs|r|bbo)"),
    "nvme": _first("fw-download", "fw-commit", "fw-activate"),
}  # fmt: skip
_NVME = _first("format", "sanitize", "delete-ns", "create-ns", "write", "write-zeroes", "write-uncor", "dsm")
_DISKS: dict[str, _Rule] = {
    "wipefs": _option(r"-[a-z]*[ao][a-z]*|--all.*|--offset.*|-o.+"),
    "blkdiscard": _not_only("-h", "--help", "-V", "--version"),
    "sgdisk": _option(r"-[oZzndgGtcRlej].*|--(clear|zap|zap-all|new|delete|mbrtogpt|randomize-guids|typecode|load).*"),
    "sfdisk": _not_only("-l", "--list", "-d", "--dump", "-J", "--json", "-V", "--verify", "-s", "-F", "-h"),
    "parted": _parted,
    "mke2fs": _not_only("-n", "-V"),
    "mkswap": _not_only("-h", "--help", "-V"),
    "nvme": _NVME,
    "dd": _dd,
    "sg_dd": _dd,
    "shred": _option(r"/dev/.+"),
    "hdparm": _option(r"--(security-erase|security-erase-enhanced|trim-sector-ranges|sanitize-.*)"),
    "sg_format": _option(r"-F|--format.*"),
    "sg_sanitize": _not_only("-h", "--help"),
    "cryptsetup": _first("luksFormat", "erase", "luksErase", "reencrypt"),
    "mdadm": _option(r"--zero-superblock|--create|-C"),
    **dict.fromkeys(("pvcreate", "vgcreate", "lvcreate", "pvremove", "vgremove", "lvremove"), _not_only("--help")),
    "zpool": _first("create", "destroy", "labelclear"),
    "badblocks": _option(r"-[a-z]*w[a-z]*"),
}  # fmt: skip
_UPDATE_PACKAGE = re.compile(r".*\.BIN", re.IGNORECASE)
_ONLY_LOOKS = {"-qc", "-c", "--list", "--version", "-h", "--help", "--extract"}


def change_of(call: Call) -> Change | None:
    """What a command changes; None for all others."""
    name, arguments = call.name, call.words[1:]
    for change, rules in ((Change.DISKS, _DISKS), (Change.FIRMWARE, _FIRMWARE)):
        rule = rules.get(name)
        if rule is not None and rule(arguments):
            return change
    if name.startswith("mkfs") and arguments:
        return Change.DISKS
    if _UPDATE_PACKAGE.fullmatch(name) and arguments and not set(arguments) & _ONLY_LOOKS:
        return Change.FIRMWARE  # a Dell update package: -q applies it without a question
    return None


def restarts(call: Call) -> bool:
    """Whether a command restarts or stops the machine."""
    if call.name in ("reboot", "poweroff", "halt"):
        return True
    if call.name == "shutdown":
        return "-c" not in call.words and "--help" not in call.words
    return call.name == "systemctl" and bool({"reboot", "poweroff", "halt", "kexec"} & set(call.words[1:]))
