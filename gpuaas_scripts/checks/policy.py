"""Rules of this program, and of the site: what a reviewer should not have to look for.

A site switches a rule off with a reason (`policy.switch_off: {GS490: reason}`) and adds simple ones
(`policy.rules`: a pattern, the artifacts it is for, and what to say).
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ..errors import Finding, Severity
from .base import TextKind
from .data_formats import places_of_key
from .policy_cloud import cloud_findings
from .policy_pieces import Piece, pieces, shell_findings
from .shapes import once_for_each_shape
from .unit_file import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..config.site import Site
    from .base import Skip, Text, Tree

_VFIO = re.compile(r"\bvfio[-_]pci\.ids\s*=|^\s*options\s+vfio[-_]pci\b.*\bids=")
_UNTRUSTED = re.compile(
    r"^\s*deb(?:-src)?\s+\[[^\]]*\btrusted=yes|^\s*Trusted:\s*yes|AllowUnauthenticated\s*\"?(?:true|1|yes)"
    r"|AllowInsecureRepositories\s*\"?(?:true|1|yes)",
    re.IGNORECASE,
)
_OPTIONS = re.compile(r"vfio|hugepage|iommu", re.IGNORECASE)
_SHELL = (TextKind.MAAS_SCRIPT, TextKind.SHELL, TextKind.GRUB)
_PRIVATE_MODE = 0o077
_BUILT_IN = range(490, 498)


def check(tree: Tree) -> Iterator[Finding | Skip]:
    """Findings of the built-in rules that are on, and of the site's own."""
    off: set[str] = set()
    if tree.site is not None:
        off = {code for code, reason in tree.site.file.policy.switch_off.items() if reason.strip()}
        yield from _settings(tree.site)
    for finding in _built_in(tree):
        if not isinstance(finding, Finding) or finding.code not in off:
            yield finding
    if tree.site is not None:
        yield from _own_rules(tree, tree.site)


def _built_in(tree: Tree) -> Iterator[Finding | Skip]:
    for text in tree.texts:
        if text.kind in _SHELL:
            yield from shell_findings(Piece(text, text.content))
        if text.kind is TextKind.UNIT:
            yield from _unit(text)
        if text.kind in (TextKind.GRUB, TextKind.MODPROBE, TextKind.OTHER, TextKind.MODULES_LOAD):
            yield from _lines(Piece(text, text.content), text.kind)
        if text.kind in (TextKind.JSON, TextKind.YAML):
            yield from _kernel_options(text)
        if text.kind in (TextKind.NETPLAN, TextKind.NODE_ENV):
            yield from _mode(text)
    yield from once_for_each_shape(tree.of(TextKind.CLOUD_CONFIG), _cloud)


def _cloud(text: Text) -> Iterator[Finding]:
    yield from cloud_findings(text)
    if text.artifact is None:  # the files that a site's user data holds are texts by themselves
        for piece, kind in pieces(text):
            if kind in _SHELL:
                yield from shell_findings(piece)
            if kind in (TextKind.GRUB, TextKind.MODPROBE, TextKind.OTHER):
                yield from _lines(piece, kind)


def _lines(piece: Piece, kind: TextKind) -> Iterator[Finding]:
    for number, line in enumerate(piece.content.split("\n"), 1):
        if line.lstrip().startswith(("#", "//")):
            continue
        found = _VFIO.search(line)
        if found and kind is not TextKind.GRUB:  # of shell, the syntax tree tells
            column = line.index("ids") + 1
            yield piece.vfio(number, column)
        found = _UNTRUSTED.search(line)
        if found:
            yield piece.untrusted(found[0].strip(), number, found.start() + 1)


def _unit(text: Text) -> Iterator[Finding]:
    for setting in read(text).commands:
        found = re.search(r"\b(?:ba|da|z|k)?sh\s+-\w*c\s+(?:'([^']*)'|\"((?:[^\"\\]|\\.)*)\")", setting.value)
        if found:
            script = (found[1] or found[2] or "").replace("%%", "%").replace("$$", "$")
            column = setting.column + found.start(1 if found[1] is not None else 2)
            yield from shell_findings(Piece(text, script, setting.line, column, one_place=True))
        elif setting.program.rsplit("/", 1)[-1] in ("curl", "wget"):
            script = setting.value.lstrip("@-:+!|").replace("%", "")
            yield from shell_findings(Piece(text, script, setting.line, setting.column, one_place=True))


def _kernel_options(text: Text) -> Iterator[Finding]:
    if "kernel_opts" not in text.content:
        return
    for value, place in places_of_key(text, "kernel_opts"):
        if _OPTIONS.search(value):
            yield Piece(text, text.content).kernel_options(value, place.line, place.column)


def _mode(text: Text) -> Iterator[Finding]:
    """The mode on the host; that of a file in a generated tree is git's, and says nothing."""
    if text.artifact is None and text.path != text.target:
        return
    if text.mode and int(text.mode, 8) & _PRIVATE_MODE:
        yield Piece(text, text.content).readable(text.target or text.path, text.mode, 1, 1)


def _settings(site: Site) -> Iterator[Finding]:
    """What is wrong with the site's own settings."""
    policy = site.file.policy
    for code, reason in policy.switch_off.items():
        place = site.source.locate(("policy", "switch_off", code))
        if not re.fullmatch(r"GS49[0-7]", code):
            hint = f"one of {', '.join(f'GS{number}' for number in _BUILT_IN)}"
            yield Finding("GS499", Severity.ERROR, f"{code} is no rule that can be switched off", place, hint)
        elif not reason.strip():
            yield Finding("GS499", Severity.ERROR, f"{code} is switched off without a reason", place, "write why")
    for index, rule in enumerate(policy.rules):
        place = site.source.locate(("policy", "rules", index))
        try:
            re.compile(rule.pattern or "")
        except re.error as error:
            message = f"the pattern is no regular expression: {error}"
            yield Finding("GS499", Severity.ERROR, message, place, "see Python's re")
            continue
        if not rule.pattern or not rule.message:
            missing = "pattern" if not rule.pattern else "message"
            yield Finding("GS499", Severity.ERROR, f"a rule without {missing}", place, f"add `{missing}:`")


def _own_rules(tree: Tree, site: Site) -> Iterator[Finding]:
    prefix = f"generated/{site.name}/"
    for rule in site.file.policy.rules:
        try:
            pattern = re.compile(rule.pattern or r"(?!)")
        except re.error:
            continue  # told by _settings
        for text in tree.texts:
            if text.kind is TextKind.USER_DATA:
                continue  # its parts are texts by themselves
            if rule.scope and not fnmatchcase(text.path.removeprefix(prefix), rule.scope):
                continue
            if not pattern.search(text.content):
                continue
            for number, line in enumerate(text.content.split("\n"), 1):
                found = pattern.search(line)
                if found and rule.message:
                    message = f"rule {rule.pattern!r} of site {site.name}: {rule.message}"
                    length = max(len(found[0]), 1)
                    yield text.finding("GS498", message, number, found.start() + 1, length=length)
