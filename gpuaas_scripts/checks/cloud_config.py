"""cloud-config documents: cloud-init's schema, and what it takes without a word and does not do.

Facts: cloud-init 25.1 (`cloudinit/config/schemas/`, `config/cc_write_files.py`, `config/cc_runcmd.py`,
`util.shellify`): a list entry of runcmd is quoted word by word, a text entry goes to /bin/sh as it
stands; `permissions` is read as octal text, an integer as it is; write_files runs before packages are
installed and before users are made, unless `defer: true`.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yaml.nodes import ScalarNode

from ..errors import Severity
from ..run import CommandError, run
from . import cloud_schema, tools
from .base import Skip, TextKind
from .cloud_commands import Hosts, command_findings
from .places import Places, places
from .shapes import once_for_each_shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..errors import Finding
    from .base import Text, Tree
    from .places import Path as KeyPath

NAME = "cloud_config"
_MODE = re.compile(r"0?[0-7]{3,4}\Z")
_BASE_USERS = {
    *("root", "daemon", "bin", "sys", "adm", "nobody", "www-data", "backup", "mail", "syslog", "messagebus", "man"),
    *("systemd-network", "systemd-resolve", "_apt", "sshd", "nogroup", "users", "sudo", "shadow", "tty", "disk", "kvm"),
}
_TOOL_PATH = re.compile(r"(?:^|[ ,])([A-Za-z_][\w.-]*): (.*?)(?=, [A-Za-z_][\w.-]*: |$)")


def check(tree: Tree) -> Iterator[Finding | Skip]:
    """Findings of every cloud-config document, those inside of multi-part user data given by path included."""
    texts = [*tree.of(TextKind.CLOUD_CONFIG), *_parts(tree)]
    if not texts:
        return
    if not cloud_schema.available():
        yield Skip(NAME, "the schema library is not installed", "python3-jsonschema")
    program = tools.find("cloud-init")
    if program is None:
        yield Skip(NAME, "cloud-init is not installed: its own opinion is not heard", "cloud-init")
    hosts = Hosts(tree)
    yield from once_for_each_shape(texts, lambda text: _document(text, hosts, program))


def _parts(tree: Tree) -> Iterator[Text]:
    from .user_data import cloud_config_parts

    for text in tree.of(TextKind.USER_DATA):
        if text.artifact is None:  # those of a site are texts of the tree by themselves
            yield from cloud_config_parts(text)


def _document(text: Text, hosts: Hosts, program: str | None) -> Iterator[Finding | Skip]:
    document = places(text.content)
    data = document.data if document.broken is None else None
    if data is None:
        return  # broken: told by data_formats; empty: nothing to do, and cloud-init takes it
    if not isinstance(data, dict):
        yield text.finding(
            "GS460",
            "the document must be a mapping: cloud-init ignores the whole file",
            1,
            hint="write `key: value` lines",
        )
        return
    found = [*_files(text, document, data), *command_findings(text, document, data, hosts)]
    places_told = {(finding.location.line, finding.location.column) for finding in found}
    if cloud_schema.available():
        for finding in _schema(text, document, data):
            if (finding.location.line, finding.location.column) not in places_told:
                found.append(finding)
    yield from found
    if program is not None:
        yield from _own_opinion(text, document, program, {finding.location.line for finding in found})


def _schema(text: Text, document: Places, data: dict[str, Any]) -> Iterator[Finding]:
    for problem in cloud_schema.problems(data):
        place = document.at(problem.path, key=problem.key)
        if problem.key and len(problem.path) == 1 and not problem.deprecated:
            name = str(problem.path[0])
            hint = cloud_schema.suggestion(name, sorted(cloud_schema.top_level())) or "remove it"
            message = f"cloud-init knows no key {name!r} and ignores it with all below it"
            yield text.finding("GS461", message, place.line, place.column, hint=hint, length=place.length)
            continue
        severity = Severity.WARNING if problem.deprecated else Severity.ERROR
        yield text.finding(
            "GS460",
            problem.message,
            place.line,
            place.column,
            hint=problem.hint,
            length=place.length,
            severity=severity,
        )


def _files(text: Text, document: Places, data: dict[str, Any]) -> Iterator[Finding]:
    entries = data.get("write_files")
    seen: dict[str, int] = {}
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if not isinstance(entry, dict):
            continue
        base: KeyPath = ("write_files", index)
        path = entry.get("path")
        if isinstance(path, str):
            if path in seen and not entry.get("append"):
                place = document.at((*base, "path"))
                first = document.at(("write_files", seen[path], "path")).line
                yield text.finding(
                    "GS465",
                    f"{path} is written twice (first in line {first}): this entry replaces the other",
                    *(place.line, place.column),
                    hint="keep one, or say `append: true`",
                    length=place.length,
                )
            seen.setdefault(path, index)
        yield from _permissions(text, document, entry, (*base, "permissions"))
        yield from _content(text, document, entry, base)
        yield from _owner(text, document, data, entry, (*base, "owner"))


def _permissions(text: Text, document: Places, entry: dict[str, Any], path: KeyPath) -> Iterator[Finding]:
    if "permissions" not in entry:
        return
    mode = entry["permissions"]
    node = document.node(path)
    written = node.value if isinstance(node, ScalarNode) else str(mode)
    place = document.at(path)
    if isinstance(mode, str):
        if _MODE.match(mode) or re.fullmatch(r"0o[0-7]{3,4}", mode):
            return
        message = f"permissions {mode!r} are no octal mode: cloud-init warns in its log only, and the file gets 0644"
    elif isinstance(mode, int) and not isinstance(mode, bool):
        message = f"permissions {written} are not quoted: YAML reads {mode}, which is mode {mode & 0o7777:04o}"
        if f"{mode & 0o7777:o}" == written.lstrip("0"):
            message = f"permissions {written} are not quoted: right only as long as YAML 1.1 reads them as octal"
    else:
        message = f"permissions {written} are no text"
    hint = f'write "{int(written, 8):04o}"' if _MODE.match(written) else 'write an octal mode in quotes, such as "0644"'
    yield text.finding("GS466", message, place.line, place.column, hint=hint, length=place.length)


def _content(text: Text, document: Places, entry: dict[str, Any], base: KeyPath) -> Iterator[Finding]:
    encoding = entry.get("encoding", "text/plain")
    if encoding != "text/plain":
        place = document.at((*base, "encoding"))
        yield text.finding(
            "GS464",
            f"the content is encoded ({encoding}): a reviewer cannot read what the machine gets",
            *(place.line, place.column),
            hint="write the text as a block: `content: |`",
            length=place.length,
            severity=Severity.WARNING,
        )
    node = document.node((*base, "content"))
    if not isinstance(node, ScalarNode):
        return
    many = "\n" in node.value.rstrip("\n") or (node.value.endswith("\n") and node.style in ("'", '"'))
    if node.tag.endswith(":binary"):
        message = "the content is binary: a reviewer cannot read what the machine gets"
    elif node.style == ">":
        message = "a folded block (`>`) joins lines: the file will not have the lines that stand here"
    elif many and node.style != "|":
        message = "several lines in one quoted text: line breaks and backslashes are not what they look like"
    elif not node.style and node.start_mark.line != node.end_mark.line:
        message = "a plain text over several lines: YAML joins them to one"
    else:
        return
    place = document.at((*base, "content"))
    yield text.finding(
        "GS464",
        message,
        *(place.line, place.column),
        hint="write the text as a block: `content: |`",
        length=place.length,
        severity=Severity.WARNING,
    )


def _owner(
    text: Text, document: Places, data: dict[str, Any], entry: dict[str, Any], path: KeyPath
) -> Iterator[Finding]:
    owner = entry.get("owner")
    if not isinstance(owner, str) or entry.get("defer") is True:
        return
    unknown = [name for name in owner.split(":") if name and name not in _BASE_USERS and not name.isdigit()]
    if not unknown:
        return
    made = ", and write_files runs before users and packages" if data.get("packages") or data.get("users") else ""
    place = document.at(path)
    yield text.finding(
        "GS463",
        f"{unknown[0]} is not there yet when the file is written{made}: chown fails, later files are missing",
        *(place.line, place.column),
        hint="say `defer: true`, which writes the file at the end",
        length=place.length,
    )


def _own_opinion(text: Text, document: Places, program: str, told: set[int]) -> Iterator[Finding]:
    """What `cloud-init schema` of this machine finds where nothing else was found."""

    def ask() -> str:
        with tempfile.TemporaryDirectory(prefix="gpuaas-lint-") as folder:
            file = Path(folder) / "user-data"
            file.write_text(text.content, "utf-8")
            done = run([program, "schema", "--config-file", str(file)], timeout=tools.TIMEOUT, check=False)
        said = done.stderr.strip() or done.stdout.strip()
        if done.returncode != 0 and "nvalid" not in said and "schema" not in said:
            raise CommandError(f"cloud-init schema broke down: {said}", command=f"{program} schema")
        return said if done.returncode else ""

    said = tools.remembered(NAME, Path(__file__), tools.version(program, "--version"), text.content, ask)
    text_of_errors = said.partition("errors: ")[2].split("\n")[0]
    for dotted, message in _TOOL_PATH.findall(text_of_errors):
        unexpected = re.search(r"\('([^']+)' was unexpected\)", message)
        parts = [*dotted.split("."), *([unexpected[1]] if unexpected and unexpected[1] != dotted else [])]
        keys = tuple(int(part) if part.isdigit() else part for part in parts)
        place = document.at(keys, key=True)
        value = document.at(keys)
        if not told & {place.line, value.line}:
            told.add(place.line)
            yield text.finding(
                "GS460", f"cloud-init refuses {dotted}: {message}", place.line, place.column, length=place.length
            )
    if said and not text_of_errors and not told:
        yield text.finding("GS460", f"cloud-init refuses the file: {said.splitlines()[0]}", 1)


def data_of(text: Text) -> dict[str, Any]:
    """The document of a cloud-config text, {} when it is broken or no mapping."""
    document = places(text.content)
    data = document.data if document.broken is None else None
    return data if isinstance(data, dict) else {}


def write_files(text: Text) -> Iterable[tuple[int, dict[str, Any]]]:
    """The well-formed entries of `write_files` with their numbers."""
    entries = data_of(text).get("write_files")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict) and isinstance(entry.get("path"), str):
            yield index, entry
