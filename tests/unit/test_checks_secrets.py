"""Secrets: known forms, random text, the site's own values; and that no finding shows one."""

from __future__ import annotations

import base64
import random
import string
import uuid
from pathlib import Path

import checks_support
import lint_support
import pytest

from gpuaas_scripts.checks import secrets
from gpuaas_scripts.checks.base import Text, TextKind, Tree
from gpuaas_scripts.checks.collect import tree_of_paths, tree_of_plan
from gpuaas_scripts.config.site import load
from gpuaas_scripts.planner import make_plan
from gpuaas_scripts.templates import Library

ROOT = Path(__file__).parents[2]
WORD = "".join(("Zq3", "Lm9", "Xv2", "Kp7", "Bn4", "Ty8", "Wc1", "Rd6"))
LETTERS = string.ascii_letters + string.digits


@pytest.mark.parametrize("case", checks_support.cases("secret-"), ids=lambda case: case.name)
def test_case(case: Path) -> None:
    checks_support.judge(case, ("secrets",))


@pytest.mark.parametrize("case", checks_support.cases("secret-"), ids=lambda case: case.name)
def test_no_finding_shows_the_secret(case: Path) -> None:
    texts, _ = lint_support.tree(case)
    lines = {text.path: text.content.split("\n") for text in texts.texts}
    for one in secrets.check(texts):
        assert isinstance(one, lint_support.Finding)
        assert one.secret
        place = one.location
        value = lines[place.file][place.line - 1][place.column - 1 :][: max(place.length, 5)]
        assert value not in str(one) + one.hint


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        (("xox", "b-", "123456789012-abcdef"), "GS486"),
        (("glp", "at-", "aB3dE6gH9jK2mN5pQ8sT"), "GS486"),
        (("github", "_pat_", "A" * 22 + "_" + "b" * 59), "GS486"),
        (("hooks.slack", ".com/services/", "T000/B000/XXXXXXXXXXXXXXXXXXXXXXXX"), "GS486"),
        (("nv", "api-", "aB3dE6gH9jK2mN5pQ8sT" * 3), "GS486"),
        (("sk-", "ant-", "aB3dE6gH9jK2mN5pQ8sT" * 3), "GS486"),
        (("join 0a1b2c", ".", "0123456789abcdef"), "GS486"),
        (("-----BEGIN ", "ENCRYPTED PRIVATE", " KEY-----"), "GS485"),
        (("postgres://", "app:", WORD[:8] + "@db/x"), "GS487"),
        (("mysql --", "password=", "hunter42"), "GS487"),
        (("$6", "$", "saltsalt$" + "abcdefgh./" * 4), "GS487"),
        (("  smtp_", "password: ", "'hunter42'"), "GS487"),
        (("RUNNER_", "TOKEN=", WORD), "GS487"),
        (("x ", "", WORD + WORD), "GS488"),
    ],
)
def test_forms(parts: tuple[str, ...], code: str) -> None:
    assert [hit.code for hit in secrets.look("".join(parts))] == [code]


def test_random_text_is_found_and_digests_and_names_are_not() -> None:
    chance = random.Random(7)  # noqa: S311 - any text does
    words = ["".join(chance.choices(LETTERS, k=32)) for _ in range(300)]
    assert sum(bool(secrets.look(f"x {word}")) for word in words) >= 280
    for bits in (128, 160, 256, 512):
        assert not any(secrets.look(f"x {chance.getrandbits(bits):0{bits // 4}x}") for _ in range(100))
        assert not any(secrets.look(f"x {chance.getrandbits(bits):0{bits // 4}X}") for _ in range(100))
    assert not any(secrets.look(f"id {uuid.UUID(int=chance.getrandbits(128))}") for _ in range(100))
    serials = ["".join(chance.choices(string.ascii_uppercase + string.digits, k=14)) for _ in range(100)]
    assert not any(secrets.look(f"/dev/disk/by-id/nvme-SAMSUNG_MZWLO3T8HCLS-00A07_{one}") for one in serials)


def test_public_keys_are_public() -> None:
    key = (
        "AAAAB3NzaC1yc2EAAAADAQABAAABgQC7x8Yk2mQ9pLz4Rt6Vw1Nc5Jd3Bf8Gh0Ks2Ma7Zq9We4Ux6Yv1Ti3Op5As8Df2Gh7Jk0Lz4Xc9Vb1Nm"
    )
    assert secrets.look(f"host.example.org,10.0.0.1 {key}") == []
    assert [hit.code for hit in secrets.look(f"host.example.org {key[10:]}")] == ["GS488"]


def test_what_this_program_generates_has_none() -> None:
    tree, problems = tree_of_paths([ROOT / "generated", ROOT / "templates", ROOT / "site-configs"], ROOT)
    assert not [one for one in problems if "template" not in str(one)]
    assert list(secrets.check(tree)) == []
    site = load("example", ROOT).site
    assert list(secrets.check(tree_of_plan(make_plan(site, Library.for_root(ROOT))))) == []


def test_inside_of_public_blocks_nothing_is_random() -> None:
    lines = ["-----BEGIN CERTIFICATE-----", WORD + WORD, "-----END CERTIFICATE-----", WORD + WORD]
    told = checks_support.found("secrets", {"a.pem": "\n".join(lines)})
    assert [one.location.line for one in told] == [4]


def test_values_of_the_sites_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    value = "correct horse battery"
    case = next(case for case in lint_support.folders() if case.name == "secret-of-the-site")
    site = load("one", case).site
    shown = f"x {value} y\n"
    hidden = f"x {base64.b64encode(b'ab' + value.encode() + b'!').decode()}\n"
    texts = tuple(Text(name, content, TextKind.OTHER) for name, content in (("a", shown), ("b", hidden), ("c", "x\n")))
    monkeypatch.setattr(secrets, "_references", lambda site: {"env:GPUAAS_TEST_SECRET"})

    def known(site: object) -> list[str]:
        found = [one for one in secrets.check(Tree(texts, site)) if isinstance(one, lint_support.Finding)]  # type: ignore[arg-type]
        assert not any(value in str(one) for one in found)
        return [one.location.file for one in found if one.code == "GS489"]

    assert known(site) == []
    monkeypatch.setenv("GPUAAS_TEST_SECRET", value)
    assert known(site) == ["a", "b"]
    assert known(None) == []


def test_references_are_found_wherever_they_stand() -> None:
    case = next(case for case in lint_support.folders() if case.name == "secret-of-the-site")
    assert secrets._references(load("one", case).site) == {"file:/proc/sys/kernel/ostype"}


def test_a_long_line_is_no_trap() -> None:
    assert secrets.look("a" * 200_000) == []
    assert secrets.look("ab1" * 60_000) == []
