"""Walks a shell's syntax tree (`shfmt --to-json`): commands with what they are piped and written into.

Words hold `\\ufffc` for what only running tells.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from .shell_calls import DYNAMIC, unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

FETCHERS = {"curl", "wget", "aria2c", "fetch"}
INTERPRETERS = {"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "python", "python3", "perl", "ruby", "node"}
KERNEL_DISK = re.compile(
    r"/dev/(?:nvme[\d*?\[\]-]+(?:n[\d*?]+(?:p\d+)?)?|(?:sd|vd|xvd|hd)(?:[a-z]{1,2}|[*?]|\[[a-z-]+\])\d*)(?![\w/])"
)


class Use(msgspec.Struct, frozen=True):
    """Something that a rule is about: which one (`kind`), the words to show, and the place from 1."""

    kind: str
    what: str
    line: int
    column: int


class Command(msgspec.Struct, frozen=True):
    """A simple command: its words and where each stands, the statement it is in, its function, its output file."""

    words: tuple[str, ...]
    places: tuple[tuple[int, int], ...]
    statement: int
    function: str
    output: str
    piped_into: str

    @property
    def name(self) -> str:
        """The command without its folder."""
        return self.words[0].rsplit("/", 1)[-1] if self.words else ""


class Walk:
    """Collects commands with what they are piped into; node types are those of shfmt's `syntax` package."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.redirects: list[Use] = []
        self.found: list[Use] = []
        self.disks: list[Use] = []
        self.statement = 0

    def node(self, node: object, function: str, output: str, piped: str) -> None:
        """`output` is the file, `piped` the command that the node's output goes into."""
        if isinstance(node, list):
            for item in node:
                self.node(item, function, output, piped)
            return
        if not isinstance(node, dict):
            return
        kind = node.get("Type")
        if kind == "FuncDecl":
            function = node["Name"]["Value"]
        if "Cmd" in node or "Redirs" in node:
            if not piped:
                self.statement += 1
            output = self._redirected(node) or output
        if kind == "BinaryCmd" and node.get("Op") in ("|", "|&"):
            self._pipe(node, function, output, piped)
            return
        if kind == "CallExpr":
            self._call(node, function, output, piped)
        elif kind == "WordIter":
            for word in node.get("Items") or ():
                self._named_disk(text_of(word), *_place(word))
        for key, value in node.items():
            if isinstance(value, (dict, list)) and not key.endswith("Pos"):
                # what stands inside of a word has its own output
                inside = kind == "CallExpr"
                self.node(value, function, "" if inside else output, "" if inside else piped)

    def _pipe(self, node: dict[str, Any], function: str, output: str, piped: str) -> None:
        right = _first_command(node.get("Y"))
        names = [words[0].rsplit("/", 1)[-1] for words in right if words]
        into = " ".join(names) or "?"
        statement = self.statement
        self.node(node.get("X"), function, "", f"{into} {piped}".strip())
        self.statement = statement
        if node.get("Y", {}).get("Redirs"):
            output = self._redirected(node["Y"]) or output
        self.node((node.get("Y") or {}).get("Cmd"), function, output, piped)

    def _redirected(self, node: dict[str, Any]) -> str:
        output = ""
        for redirect in node.get("Redirs") or ():
            operator = redirect.get("Op", "")
            if operator in (">", ">>", ">|", "&>", "<>"):
                word = text_of(redirect.get("Word") or {})
                self.redirects.append(Use("write", word, *_place(redirect.get("Word") or redirect)))
                if (redirect.get("N") or {}).get("Value", "1") == "1":
                    output = word
        return output

    def _call(self, node: dict[str, Any], function: str, output: str, piped: str) -> None:
        args = node.get("Args") or ()
        words = tuple(text_of(word) for word in args)
        places = tuple(_place(word) for word in args)
        self._nested(args, words)
        bare = unwrapped(words)
        if bare:
            places = places[len(words) - len(bare) :]
            self.commands.append(Command(bare, places, self.statement, function, output, piped))
        for assign in node.get("Assigns") or ():
            if assign.get("Value"):
                value = text_of(assign["Value"])
                self.found += literals(value, *_place(assign["Value"]))
                self._named_disk(value, *_place(assign["Value"]))

    def _named_disk(self, value: str, line: int, column: int) -> None:
        """Keep a disk's kernel name that a variable gets: the script may destroy what the variable names."""
        self.disks += [Use("kernel-disk", one, line, column) for one in value.split() if KERNEL_DISK.fullmatch(one)]

    def _nested(self, args: Any, words: tuple[str, ...]) -> None:  # noqa: ANN401 - a node list
        """Downloads that become code: `sh -c "$(curl …)"`, `eval "$(curl …)"`, `bash <(curl …)`."""
        bare = unwrapped(words)
        name = bare[0].rsplit("/", 1)[-1] if bare else ""
        if name not in INTERPRETERS | {"eval", ".", "source"}:
            return
        for word in args:
            for inner in _substituted(word):
                for command in _first_command(inner):
                    if (
                        command
                        and unwrapped(tuple(command))[:1]
                        and unwrapped(tuple(command))[0].rsplit("/", 1)[-1] in FETCHERS
                    ):
                        self.found.append(Use("piped", f"{unwrapped(tuple(command))[0]} into {name}", *_place(word)))


def _substituted(node: object) -> Iterator[object]:
    """Statements inside of `$(…)` and `<(…)` of a word."""
    if isinstance(node, dict):
        if node.get("Type") in ("CmdSubst", "ProcSubst"):
            yield node.get("Stmts") or []
        for key, value in node.items():
            if isinstance(value, (dict, list)) and not key.endswith("Pos"):
                yield from _substituted(value)
    elif isinstance(node, list):
        for item in node:
            yield from _substituted(item)


def _first_command(node: object) -> list[list[str]]:
    """The words of the simple commands at the front of a node: of a pipe's left end, of a block's statements."""
    if isinstance(node, list):
        return [words for item in node for words in _first_command(item)]
    if not isinstance(node, dict):
        return []
    if node.get("Type") == "CallExpr":
        return [list(unwrapped(tuple(text_of(word) for word in node.get("Args") or ())))]
    if node.get("Type") == "BinaryCmd":
        return [
            *_first_command(node.get("X")),
            *(_first_command(node.get("Y")) if node.get("Op") not in ("|", "|&") else []),
        ]
    if node.get("Type") in ("Block", "Subshell"):
        return _first_command(node.get("Stmts"))
    return _first_command(node.get("Cmd"))


def literals(word: str, line: int, column: int) -> Iterator[Use]:
    """Devices that a word gives to vfio-pci by ID."""
    found = re.search(r"vfio[-_]pci\.ids=([0-9A-Fa-f]{4}:|" + DYNAMIC + ")", word) or re.search(
        r"\boptions vfio[-_]pci .*\bids=", word
    )
    if found:
        yield Use("vfio-ids", found[0], line, column)


def text_of(word: dict[str, Any]) -> str:
    """A word as text, with DYNAMIC for what running would put in."""
    found = []
    for part in word.get("Parts") or ():
        kind = part.get("Type")
        if kind in ("Lit", "SglQuoted"):
            found.append(part.get("Value", ""))
        elif kind == "DblQuoted":
            found.append(text_of(part))
        elif kind == "ParamExp":
            found.append(f"{DYNAMIC}{part['Param']['Value']}{DYNAMIC}")
        else:
            found.append(DYNAMIC)
    return "".join(found)


def _place(node: dict[str, Any]) -> tuple[int, int]:
    place = node.get("Pos") or {}
    return place.get("Line", 1), place.get("Col", 1)
