"""Files that were parsed before are not parsed again, and say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import only_own_templates, repository

from gpuaas_scripts.cache import Cache
from gpuaas_scripts.config import source
from gpuaas_scripts.config.parsed import Parsed
from gpuaas_scripts.config.site import load
from gpuaas_scripts.templates import Library

GOOD = "a: {b: [1, two, true, null, -7]}\nc: \u00e4\n"


@pytest.fixture
def parses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that the parser is given, as they come."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    seen: list[str] = []
    original = source.parse_bytes

    def parse(raw: bytes, file: str) -> source.Document:
        seen.append(raw.decode())
        return original(raw, file)

    monkeypatch.setattr(source, "parse_bytes", parse)
    return seen


def read(path: Path, *share: str) -> source.Document:
    parsed = Parsed(*share)
    document = parsed.read(path, path.name)
    parsed.keep()
    return document


def test_the_same_content_is_parsed_once_and_says_the_same(tmp_path: Path, parses: list[str]) -> None:
    (tmp_path / "a.yaml").write_text(GOOD, "utf-8")
    first = read(tmp_path / "a.yaml")
    assert read(tmp_path / "a.yaml") == first == source.read(tmp_path / "a.yaml", "a.yaml")
    assert parses == [GOOD, GOOD]  # the second one is that of source.read


def test_other_content_is_parsed(tmp_path: Path, parses: list[str]) -> None:
    file = tmp_path / "a.yaml"
    for text in (GOOD, GOOD + "d: 1\n", GOOD):  # only what the last run read is kept
        file.write_text(text, "utf-8")
        assert read(file).text == text
    assert len(parses) == 3


def test_what_is_wrong_with_a_file_is_told_each_time(tmp_path: Path, parses: list[str]) -> None:
    (tmp_path / "a.yaml").write_text("a: 0644\n")
    assert read(tmp_path / "a.yaml").findings == read(tmp_path / "a.yaml").findings != ()
    assert len(parses) == 2


def test_a_number_that_cannot_be_kept_is_parsed_each_time(tmp_path: Path, parses: list[str]) -> None:
    (tmp_path / "a.yaml").write_text(f"a: {1 << 80}\n")
    assert read(tmp_path / "a.yaml").data == read(tmp_path / "a.yaml").data == {"a": 1 << 80}
    assert len(parses) == 2


def test_what_was_read_can_be_changed_without_changing_what_is_kept(tmp_path: Path, parses: list[str]) -> None:
    (tmp_path / "a.yaml").write_text(GOOD, "utf-8")
    (tmp_path / "b.yaml").write_text(GOOD, "utf-8")
    read(tmp_path / "a.yaml")
    parsed = Parsed()
    parsed.read(tmp_path / "a.yaml", "a.yaml").data.clear()
    assert parsed.read(tmp_path / "b.yaml", "b.yaml").data
    assert len(parses) == 1


def test_damage_costs_time_only(tmp_path: Path, parses: list[str]) -> None:
    (tmp_path / "a.yaml").write_text(GOOD, "utf-8")
    read(tmp_path / "a.yaml")
    [kept] = Cache("yaml").folder.iterdir()
    for content in (b"", b"\xc1", kept.read_bytes()[:-5]):
        kept.write_bytes(content)
        assert read(tmp_path / "a.yaml").data["c"] == "\u00e4"
    assert len(parses) == 4


def test_a_site_and_templates_that_are_known_are_not_parsed(tmp_path: Path, parses: list[str]) -> None:
    """Shared files, nodes and descriptions of templates alike."""
    repo = repository(tmp_path / "repository")

    def look() -> tuple[object, ...]:
        with only_own_templates():
            library = Library.for_root(repo.root)
        loaded = load("lab", repo.root)
        return loaded.site.nodes, loaded.site.file, loaded.findings, library.templates, library.findings

    first, count = look(), len(parses)
    assert count > len(list((repo.root / "site-configs").rglob("*.yaml"))) - 1
    assert look() == first
    assert len(parses) == count
