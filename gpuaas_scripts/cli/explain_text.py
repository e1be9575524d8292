"""The answer of `gpuaas-gen explain` as text."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from ..config.explain import MODEL_DEFAULT, Says

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..config.explain import Explained, Said
    from ..config.site import Node
    from .uses import Use

_SAYS = {
    Says.UNSET: "unset (null), so the model default stands",
    Says.HIDDEN: "not in the list or text that it sets",
    Says.INVALID: "not valid",
}
_NODE_FOLDER = re.compile(r"nodes/[^/]+/")
_FEW = 8


def lines(
    name: str, explained: Explained, uses: Sequence[Use], overriders: Sequence[tuple[Node, list[Explained]]]
) -> list[str]:
    """The answer for one node, profile, class or site."""
    if explained.below or not explained.said:
        text = [f"{explained.key} of {name}" + ("" if explained.below else ": nothing is set")]
        text += table([_row(leaf) for leaf in explained.below])
    else:
        text = [f"{explained.key} of {name}: {_value(explained.value)}"]
        if explained.to_be_approved:
            text.append("  to be approved: what needs it is withheld until the file says the value")
        text += ["  layers, highest first", *table(_layers(explained.said))]
    if overriders:
        text.append(f"  overridden on {len(overriders)} node{'s' if len(overriders) > 1 else ''}")
        text += table([(node.name, *_row(value)) for node, values in overriders for value in values], 4)
    return text + _uses(uses)


def _layers(said: Sequence[Said]) -> list[tuple[str, ...]]:
    return [(("→ " if not index else "  ") + one.layer, _place(one), _said(one)) for index, one in enumerate(said)]


def table(rows: Sequence[tuple[str, ...]], indent: int = 2) -> list[str]:
    """Rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        " " * indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(leaf: Explained) -> tuple[str, str, str]:
    top = leaf.said[0]
    place = _place(top)
    origin = f"{place} ({top.layer})" if place else MODEL_DEFAULT
    if top.says is not Says.VALUE:
        origin += f", {_SAYS[top.says]}"
    return (leaf.key, _value(leaf.value), origin)


def _place(said: Said) -> str:
    return str(said.place) if said.place else ""


def _said(said: Said) -> str:
    return _SAYS[said.says] if said.says is not Says.VALUE else _value(said.value)


def _value(value: object) -> str:
    if value is None:
        return "not set"
    return value if isinstance(value, str) and value.isprintable() and value else json.dumps(value)


def _uses(uses: Sequence[Use]) -> list[str]:
    if not uses:
        return ["  used by no template"]
    text = ["  used by"]
    for use in uses:
        text.append(f"    {use.reference}" + (f"  {', '.join(use.settings)}" if use.settings else ""))
        counts: dict[str, int] = {}
        for path in use.artifacts:
            shown = _NODE_FOLDER.sub("nodes/*/", path) if len(use.artifacts) > _FEW else path
            counts[shown] = counts.get(shown, 0) + 1
        text += [f"      {path}" + (f" ({count} nodes)" if count > 1 else "") for path, count in counts.items()]
    return text
