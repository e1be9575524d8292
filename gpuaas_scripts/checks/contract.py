"""The contract of shell templates as a check of lint; the rules are shell_contract's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Skip
from .shell_contract import check_template
from .shell_texts import beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import Finding
    from ..templates import Template
    from .base import Tree


def check(tree: Tree) -> Iterator[Finding | Skip]:
    """The contract findings of the script templates that a site uses, each once."""
    templates: dict[str, Template] = {}
    for text in tree.texts:
        if text.composed is not None and text.artifact is not None and text.artifact.template is not None:
            templates[text.artifact.template.reference] = text.artifact.template
    if not templates:
        return
    if beside("shfmt") is None:
        yield Skip("contract", "shfmt is not installed", "shfmt-py")
        return
    found: dict[Finding, None] = {}
    for reference in sorted(templates):
        found |= dict.fromkeys(check_template(templates[reference]))
    yield from found
