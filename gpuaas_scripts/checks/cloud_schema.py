"""cloud-init's own schema of cloud-config, pinned: what it refuses, said in this program's words.

The schema is that of the version below, unchanged (data/README.md). Deprecated keys are warnings.
"""

from __future__ import annotations

import difflib
import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .places import Path as KeyPath

VERSION = "25.1.4"
"""The cloud-init version that the schema is from."""

_FILE = Path(__file__).parent / "data" / f"cloud-init-{VERSION}-schema-cloud-config-v1.json"
_UNEXPECTED = re.compile(r"'((?:[^'\\]|\\.)*)'(?=[,)]| (?:was|were) unexpected)")


class Problem(NamedTuple):
    """What the schema says of one value; with `key`, the last part of the path is a key that is not known."""

    path: KeyPath
    message: str
    hint: str = ""
    key: bool = False
    deprecated: bool = False


@cache
def schema() -> dict[str, Any]:
    """The schema as it is in cloud-init."""
    data: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))
    return data


@cache
def top_level() -> dict[str, dict[str, Any]]:
    """The keys that a cloud-config may have, and what the schema says of each."""
    found: dict[str, dict[str, Any]] = {name: {} for name in schema()["properties"]}
    for part in schema()["allOf"]:
        definition = schema()["$defs"][part["$ref"].rpartition("/")[2]]
        found |= definition.get("properties", {})
    return found


@cache
def _validator() -> Any:  # noqa: ANN401 - the library gives no narrower type
    from jsonschema import Draft4Validator, FormatChecker

    return Draft4Validator(schema(), format_checker=FormatChecker())


def available() -> bool:
    """Whether the schema library is installed."""
    try:
        import jsonschema  # noqa: F401
    except ImportError:
        return False
    return True


def problems(data: dict[str, Any]) -> Iterator[Problem]:
    """What is wrong with a cloud-config, each value once."""
    seen: set[tuple[KeyPath, str]] = set()
    for error in _validator().iter_errors(data):
        for problem in _told(error):
            if (problem.path, problem.message) not in seen:
                seen.add((problem.path, problem.message))
                yield problem
    for key in data:
        about = top_level().get(key, {})
        if about.get("deprecated") and isinstance(key, str):
            since = about.get("deprecated_version", "")
            advice = re.sub(r"\*\*|``", "", str(about.get("deprecated_description", ""))).strip()
            yield Problem((key,), f"{key} is deprecated since cloud-init {since}", advice, True, True)


def _told(error: Any) -> Iterator[Problem]:  # noqa: ANN401 - jsonschema's ValidationError
    path = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        allowed = sorted(error.schema.get("properties", {}))
        for name in _UNEXPECTED.findall(error.message):
            yield Problem((*path, name), f"unknown key {name!r}{_where(path)}", suggestion(name, allowed), True)
        return
    if error.validator in ("anyOf", "oneOf") and error.context:
        deepest = max(len(one.absolute_path) for one in error.context)
        inner = [one for one in error.context if len(one.absolute_path) == deepest]
        if deepest > len(path):
            yield from _told(inner[0])
            return
        if all(one.validator == "type" for one in inner):
            kinds = " or ".join(dict.fromkeys(_kinds(one.validator_value) for one in inner))
            yield Problem(path, f"{dotted(path)} must be {kinds}, not {_kind(error.instance)}", _trap(error.instance))
            return
        yield from _told(inner[0])
        return
    if error.validator == "type":
        wanted = _kinds(error.validator_value)
        yield Problem(path, f"{dotted(path)} must be {wanted}, not {_kind(error.instance)}", _trap(error.instance))
    elif error.validator == "enum":
        yield Problem(path, f"{dotted(path)} must be one of {', '.join(map(str, error.validator_value))}")
    elif error.validator == "required":
        yield Problem(path, f"{dotted(path)} lacks {error.message.split(' is a ')[0]}", "add it")
    else:
        text = error.message if len(error.message) < 120 else f"refused by cloud-init's rule {error.validator!r}"
        yield Problem(path, f"{dotted(path)}: {text}")


def dotted(path: KeyPath) -> str:
    """A path as text: `write_files[0].path`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the document"


def suggestion(name: str, allowed: list[str]) -> str:
    """The closest valid name, for a hint; '' where none is close."""
    close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else ""


def _where(path: KeyPath) -> str:
    return f" in {dotted(path)}" if path else ""


_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


def _kinds(types: str | list[str]) -> str:
    names = [types] if isinstance(types, str) else types
    return " or ".join(_KINDS[name] for name in names)


def _kind(value: object) -> str:
    for kind, name in ((bool, "a boolean"), (int, "a number"), (float, "a number"), (str, "text"), (list, "a list")):
        if isinstance(value, kind):
            return name
    return "nothing" if value is None else "a mapping" if isinstance(value, dict) else f"a {type(value).__name__}"


def _trap(value: object) -> str:
    if isinstance(value, dict) and len(value) == 1:
        return "a blank after a colon makes YAML read a mapping: quote the text, or write a list of words"
    if isinstance(value, (bool, int, float)):
        return "quote it, so that YAML reads text"
    if isinstance(value, str):
        return "write it without quotes"
    return ""
