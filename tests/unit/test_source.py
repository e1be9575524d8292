"""Reading YAML with positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gpuaas_scripts.config import source
from gpuaas_scripts.errors import GpuaasError

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
site: one
network:
  bridge: {name: ovsbr0, address: 10.0.0.1/24}
  dns:
    - 192.0.2.53
    - 192.0.2.54
slots:
  - {gpu: "0000:1b:00.0"}
  - gpu: ä
    vf: 3
text: |
  two
  lines
"""


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ((), "1:1", "1:1"),
        (("site",), "1:7", "1:1"),
        (("network", "bridge", "address"), "3:35", "3:26"),
        (("network", "dns", 1), "6:7", "6:7"),
        (("slots", 0, "gpu"), "8:11", "8:6"),
        (("slots", 1, "vf"), "10:9", "10:5"),
        (("text",), "11:7", "11:1"),
        (("network", "fabric", "mtu"), "3:3", "2:1"),
        (("slots", 5), "8:3", "7:1"),
        (("absent",), "1:1", "1:1"),
    ],
)
def test_locate(path: tuple[str | int, ...], value: str, key: str) -> None:
    """The place of a value and of its key; where the path ends early, of the last part found."""
    document = source.parse(TEXT, "f.yaml")
    assert not document.findings
    assert str(document.locate(path)) == f"f.yaml:{value}"
    assert str(document.locate(path, key=True)) == f"f.yaml:{key}"


def test_length_of_a_place() -> None:
    """As long as the value on its line; 1 for what goes over several lines."""
    document = source.parse(TEXT, "f.yaml")
    assert document.locate(("slots", 0, "gpu")).length == len('"0000:1b:00.0"')
    assert document.locate(("text",)).length == 1
    assert document.locate(("network",), key=True).length == len("network")


def test_positions_count_characters() -> None:
    """Columns count characters, not bytes; a place can be asked of an empty file, too."""
    document = source.parse("{ä: ö, b: 1}\n", "f.yaml")
    assert str(document.locate(("b",))) == "f.yaml:1:11"
    assert str(source.parse("", "f.yaml").locate(("b",))) == "f.yaml:1:1"


def test_data() -> None:
    """Plain data: text, whole numbers, booleans, null, lists and mappings."""
    text = 'a: 1\nb: -7\nc: true\nd: false\ne: null\nf: ~\ng: "1"\nh: [x, {y: z}]\ni: ""\nj: 10.0.0.1\nk: 1b:00.0\n'
    document = source.parse(text, "f.yaml")
    assert not document.findings
    assert document.data == {
        "a": 1,
        "b": -7,
        "c": True,
        "d": False,
        "e": None,
        "f": None,
        "g": "1",
        "h": ["x", {"y": "z"}],
        "i": "",
        "j": "10.0.0.1",
        "k": "1b:00.0",
    }


SCALARS = st.one_of(st.text(max_size=12), st.integers(), st.booleans(), st.none())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
)


@given(st.dictionaries(st.text(max_size=6), VALUES, min_size=1, max_size=4), st.booleans())
def test_what_yaml_writes_is_read_back(data: dict[str, object], flow: bool) -> None:
    """Any data of these types, written by a YAML writer that quotes what must be quoted."""
    text = yaml.safe_dump(data, default_flow_style=flow, width=10_000)
    document = source.parse(text, "f.yaml")
    assert [str(finding) for finding in document.findings] == []
    assert document.data == data


@given(st.text(max_size=60))
def test_any_text_is_read_without_an_exception(text: str) -> None:
    """Data or findings, whatever the text; every finding has a place within the text."""
    document = source.parse(text, "f.yaml")
    assert document.data or document.findings or text.strip() == "{}" or _is_empty_mapping(text)
    lines = text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + text.count("\u2029") + 1
    for finding in document.findings:
        assert 1 <= finding.location.line <= lines + 1
        assert finding.location.column >= 1


def _is_empty_mapping(text: str) -> bool:
    return bool(yaml.safe_load(text) == {})


@given(st.binary(max_size=40))
def test_any_bytes_are_read_without_an_exception(raw: bytes) -> None:
    """Bytes that are no UTF-8 are a finding at the first of them."""
    document = source.parse_bytes(raw, "f.yaml")
    good = raw.decode("utf-8", "ignore").encode()
    if good != raw:
        first = next(index for index in range(len(raw)) if raw[: index + 1] != good[: index + 1])
        assert [finding.code for finding in document.findings] == ["GS001"]
        assert document.findings[0].location.line == raw[:first].count(b"\n") + 1


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """An error with the name as shown, not a traceback."""
    with pytest.raises(GpuaasError, match=r"^nodes/x.yaml: cannot be read: No such file"):
        source.read(tmp_path / "x.yaml", "nodes/x.yaml")


def test_a_large_file_is_read_whole(tmp_path: Path) -> None:
    """Files beyond one read call."""
    text = "".join(f"key{number}: {'x' * 1000}\n" for number in range(1500))
    (tmp_path / "x.yaml").write_text(text)
    assert len(source.read(tmp_path / "x.yaml", "x.yaml").data) == 1500
