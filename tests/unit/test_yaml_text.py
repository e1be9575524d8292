"""The YAML emitter: its bytes, what it refuses, and that PyYAML and libyaml read back exactly the data."""

from __future__ import annotations

import re
from enum import Enum, IntEnum, StrEnum

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gpuaas_scripts.renderers import yaml_text
from gpuaas_scripts.renderers.quote import QuoteError
from gpuaas_scripts.renderers.yaml_text import Block, dump

# PyYAML's reader in Python, and libyaml's (the one netplan uses) where PyYAML was built with it.
LOADERS: list[type[yaml.SafeLoader | yaml.CSafeLoader]] = [
    yaml.SafeLoader,
    *([yaml.CSafeLoader] if yaml.__with_libyaml__ else []),
]

# Texts some reader takes for something else, or for syntax.
TRAPS = [
    "", " ", "  a", "a ", "~", "null", "Null", "yes", "Yes", "no", "on", "off", "y", "n", "N", "true", "FALSE",
    "TRUE", "0644", "0o644", "0x10de", "12:34:56", "1.10", "1e3", "1_000", "-1", "+1", ".5", ".inf", "-.INF",
    ".nan", "NaN", "inf", "2026-04-26", "2026-04-26T10:00:00Z", "=", "<<", "-", "- a", "?", "? a", ":", ": a",
    "a:", "a: b", "a:b", "a #b", "#a", "---", "--- a", "...", "!a", "&a", "*a", "|", ">", "%a", "@a", "`a",
    "{a}", "[a]", "a, b", "'a'", '"a"', "it's", "\\", "a\nb", "a\n", "\n", "\t", "a\tb", "\r\n", "é", "€", "😀",
    "\u0085", "\u00a0", "\u2028", "\ufeff", "\u202e", "\uffff", "\x01", "\x7f", "aa:bb:cc:dd:ee:ff",
    "10.100.0.1/24", "/etc/gpuaas/node.env", "root:root", "a  b", "${#x}", "{{.ID}}",
]  # fmt: skip

CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
TEXT = st.one_of(
    st.sampled_from(TRAPS),
    st.text(CHARACTERS, max_size=30),
    st.lists(st.sampled_from(TRAPS), max_size=4).map("".join),
)
LEAF = st.one_of(TEXT, st.integers(), st.booleans(), st.none())
VISIBLE = st.one_of(
    st.sampled_from("\n\n \t'\"\\#:-|>%{}é€😀$ab"), st.characters(min_codepoint=0x20, max_codepoint=0x7E)
)


def blockable(text: str) -> str:
    """`text` with the blanks at the ends of its lines taken away."""
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)


BLOCK = st.text(VISIBLE, min_size=1, max_size=60).map(blockable).filter(bool).map(Block)
DATA = st.recursive(
    LEAF | BLOCK,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=25,
)
DOCUMENT = st.lists(DATA, max_size=5) | st.dictionaries(TEXT, DATA, max_size=5)


def plain(data: object) -> object:
    """`data` with blocks as the texts they are, so that == and types can be compared."""
    if isinstance(data, dict):
        return {key: plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [plain(value) for value in data]
    return str(data) if isinstance(data, Block) else data


def typed(data: object) -> object:
    """`data` in a form in which 1, True and "1" differ, and the order of keys counts."""
    if isinstance(data, dict):
        return [(key, typed(value)) for key, value in data.items()]
    if isinstance(data, list):
        return [[typed(value)] for value in data]
    return (type(data).__name__, data)


@pytest.mark.parametrize("loader", LOADERS)
@settings(deadline=None)
@given(data=DOCUMENT)
@example(data={trap: trap for trap in TRAPS})
@example(data=[{"a": [[], {}, [{"b": [["c"]]}]]}, [[["d"]], {}]])
@example(
    data={
        "a": {"b": Block("\n"), "c": Block("\n\n x"), "d": [Block("\tx\n\n"), Block("a")], "e": Block(" \n".strip(" "))}
    }
)
def test_read_back(loader: type[yaml.SafeLoader | yaml.CSafeLoader], data: dict[str, object] | list[object]) -> None:
    text = dump(data, header="# made by a test")
    assert typed(yaml.load(text, Loader=loader)) == typed(plain(data))  # noqa: S506 - safe loaders


@settings(deadline=None)
@given(BLOCK)
@example(Block("#!/bin/sh\nset -eu\n"))
@example(Block("\n\n  a\n"))
@example(Block("\ta\n"))
@example(Block("\n"))
@example(Block("---\n# no comment\n"))
def test_a_block_is_its_lines_indented(block: Block) -> None:
    lines = dump({"a": {"content": block, "z": 1}}).split("\n")
    assert re.fullmatch(r"  content: \|2?[-+]?", lines[1])
    body = lines[2 : lines.index("  z: 1")]
    assert all(line == "" or line.startswith("    ") for line in body)
    text = "\n".join(line[4:] for line in body)
    assert text + ("" if lines[1].endswith("-") else "\n") == block


def test_the_whole_form() -> None:
    data = {
        "version": 2,
        "on": True,
        "none": None,
        "empty": [{}, [], ""],
        "nested": {
            "list": ["a b", {"path": "/etc/x", "mode": "0644", "content": Block("x\n\n  y\n")}],
            "lists": [["a", "b"], ["c"]],
        },
        "text": 'say "hi" \\ é\u202e\n',
        "end": Block("no newline"),
        "kept": Block("a\n\n"),
    }
    assert (
        dump(data, header="#cloud-config\n# banner")
        == """\
#cloud-config
# banner
version: 2
"on": true
none: null
empty:
  - {}
  - []
  - ""
nested:
  list:
    - a b
    - path: /etc/x
      mode: "0644"
      content: |
        x

          y
  lists:
    - - a
      - b
    - - c
text: "say \\"hi\\" \\\\ é\\u202e\\n"
end: |-
  no newline
kept: |+
  a

"""
    )


@pytest.mark.parametrize(
    "text", ["a", "/dev/x", "_x", "root", "a-b_c.d/e+f@g%h=i,j(k)", "two words", "enp1s0f0", "nope", "yesterday"]
)
def test_plain_texts(text: str) -> None:
    assert dump({text: text}) == f"{text}: {text}\n"


@pytest.mark.parametrize(
    "text",
    [trap for trap in TRAPS if not re.fullmatch(r"/etc/\S+|a, b", trap)]
    + ["10de", "Infinity", "oN", "ünder", "a:b", "x'y"],
)
def test_quoted_texts(text: str) -> None:
    assert dump([text]).startswith('- "')


def test_empty_documents() -> None:
    assert dump({}) == "{}\n"
    assert dump([]) == "[]\n"


def test_members_of_enums_are_their_values() -> None:
    class Colour(StrEnum):
        RED = "red"

    class Number(IntEnum):
        TWO = 2

    class Old(str, Enum):  # noqa: UP042 - whose str() is not its value
        BLUE = "blue"

    assert dump({Colour.RED: Number.TWO, "old": Old.BLUE}) == "red: 2\nold: blue\n"


@pytest.mark.parametrize("value", [1.5, ("a",), b"a", {1, 2}, object(), {1: "a"}, {None: "a"}, {"a": {("b",): 1}}])
def test_other_types_are_refused(value: object) -> None:
    for data in ({"a": value}, [value], [[value]]):
        with pytest.raises(TypeError, match=r"YAML (key must be a str|is written from)"):
            dump(data)


@pytest.mark.parametrize("data", ["text", Block("text"), 1, None, ("a",)])
def test_a_document_is_a_dict_or_a_list(data: object) -> None:
    with pytest.raises(TypeError, match="a YAML document must be a dict or a list"):
        dump(data)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "be empty"),
        ("a\nb \nc", r"blank at the end of a line \(line 2, character 2\); remove it"),
        ("a\t", r"blank at the end of a line \(line 1, character 2\)"),
        ("a\n  \nb", r"blank at the end of a line \(line 2, character 2\)"),
        ("a\r\nb", r"CR \(U\+000D\) \(line 1, character 2\); only visible"),
        ("a\n\0", r"NUL \(line 2, character 1\)"),
        ("\ufeffa", r"the byte order mark \(U\+FEFF\) \(line 1, character 1\)"),
        ("a\u0085b", r"U\+0085 \(line 1, character 2\)"),
        ("a\u2028b", r"U\+2028"),
        ("a\u2029b", r"U\+2029"),
        ("a\u202eb", r"U\+202E"),
        ("a\u200bb", r"U\+200B"),
        ("a\x1bb", r"U\+001B"),
        ("a\x7fb", r"U\+007F"),
        ("a\uffffb", r"U\+FFFF"),
        ("a\ud800b", r"U\+D800"),
    ],
)
def test_texts_no_block_can_show(text: str, message: str) -> None:
    with pytest.raises(QuoteError, match=f"a YAML block cannot .*{message}"):
        dump({"content": Block(text)})


@pytest.mark.parametrize("text", ["a\0", "a\ud800"])
def test_texts_no_yaml_can_hold(text: str) -> None:
    for data in ({"a": text}, [text], {text: 1}):
        with pytest.raises(QuoteError, match=r"a YAML text cannot hold .* \(character 2\); any other"):
            dump(data)


def test_long_keys() -> None:
    key = "k" * 1000
    for loader in LOADERS:
        assert yaml.load(dump({key: 1}), Loader=loader) == {key: 1}  # noqa: S506
    with pytest.raises(QuoteError, match="a YAML key cannot be longer than 1000 characters; this one has 1001"):
        dump({key + "k": 1})


def test_header() -> None:
    assert dump({"a": 1}, header="# x\n\n#y\n") == "# x\n\n#y\na: 1\n"
    with pytest.raises(QuoteError, match="line 2 of a YAML header is no comment; it must start with #"):
        dump({}, header="# x\nb: 1")
    for bad in ("# \u2028b: 1", "# a\rb: 1", "# \0"):
        with pytest.raises(QuoteError, match="line 1 of a YAML header cannot hold"):
            dump({}, header=bad)


def test_the_quick_look_at_a_block_takes_nothing_hidden_for_visible() -> None:
    hidden = [chr(code) for code in range(0x110000) if yaml_text._HIDDEN_IN_BLOCK.search(chr(code))]
    assert len(hidden) > 2000  # surrogates alone are 2,048
    assert not [one for one in hidden if yaml_text._is_visible(f"a{one}b")]
    for blank in ("a \nb", "a\t\nb", "a ", "a\t"):
        with pytest.raises(QuoteError, match="cannot hold a blank at the end of a line"):
            dump({"a": Block(blank)})
