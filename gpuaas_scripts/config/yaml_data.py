"""YAML text as plain data, refusing what YAML would quietly turn into something else; and where in it things stand."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import yaml
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ..errors import Finding, Location, Severity
from .source import SECRET_KEY

if TYPE_CHECKING:
    from .source import Document, KeyPath

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_STR, _INT, _BOOL, _NULL = (_TAG + name for name in ("str", "int", "bool", "null"))
_MAP, _SEQ, _MERGE = (_TAG + name for name in ("map", "seq", "merge"))
_KINDS = {
    _TAG + "float": "a floating-point number",
    _TAG + "timestamp": "a date",
    _TAG + "value": "YAML's value key",
    _TAG + "binary": "binary data",
}


class _Loader(_Base):  # type: ignore[misc]
    """PyYAML's loader with its tag resolution remembered: the same few words come again and again."""

    def descend_resolver(self, _parent: Node | None, _index: Any) -> None:
        """Path resolvers are not used here."""

    def ascend_resolver(self) -> None:
        """Path resolvers are not used here."""

    def resolve(self, kind: type[Node], value: str | None, implicit: Any) -> str:
        if kind is ScalarNode:
            return _plain_tag(value or "") if implicit[0] else _STR
        return _SEQ if kind is SequenceNode else _MAP


@lru_cache(maxsize=1 << 16)
def _plain_tag(text: str) -> str:
    """The tag that YAML 1.1 gives a plain scalar."""
    resolvers = _Base.yaml_implicit_resolvers
    for tag, pattern in (*resolvers.get(text[:1], ()), *resolvers.get(None, ())):
        if pattern.match(text):
            return str(tag)
    return _STR


_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_HAS_ANCHOR = re.compile(r"(?:^|[\s\[{,:-])[&*][^\s,\[\]{}]")


def parse(text: str, file: str) -> tuple[dict[str, Any], list[Finding]]:
    """The data of a YAML text, and everything wrong with it; never raises for what the text holds."""
    try:
        root = _compose(text)
    except (yaml.YAMLError, RecursionError) as error:
        return {}, [_syntax_finding(error, text, file)]
    if root is None:
        finding = Finding(
            "GS002", Severity.ERROR, "the file is empty", Location(file, 1, 1), "write at least one key, or delete it"
        )
        return {}, [finding]
    walk = _Walk(file, root)
    if ("&" in text or "*" in text) and _HAS_ANCHOR.search(text) and walk.refuse_anchors(text):
        return {}, walk.findings  # an alias may contain itself: not walked
    data = walk.value(root)
    if not isinstance(data, dict):
        walk.add("GS002", root, "the file must hold a mapping", "write `key: value` lines at the top level")
        data = {}
    return data, walk.findings


def locate(document: Document, path: KeyPath, *, key: bool = False) -> Location:
    """What `Document.locate` returns."""
    try:
        root = _compose(document.text)
    except (yaml.YAMLError, RecursionError):
        root = None  # that the file is not YAML is a finding of its own
    if root is None:
        return Location(document.file, 1, 1)
    node, key_node = root, root
    for part in path:
        found = _child(node, part)
        if found is None:
            break
        key_node, node = found
    return _location(document.file, key_node if key else node)


@lru_cache(maxsize=8)
def _compose(text: str) -> Node | None:
    node: Node | None = yaml.compose(text, Loader=_Loader)
    return node


def _child(node: Node, part: str | int) -> tuple[Node, Node] | None:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.value == part:
                return key, value
    elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item, item
    return None


def _location(file: str, node: Node) -> Location:
    start, end = node.start_mark, node.end_mark
    length = end.column - start.column if end.line == start.line else 1
    return Location(file, start.line + 1, start.column + 1, max(length, 1))


def _syntax_finding(error: Exception, text: str, file: str) -> Finding:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    if mark is not None:
        location = Location(file, mark.line + 1, mark.column + 1)
    else:  # a ReaderError holds an offset only
        offset = int(getattr(error, "position", 0) or 0)
        before = text[:offset]
        location = Location(file, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)
    return Finding("GS001", Severity.ERROR, f"not valid YAML: {problem}", location, "mend the syntax at this place")


class _Walk:
    """Turns composed nodes into data, collecting findings on the way."""

    def __init__(self, file: str, root: Node) -> None:
        self.file = file
        self.root = root
        self.findings: list[Finding] = []

    def add(self, code: str, node: Node, message: str, hint: str) -> None:
        self.findings.append(Finding(code, Severity.ERROR, message, _location(self.file, node), hint))

    def refuse_anchors(self, text: str) -> bool:
        """Add a finding for each anchor and alias; true when there was an alias."""
        aliased = False
        for event in yaml.parse(text, Loader=_Loader):
            anchor = getattr(event, "anchor", None)
            aliased = aliased or isinstance(event, AliasEvent)
            if anchor is not None:
                mark: Any = event.start_mark
                self.findings.append(
                    Finding(
                        "GS006",
                        Severity.ERROR,
                        f"anchor or alias {anchor!r}: anchors, aliases and merge keys are not used here",
                        Location(self.file, mark.line + 1, mark.column + 1, len(anchor) + 1),
                        "write the value out; what several nodes share belongs into the site, profile or class file",
                    )
                )
        return aliased

    def value(self, node: Node) -> Any:
        tag = node.tag
        if tag == _STR:
            return node.value
        if tag == _MAP and isinstance(node, MappingNode):
            return self._mapping(node)
        if tag == _SEQ and isinstance(node, SequenceNode):
            return [self.value(item) for item in node.value]
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        self.add("GS007", node, f"tag {tag!r} is not used here", "remove the tag")
        return None

    def _mapping(self, node: MappingNode) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag != _STR:
                self._bad_key(key)
                continue
            name = key.value
            if name in result:
                self.add("GS003", key, f"key {name!r} stands here twice", "keep one of the two")
                continue
            result[name] = self.value(value)
        return result

    def _bad_key(self, key: Node) -> None:
        if key.tag == _MERGE:
            self.add(
                "GS006",
                key,
                "merge key '<<': anchors, aliases and merge keys are not used here",
                "write the keys out; what several nodes share belongs into the site, profile or class file",
            )
            return
        if isinstance(key, ScalarNode):
            self.add("GS004", key, f"key {key.value!r} is not text", f'quote it: "{key.value}"')
        else:
            self.add("GS004", key, "a list or mapping is no key", "write one word for the key")

    def _scalar(self, node: ScalarNode) -> Any:
        text, tag = node.value, node.tag
        if tag == _INT:
            if _DECIMAL.match(text):
                return int(text)
            return self._converted(node, _int_kind(text))
        if tag == _BOOL:
            if text in ("true", "false"):
                return text == "true"
            return self._converted(node, "a boolean")
        if tag == _NULL:
            if text in ("null", "~"):
                return None
            if text == "":
                self.add("GS005", node, "the value is missing", 'write a value, null to unset it, or "" for empty text')
                return None
            return self._converted(node, "null")
        if tag in _KINDS:
            return self._converted(node, _KINDS[tag])
        self.add("GS007", node, f"tag {tag!r} is not used here", "remove the tag")
        return None

    def _converted(self, node: ScalarNode, kind: str) -> str:
        text = node.value
        if _below_secret(self.root, node):
            message, hint = f"YAML reads the value as {kind}", "write a reference: env:NAME or file:/absolute/path"
            place = _location(self.file, node)
            self.findings.append(Finding("GS004", Severity.ERROR, message, place, hint, secret=True))
            return str(text)
        hint = f'quote it if text is meant: "{text}"'
        if kind == "a boolean":
            hint += "; for a boolean write true or false"
        elif kind.startswith(("an octal", "a hexadecimal", "a base-60", "a number")):
            hint += "; for a number write it in decimal"
        self.add("GS004", node, f"YAML reads {text} as {kind}", hint)
        return str(text)


def _below_secret(start: Node, wanted: Node, *, secret: bool = False) -> bool:
    """Whether the way from `start` to the node `wanted` passes a key that names a secret."""
    if start is wanted:
        return secret
    if isinstance(start, MappingNode):
        return any(
            _below_secret(value, wanted, secret=secret or bool(SECRET_KEY.search(str(key.value))))
            for key, value in start.value
        )
    if isinstance(start, SequenceNode):
        return any(_below_secret(item, wanted, secret=secret) for item in start.value)
    return False


def _int_kind(text: str) -> str:
    digits = text.lstrip("+-").lower()
    if ":" in digits:
        return "a base-60 number (minutes and seconds)"
    if digits.startswith("0x"):
        return "a hexadecimal number"
    if digits.startswith("0b"):
        return "a binary number"
    if digits.startswith("0") and digits != "0":
        return "an octal number"
    return "a number"
