"""Secrets by reference: found at the last moment, never printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpuaas_scripts.secrets import SecretError, SecretFile, resolve

TEXT = "planted-secret-9"


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SECRET", TEXT)
    found = resolve("env:LAB_SECRET", "the key")
    assert found.reveal() == TEXT
    assert f"{found} {found!r} {[found]}" == "*** *** [***]"


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_from_a_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "secret"
    path.write_bytes(f"{TEXT}{ending}".encode())
    assert resolve(f"file:{path}", "the key").reveal() == TEXT


def test_only_one_line_end_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b" a \n\n")
    assert resolve(f"file:{path}", "the key").reveal() == " a \n"
    path.write_bytes(b"a\r\nb\rc\n")
    assert resolve(f"file:{path}", "the key").reveal() == "a\r\nb\rc"


def test_what_leads_nowhere_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_SECRET", raising=False)
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff" + TEXT.encode())
    for reference, said in {
        "env:LAB_SECRET": "the key: the environment variable LAB_SECRET is not set",
        f"file:{tmp_path}/none": f"the key: {tmp_path}/none: No such file or directory",
        f"file:{tmp_path}/empty": f"the key: {tmp_path}/empty is empty",
        f"file:{tmp_path}/binary": f"the key: {tmp_path}/binary is no text in UTF-8",
        f"file:{TEXT}": "the key: the reference is neither env:NAME nor file:/absolute/path",
        TEXT: "the key: the reference is neither env:NAME nor file:/absolute/path",
    }.items():
        with pytest.raises(SecretError) as caught:
            resolve(reference, "the key")
        assert str(caught.value) == said
    monkeypatch.setenv("LAB_SECRET", "")
    with pytest.raises(SecretError, match="LAB_SECRET is empty"):
        resolve("env:LAB_SECRET", "the key")


def test_a_variable_that_is_no_text_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SECRET", f"{TEXT}\udcff")
    with pytest.raises(SecretError) as caught:
        resolve("env:LAB_SECRET", "the key")
    assert str(caught.value) == "the key: the environment variable LAB_SECRET is no text in UTF-8"


def test_a_secret_file_is_named_by_its_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SECRET", TEXT)
    file = SecretFile("/etc/x", "agent.secret", "n1.yaml:3:4", "env:LAB_SECRET")
    assert str(file) == "/etc/x from env:LAB_SECRET"
    assert file.resolve().reveal() == TEXT
    monkeypatch.delenv("LAB_SECRET")
    with pytest.raises(SecretError, match=r"n1.yaml:3:4: agent.secret: the environment variable LAB_SECRET is not set"):
        file.resolve()
