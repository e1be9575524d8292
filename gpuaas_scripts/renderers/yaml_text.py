"""YAML out: a small emitter whose bytes depend on its input alone, not on a YAML library's version.

It writes dict (with text keys, in insertion order), list, str, int, bool and None in block style, and
nothing else. A text is written one of three ways:

- plain, where every YAML 1.1 and 1.2 reader is certain to read that text: it starts with a letter, `/`
  or `_`, holds only ASCII letters, digits, `_ . / + @ % = , ( ) -` and single inner blanks, and is none of
  the words some reader takes for a boolean, null or number;
- as a `Block`: a literal block scalar, for file contents and scripts that people review;
- otherwise in double quotes with the escapes of YAML 1.2.2 section 5.7, of which all but `\\U` are JSON's or C's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from .quote import QuoteError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# YAML 1.1's booleans and nulls (yaml.org/type/bool.html, null.html), and number words without the dot
# some readers want in front. Compared in lower case: readers differ in the cases they know.
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"})
_PLAIN: Final = re.compile(r"[A-Za-z/_](?: ?[A-Za-z0-9_./+@%=,()-])*")

# Not printable in YAML (1.2.2, production c-printable), or line breaks to a YAML 1.1 reader (NEL, LS, PS), or
# characters that hide from a reviewer: the BOM, zero-width characters and direction overrides.
_HIDDEN: Final = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufffe\uffff"
_ESCAPED: Final = re.compile(rf'["\\\t\n{_HIDDEN}]')
_HIDDEN_IN_BLOCK: Final = re.compile(f"[{_HIDDEN}]")
_TRAILING_BLANK: Final = re.compile(r"[ \t]$", re.MULTILINE)
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_STEP: Final = "  "
# A key without the mark `?` ends within 1024 characters (1.2.2, section 7.4.3), or libyaml and PyYAML refuse it.
_LONGEST_KEY: Final = 1000


class Block(str):
    """A text that is written as a literal block scalar, line by line as it is; never any other way.

    `dump` raises QuoteError, naming line and character, for a text no such block can show: an empty text,
    a line that ends in a blank, CR, and characters that are not printable or not visible.
    """

    __slots__ = ()


def dump(data: Mapping[str, object] | Sequence[object], *, header: str = "") -> str:
    """`data`, a dict or a list, as one YAML document, under `header`'s comment lines.

    Raises TypeError for a value that is not dict, list, str, int, bool or None (a tuple or a float, say) and
    QuoteError for a text that cannot be written: see `Block`; NUL and lone surrogates anywhere; a header
    line that is no comment.
    """
    out = [_header(header)] if header else []
    if isinstance(data, dict) and data:
        _mapping(data, "", out)
    elif isinstance(data, list) and data:
        _sequence(data, "", out)
    elif isinstance(data, dict | list):
        out.append("{}\n" if isinstance(data, dict) else "[]\n")
    else:
        raise TypeError(f"a YAML document must be a dict or a list, not {type(data).__name__}")
    return "".join(out)


def _mapping(data: dict[str, object], indent: str, out: list[str]) -> None:
    """Append the entries of `data`; the place of the first one's indent is already taken by the caller where it is."""
    for key, value in data.items():
        if not isinstance(key, str):
            raise TypeError(f"a YAML key must be a str, not {type(key).__name__}: {key!r}")
        name = _scalar(key)
        if len(name) > _LONGEST_KEY:
            raise QuoteError(f"a YAML key cannot be longer than {_LONGEST_KEY} characters; this one has {len(name)}")
        if isinstance(value, dict) and value:
            out.append(f"{indent}{name}:\n")
            _mapping(value, indent + _STEP, out)
        elif isinstance(value, list) and value:
            out.append(f"{indent}{name}:\n")
            _sequence(value, indent + _STEP, out)
        else:
            out.append(f"{indent}{name}: {_leaf(value, indent)}\n")


def _sequence(data: list[object], indent: str, out: list[str]) -> None:
    """Append the items of `data`. An item that is a collection starts on the line of its dash."""
    for value in data:
        if isinstance(value, dict | list) and value:
            start = len(out)
            if isinstance(value, dict):
                _mapping(value, indent + _STEP, out)
            else:
                _sequence(value, indent + _STEP, out)
            out[start] = f"{indent}- {out[start][len(indent) + len(_STEP) :]}"
        else:
            out.append(f"{indent}- {_leaf(value, indent)}\n")


def _leaf(value: object, indent: str) -> str:
    """What follows the colon or dash of a line at `indent`, without the last line break."""
    if isinstance(value, str):
        return _block(value, indent + _STEP) if isinstance(value, Block) else _scalar(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    raise TypeError(f"YAML is written from dict, list, str, int, bool and None, not {type(value).__name__}")


def _scalar(text: str) -> str:
    """`text` plain or in double quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return str.__str__(text)
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if short := _ESCAPES.get(character):
        return short
    code = ord(character)
    if code == 0 or 0xD800 <= code <= 0xDFFF:
        raise QuoteError(
            f"a YAML text cannot hold {_name(character)} (character {match.start() + 1}); "
            "any other character is allowed"
        )
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _block(text: Block, indent: str) -> str:
    """`text` as a literal block whose lines stand at `indent`.

    A first line that starts with a blank needs the indentation indicator, or its blanks would count as indentation
    (and libyaml refuses a tab there). The chomping indicator keeps exactly the line breaks at the end.
    """
    _check_block(text)
    lines = text.split("\n")
    if lines[-1]:
        chomping = "-"
    else:
        lines.pop()
        chomping = "" if lines[-1] else "+"
    first = next((line for line in lines if line), "")
    indicator = len(_STEP) if first.startswith((" ", "\t")) else ""
    return f"|{indicator}{chomping}\n" + "\n".join([indent + line if line else "" for line in lines])


def _check_block(text: str) -> None:
    if not text:
        raise QuoteError("a YAML block cannot be empty; it must have at least one line")
    if (" \n" in text or "\t\n" in text or text[-1] in " \t") and (found := _TRAILING_BLANK.search(text)):
        raise QuoteError(f"a YAML block cannot hold a blank at the end of a line ({_place(text, found)}); remove it")
    if not _is_visible(text) and (found := _HIDDEN_IN_BLOCK.search(text)):
        raise QuoteError(
            f"a YAML block cannot hold {_name(found[0])} ({_place(text, found)}); "
            "only visible characters, blanks, tabs and line feeds are allowed"
        )


def _is_visible(text: str) -> bool:
    """Whether the text surely holds nothing hidden; much quicker than looking for what it is."""
    return text.replace("\n", "").replace("\t", "").isprintable()


def _header(header: str) -> str:
    """`header` ending in one line break, if all its lines are comments or empty."""
    for number, line in enumerate(header.split("\n"), 1):
        if line and not line.startswith("#"):
            raise QuoteError(f"line {number} of a YAML header is no comment; it must start with #")
        if found := _HIDDEN_IN_BLOCK.search(line):
            raise QuoteError(
                f"line {number} of a YAML header cannot hold {_name(found[0])}; only visible text is allowed"
            )
    return header if header.endswith("\n") else header + "\n"


def _name(character: str) -> str:
    names = {"\0": "NUL", "\r": "CR (U+000D)", "\ufeff": "the byte order mark (U+FEFF)"}
    return names.get(character, f"U+{ord(character):04X}")


def _place(text: str, found: re.Match[str]) -> str:
    start = found.start()
    return f"line {text.count(chr(10), 0, start) + 1}, character {start - text.rfind(chr(10), 0, start)}"
