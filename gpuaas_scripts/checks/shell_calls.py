"""The commands that a script holds, with their words and what they write into, from the syntax tree.

For rules about what a script does: `racadm set`, `wipefs -a`, a heredoc into `$RESULT_PATH`. What only
running would tell (the value of a variable) is a `DYNAMIC` character in a word.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..cache import Cache
from ..run import base_env, run
from .shell_texts import Dialect, beside, dialect, identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .base import Text

DYNAMIC = "\ufffc"
"""Stands in a word for what is known only when the script runs."""

ALL_ARGUMENTS = DYNAMIC + "@"
"""The word `"$@"`."""

_LANGUAGES = {Dialect.POSIX: "posix", Dialect.BASH: "bash", Dialect.KSH: "mksh"}
_TIMEOUT_S = 60.0
_DEPTH = 3
_WITHOUT_COLLECTING = {"GOGC": "off"}
"""shfmt is a Go program that ends before its garbage matters: a third less work."""

_WITH_VALUE = {"timeout": "ks", "nice": "n", "ionice": "cnp", "env": "uCS", "xargs": "adEeIiLlnPs", "sudo": "ugCphr"}
_WRAPPERS = {
    "sudo",
    "timeout",
    "env",
    "nice",
    "ionice",
    "nohup",
    "exec",
    "command",
    "setsid",
    "stdbuf",
    "xargs",
    "time",
}
_SHELLS = {"sh", "bash", "dash", "ash"}


class Call(msgspec.Struct, frozen=True):
    """A command: its words, without wrappers such as `sudo` and `timeout 60`, and its place from 1.

    `function` is the function that holds it ('' outside of any).
    """

    words: tuple[str, ...]
    line: int
    column: int
    function: str = ""

    @property
    def name(self) -> str:
        """The command without its folder."""
        return self.words[0].rsplit("/", 1)[-1]


class Write(msgspec.Struct, frozen=True):
    """Text that goes into a file named by a variable: `text` as far as it is known, None where it is not."""

    variable: str
    text: str | None
    line: int
    column: int


class Calls(msgspec.Struct, frozen=True):
    """What a script holds; `broken` when it cannot be parsed."""

    calls: tuple[Call, ...] = ()
    writes: tuple[Write, ...] = ()
    reads: tuple[Call, ...] = ()
    broken: bool = False


def calls_of(text: Text) -> Calls | None:
    """The commands of a shell text; None where shfmt is not installed, and for other languages.

    A composed script is read part by part, since its fragments are those of others.
    """
    language = dialect(text.content)
    program = beside("shfmt")
    if program is None or language is None:
        return None
    if text.composed is None:
        return _with_forwards([_remembered(program, text.content, language)])
    lines = text.content.split("\n")
    found = []
    for span in text.composed.spans:
        part = "\n".join(lines[span.first - 1 : span.first - 1 + span.count]) + "\n"
        found.append(_moved(_remembered(program, part, language), span.first - 1))
    return _with_forwards(found)


def _with_forwards(parts: list[Calls]) -> Calls:
    calls = tuple(call for part in parts for call in part.calls)
    return Calls(
        (*calls, *_forwarded(calls)),
        tuple(write for part in parts for write in part.writes),
        tuple(read for part in parts for read in part.reads),
        any(part.broken for part in parts),
    )


def _moved(part: Calls, by: int) -> Calls:
    """The calls of a part, with their lines in the whole."""
    replace = msgspec.structs.replace
    return Calls(
        tuple(replace(call, line=call.line + by) for call in part.calls),
        tuple(replace(write, line=write.line + by) for write in part.writes),
        part.reads,
        part.broken,
    )


def _remembered(program: str, content: str, language: Dialect) -> Calls:
    cache = Cache("shell-calls", Path(__file__))
    key = f"{identity(program)}\0{language}\0{content}".encode("utf-8", "surrogateescape")
    kept = cache.get(key)
    if kept is not None:
        try:
            return msgspec.json.decode(kept, type=Calls)
        except msgspec.DecodeError:
            pass  # a damaged entry is as good as none
    found = _read(program, content, language, 0)
    cache.put(key, msgspec.json.encode(found))
    return found


def _read(program: str, content: str, language: Dialect, depth: int) -> Calls:
    argv = [program, "-ln", _LANGUAGES[language], "--to-json"]
    done = run(argv, stdin=content, timeout=_TIMEOUT_S, check=False, env={**base_env(), **_WITHOUT_COLLECTING})
    if done.returncode != 0:
        return Calls(broken=True)
    walk = _Walk()
    walk.node(msgspec.json.decode(done.stdout).get("Stmts") or [], "", "")
    calls: list[Call] = []
    for call in walk.calls:
        words = unwrapped(call.words)
        if not words:
            continue
        calls.append(Call(words, call.line, call.column, call.function))
        inner = _script_of(words)
        if inner is not None and depth < _DEPTH:
            nested = _read(program, inner, language, depth + 1)
            calls += [Call(one.words, call.line, call.column, call.function) for one in nested.calls]
    return Calls(tuple(calls), tuple(walk.writes), tuple(walk.reads))


def unwrapped(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of the command that `sudo`, `timeout 60`, `xargs -n1` and the like start in the end."""
    while words and words[0].rsplit("/", 1)[-1] in _WRAPPERS:
        name = words[0].rsplit("/", 1)[-1]
        rest = list(words[1:])
        if name == "command" and rest and rest[0] in ("-v", "-V"):
            return ()  # asks whether a command is there
        while rest and (rest[0].startswith("-") or (name in ("env", "sudo") and "=" in rest[0])):
            option = rest.pop(0)
            takes = len(option) == 2 and option[1] in _WITH_VALUE.get(name, "")
            if takes and rest and not (name == "xargs" and option in ("-i", "-e", "-l")):
                rest.pop(0)
        if name == "timeout" and rest:
            rest.pop(0)
        words = tuple(rest)
    return words


def _script_of(words: tuple[str, ...]) -> str | None:
    """The text that `sh -c TEXT` runs."""
    if words[0].rsplit("/", 1)[-1] not in _SHELLS:
        return None
    for number, word in enumerate(words[1:-1], 1):
        if word.startswith("-") and not word.startswith("--") and word.endswith("c"):
            return words[number + 1].replace(DYNAMIC, "x")
    return None


def _forwarded(calls: tuple[Call, ...]) -> Iterator[Call]:
    """`tool_run get X` where the function `tool_run` holds `tool "$@"` is a call of `tool get X`."""
    forwards = {call.function: call.words[:-1] for call in calls if call.function and call.words[-1] == ALL_ARGUMENTS}
    for call in calls:
        target = forwards.get(call.words[0])
        if target:
            words = unwrapped((*target, *call.words[1:]))
            if words:
                yield Call(words, call.line, call.column, call.function)


class _Walk:
    """Collects commands; the node types are those of shfmt's `syntax` package."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.writes: list[Write] = []
        self.reads: list[Call] = []

    def node(self, node: object, function: str, target: str) -> None:
        """`function` holds the node; its output goes into the file that the variable `target` names."""
        if isinstance(node, list):
            for item in node:
                self.node(item, function, target)
            return
        if not isinstance(node, dict):
            return
        kind = node.get("Type")
        if kind == "FuncDecl":
            function, target = node["Name"]["Value"], ""
        elif kind == "CallExpr":
            self.call(node, function, target)
        elif kind == "BinaryCmd" and str(node.get("Op", "")).startswith("|") and node.get("Op") != "||":
            variable = _tee(node.get("Y"))
            self.node(node.get("X"), function, variable or "")
            self.node(node.get("Y"), function, target)
            return
        elif kind == "ParamExp":
            self.reads.append(Call((node["Param"]["Value"],), *_place(node)))
        if "Cmd" in node or "Redirs" in node:
            target = self.redirected(node, target)
        for key, value in node.items():
            if isinstance(value, (dict, list)) and not key.endswith("Pos"):
                self.node(value, function, target)

    def call(self, node: dict[str, Any], function: str, target: str) -> None:
        words = tuple(_text(word) for word in node.get("Args") or ())
        if not words:
            return
        line, column = _place(node)
        self.calls.append(Call(words, line, column, function))
        if target:
            self.writes.append(Write(target, _said(words), line, column))

    def redirected(self, node: dict[str, Any], target: str) -> str:
        """The variable that names the file a statement writes into; a heredoc is what it writes."""
        document: tuple[str, dict[str, Any]] | None = None
        for redirect in node.get("Redirs") or ():
            operator = redirect.get("Op", "")
            if operator in (">", ">>", ">|") and (redirect.get("N") or {}).get("Value", "1") == "1":
                target = _variable(redirect.get("Word")) or ""
            elif operator in ("<<", "<<-") and redirect.get("Hdoc"):
                document = (_text(redirect["Hdoc"]), redirect["Hdoc"])
        command = node.get("Cmd") or {}
        if document is not None and command.get("Type") == "CallExpr":
            words = [_text(word) for word in command.get("Args") or ()]
            variable = target or (_tee_words(command) or "" if words[:1] == ["tee"] else "")
            if variable and words[:1] in (["cat"], ["tee"]):
                self.writes.append(Write(variable, document[0], *_place(document[1])))
                return ""
        return target


def _said(words: tuple[str, ...]) -> str | None:
    """What `echo` or `printf` writes; None for other commands."""
    if words[0] == "echo":
        return " ".join(word for word in words[1:] if word not in ("-n", "-e", "-ne")) + "\n"
    if words[0] == "printf" and len(words) > 1:
        text = words[1].replace("\\n", "\n")
        for word in words[2:]:
            if "%" not in text:
                break
            before, after = text.split("%", 1)
            text = before + word + after[1:]
        return text
    return None


def _tee(node: object) -> str | None:
    """The variable that names the file of `| tee "$X"`."""
    command = node.get("Cmd") if isinstance(node, dict) else None
    if not isinstance(command, dict) or command.get("Type") != "CallExpr":
        return None
    words = command.get("Args") or []
    return _tee_words(command) if words and _text(words[0]) == "tee" else None


def _tee_words(command: dict[str, Any]) -> str | None:
    for word in command.get("Args", [])[1:]:
        variable = _variable(word)
        if variable:
            return variable
    return None


def _variable(word: object) -> str | None:
    """The variable that a word consists of: `$X`, `"$X"`, `"${X:?}"`."""
    parts = word.get("Parts") if isinstance(word, dict) else None
    if not parts or len(parts) != 1:
        return None
    part = parts[0]
    if part.get("Type") == "DblQuoted":
        return _variable(part)
    return part["Param"]["Value"] if part.get("Type") == "ParamExp" else None


def _text(word: dict[str, Any]) -> str:
    """A word as text, with DYNAMIC for what running would put in."""
    found = []
    for part in word.get("Parts") or ():
        kind = part.get("Type")
        if kind in ("Lit", "SglQuoted"):
            value = part.get("Value", "")
            found.append(value.replace("\\\n", "") if kind == "Lit" else value)
        elif kind == "DblQuoted":
            found.append(_text(part))
        elif kind == "ParamExp" and part["Param"]["Value"] == "@":
            found.append(ALL_ARGUMENTS)
        else:
            found.append(DYNAMIC)
    return "".join(found)


def _place(node: dict[str, Any]) -> tuple[int, int]:
    place = node.get("Pos") or {}
    return place.get("Line", 1), place.get("Col", 1)
