"""Compares raw data with a model and tells every problem at once.

msgspec tells the first problem only, and is fast: it runs first. Only when it refuses does the
walk of this module look at each value by itself.
"""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

import msgspec

from .scalars import KINDS, REASONS, SECRET_PATTERNS, TO_BE_APPROVED, decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .source import KeyPath


@dataclass(frozen=True, slots=True)
class Problem:
    """One value or key that the model refuses.

    `at_key` puts the finding at the key instead of the value; `secret` keeps the value out of
    every message and excerpt.
    """

    code: str
    path: KeyPath
    message: str
    hint: str = ""
    at_key: bool = False
    secret: bool = False


def convert(raw: object, kind: type[msgspec.Struct]) -> Any:
    """Raw data (without nulls and markers) as a model; raises msgspec.ValidationError."""
    return msgspec.convert(raw, kind, dec_hook=decode)


def strip(raw: object, path: KeyPath = ()) -> tuple[object, list[KeyPath]]:
    """Take out nulls and `to-be-approved` markers; also returns the paths of the markers.

    In a list a null stays (it is a problem there), and a marker makes the whole list a marker.
    """
    if isinstance(raw, dict):
        result: dict[str, object] = {}
        marked: list[KeyPath] = []
        for key, value in raw.items():
            if value is None:
                continue
            if value == TO_BE_APPROVED:
                marked.append((*path, key))
                continue
            result[key], below = strip(value, (*path, key))
            marked += below
        return result, marked
    if isinstance(raw, list):
        items: list[object] = []
        marked = []
        for index, value in enumerate(raw):
            if value == TO_BE_APPROVED:
                marked.append(path)
                continue
            item, below = strip(value, (*path, index))
            items.append(item)
            marked += below
        return items, marked
    return raw, []


def problems(raw: object, kind: type[msgspec.Struct], *, partial: bool = True) -> list[Problem]:
    """Everything that `kind` refuses in `raw`.

    `partial` is for layers: a null or a `to-be-approved` may stand for any value (its key must
    exist all the same). Without it both are problems.
    """
    clean = strip(raw)[0] if partial else raw
    try:
        convert(clean, kind)
    except msgspec.ValidationError:
        return list(_Walk(partial).value(raw, kind, ()))
    return [] if clean == raw else list(_Walk(partial).value(raw, kind, ()))


def without(raw: Any, path: KeyPath) -> Any:
    """A copy of `raw` without the value at `path`."""
    if not path:
        return {}
    part, rest = path[0], path[1:]
    if isinstance(raw, dict) and part in raw:
        copy = dict(raw)
        if rest:
            copy[str(part)] = without(raw[str(part)], rest)
        else:
            del copy[str(part)]
        return copy
    if isinstance(raw, list) and isinstance(part, int) and part < len(raw):
        items = list(raw)
        items[part] = without(raw[part], rest) if rest else {}
        return items
    return raw


def suggestion(name: str, known: typing.Iterable[str]) -> str:
    """A "did you mean" and the list of what is known."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    listed = ", ".join(names) if names else "none"
    return f"did you mean {close[0]!r}? known: {listed}" if close else f"known: {listed}"


@dataclass(frozen=True, slots=True)
class _Walk:
    """Looks at each value by itself."""

    partial: bool

    def value(self, raw: object, hint: Any, path: KeyPath) -> Iterator[Problem]:
        if self.partial and raw == TO_BE_APPROVED:
            return
        base = _without_optional(hint)
        inner = get_args(base)[0] if get_origin(base) is Annotated else base
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            yield from self.struct(raw, inner, path)
        elif get_origin(inner) is dict:
            yield from self.mapping(raw, inner, path)
        elif get_origin(inner) is tuple:
            yield from self.items(raw, get_args(inner)[0], path)
        else:
            yield from _leaf(raw, base, path)

    def struct(self, raw: object, kind: type[msgspec.Struct], path: KeyPath) -> Iterator[Problem]:
        hints = fields(kind)
        if not isinstance(raw, dict):
            secret = _holds_secret(kind)
            yield Problem("GS103", path, "must be a mapping", f"known keys: {', '.join(hints)}", secret=secret)
            return
        for key, value in raw.items():
            if key not in hints:
                secret = _names_secret(key, hints)
                hint = suggestion(key, hints)
                yield Problem("GS101", (*path, key), f"unknown key {key!r}", hint, at_key=True, secret=secret)
            elif value is not None or not self.partial:
                yield from self.value(value, hints[key], (*path, key))

    def mapping(self, raw: object, hint: Any, path: KeyPath) -> Iterator[Problem]:
        key_hint, value_hint = get_args(hint)
        if not isinstance(raw, dict):
            yield Problem("GS103", path, "must be a mapping", "write `key: value` lines")
            return
        for key, value in raw.items():
            for problem in _leaf(key, key_hint, (*path, key)):
                yield Problem("GS102", problem.path, f"key {key!r} {problem.message}", problem.hint, at_key=True)
            if value is not None or not self.partial:
                yield from self.value(value, value_hint, (*path, key))

    def items(self, raw: object, hint: Any, path: KeyPath) -> Iterator[Problem]:
        if not isinstance(raw, list):
            yield Problem("GS103", path, "must be a list", "write items as `- item`, or [] for none")
            return
        for index, value in enumerate(raw):
            yield from self.value(value, hint, (*path, index))


@cache
def _holds_secret(kind: type[msgspec.Struct]) -> bool:
    """Whether a secret's reference stands anywhere below a model."""
    for hint in fields(kind).values():
        inner, metas = _parts(hint)
        if any(meta.pattern in SECRET_PATTERNS for meta in metas):
            return True
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct) and _holds_secret(inner):
            return True
    return False


def _leaf(raw: object, hint: Any, path: KeyPath) -> Iterator[Problem]:
    try:
        msgspec.convert(raw, hint, dec_hook=decode)
    except msgspec.ValidationError:
        pass
    else:
        return
    kind, metas = _parts(hint)
    if kind is int:
        hint_text = "remove the quotes" if isinstance(raw, str) and raw.isdigit() else ""
        yield Problem("GS103", path, f"must be a whole number{_bounds(metas)}", hint_text)
    elif kind is bool:
        yield Problem("GS103", path, "must be true or false", "")
    elif isinstance(kind, type) and issubclass(kind, StrEnum):
        values = [str(item) for item in kind]
        listed = ", ".join(values)
        close = get_close_matches(str(raw), values, n=1)
        yield Problem("GS104", path, f"must be one of {listed}", f"did you mean {close[0]!r}?" if close else "")
    elif kind in KINDS:
        reason = KINDS[kind].reason(raw) if isinstance(raw, str) else ""
        yield Problem("GS104", path, f"must be {KINDS[kind].says}, such as {KINDS[kind].example}", reason)
    else:
        yield _text_problem(raw, metas, path)


def _text_problem(raw: object, metas: list[msgspec.Meta], path: KeyPath) -> Problem:
    meta = next((meta for meta in metas if meta.pattern), None)
    if meta is None or meta.pattern is None:
        return Problem("GS103", path, "must be text", "quote it")
    says = f"must be {meta.description}"
    if meta.pattern in SECRET_PATTERNS:
        hint = "move the value to an environment variable or a file, and change it: it is in the history of this file"
        return Problem("GS105", path, says, hint, secret=True)
    example = (meta.examples or [""])[0]
    if not isinstance(raw, str):
        hint = "quote it" if isinstance(raw, (int, bool)) else ""
        return Problem("GS103", path, f"{says}, such as {example}", hint)
    reason = REASONS[meta.pattern](raw) if meta.pattern in REASONS else ""
    return Problem("GS104", path, f"{says}, such as {example}", reason)


def _names_secret(key: str, known: dict[str, Any]) -> bool:
    """Whether an unknown key looks like that of a secret, so that its value may be one."""
    close = get_close_matches(key, known, n=1, cutoff=0.6)
    return any(meta.pattern in SECRET_PATTERNS for name in close for meta in _parts(known[name])[1])


def _bounds(metas: list[msgspec.Meta]) -> str:
    low = next((meta.ge for meta in metas if meta.ge is not None), None)
    high = next((meta.le for meta in metas if meta.le is not None), None)
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return f" of at least {low}" if low is not None else ""


def _parts(hint: Any) -> tuple[Any, list[msgspec.Meta]]:
    metas: list[msgspec.Meta] = []
    hint = _without_optional(hint)
    while get_origin(hint) is Annotated:
        metas += [item for item in hint.__metadata__ if isinstance(item, msgspec.Meta)]
        hint = _without_optional(get_args(hint)[0])
    return hint, metas


def plain(hint: Any) -> Any:
    """A type without "or None" and without descriptions: a model, `dict[…]`, `tuple[…]` or a scalar."""
    return _parts(hint)[0]


def _without_optional(hint: Any) -> Any:
    inner = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if get_origin(inner) in (Union, types.UnionType):
        return next(arg for arg in get_args(inner) if arg is not type(None))
    return hint


@cache
def fields(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The keys of a model and the types of their values."""
    hints = typing.get_type_hints(kind, include_extras=True)
    names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    return {encoded: hints[name] for name, encoded in names}
