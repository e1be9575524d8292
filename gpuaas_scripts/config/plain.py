"""Typed values as plain data (dict, list, text, number, boolean), and a look into such data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from .scalars import TO_BE_APPROVED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .source import KeyPath


def as_data(value: object, approvals: Sequence[KeyPath] = ()) -> object:
    """A typed value as plain data, defaults included and what is not set left out; markers as `to-be-approved`.

    `approvals` are the paths of the markers, relative to the value.
    """
    if () in approvals:
        return TO_BE_APPROVED
    if isinstance(value, msgspec.Struct):
        names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        return _mapping([(key, getattr(value, name)) for name, key in names], approvals)
    if isinstance(value, dict):
        marked = {str(path[0]): None for path in approvals}
        return _mapping(list({**marked, **value}.items()), approvals)
    if isinstance(value, tuple):
        return [as_data(item, below(approvals, index)) for index, item in enumerate(value)]
    return value if value is None or type(value) in (str, bool, int) else str(value)


def _mapping(items: list[tuple[str, Any]], approvals: Sequence[KeyPath]) -> dict[str, object]:
    data = {key: as_data(value, below(approvals, key)) for key, value in items}
    return {key: value for key, value in data.items() if value is not None and value != {} and value != []}


def below(approvals: Sequence[KeyPath], part: str | int) -> list[KeyPath]:
    """The paths below `part`, relative to it."""
    return [path[1:] for path in approvals if path and path[0] == part]


def value_at(data: object, path: KeyPath) -> object:
    """The plain value at `path`; a marker on the way stands for all below it; None where there is nothing."""
    for part in path:
        if data == TO_BE_APPROVED:
            return data
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


def leaves(value: object, path: KeyPath) -> Iterator[KeyPath]:
    """The paths of all single values and lists of such in `value`, which stands at `path`."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path
