"""Texts of many nodes that differ in their values only: what is slow looks at one of each shape.

A thousand nodes have a thousand netplan files that differ in an address. What depends on form alone
(which keys there are, a schema, another program's opinion) is asked once for each shape; when it
finds something, every text of that shape is looked at. Values are checked for each text by the
check's own rules.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..errors import Finding
    from .base import Skip, Text

_BLOCK = re.compile(r"^( *)((?:- +)*[^\n#]*:) *\|[-+]?\n((?:\1 +[^\n]*\n|[ \t]*\n)*)", re.MULTILINE)
_COMMENT = re.compile(r"(?<=\n)[ \t]*#[^\n]*\n")
_MAC = re.compile(r"\b[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}\b")
_DIGITS = re.compile(r"[0-9]+")


def shape(text: str, *, numbers: bool = False) -> str:
    """The text without full-line comments below its first line and contents of YAML blocks; with `numbers`, any number
    and MAC address is as good as another."""
    rest = _COMMENT.sub("", _BLOCK.sub(r"\1\2 |\n", text))
    return _DIGITS.sub("0", _MAC.sub("m", rest)) if numbers else rest


def once_for_each_shape(
    texts: Iterable[Text],
    check: Callable[[Text], Iterable[Finding | Skip]],
    *,
    numbers: bool = False,
    fits: Callable[[Text], bool] = lambda text: True,
) -> Iterator[Finding | Skip]:
    """What `check` says of all texts, asking it only once for each shape that is as it should be.

    With `numbers`, texts that differ in numbers are of one shape; `fits` then looks at the values of each.
    """
    clean: set[tuple[str, str, str]] = set()
    for text in texts:
        # Texts without an artifact were named by a person, and are few: each is looked at.
        key = (text.kind, text.target, shape(text.content, numbers=numbers)) if text.artifact is not None else None
        if key is not None and key in clean and fits(text):
            continue
        answers = list(check(text))
        yield from answers
        if key is not None and not answers:
            clean.add(key)
