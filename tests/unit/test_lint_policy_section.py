"""The section `policy:` of a site's file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import support

from gpuaas_scripts.config.model.layers import PolicyRule
from gpuaas_scripts.config.site import load
from gpuaas_scripts.errors import Severity
from gpuaas_scripts.json_schema import schema

if TYPE_CHECKING:
    from pathlib import Path

    from gpuaas_scripts.config.site import Loaded

SITE = "site-configs/sites/lab.yaml"


def loaded(root: Path, section: str) -> Loaded:
    """The small repository with a policy section."""
    repository = support.repository(root)
    repository.write(SITE, repository.read(SITE) + section)
    return load("lab", root)


def test_a_site_switches_rules_off_and_adds_its_own(tmp_path: Path) -> None:
    section = """\
policy:
  switch_off: {GS490: the BOSS disk is no NVMe device here}
  rules:
    - {pattern: 'mirror\\.example', scope: "profiles/*", message: use the site's own mirror}
    - {pattern: TODO, message: finish it}
"""
    site = loaded(tmp_path, section)
    assert not [finding for finding in site.findings if finding.severity is Severity.ERROR]
    policy = site.site.file.policy
    assert policy.switch_off == {"GS490": "the BOSS disk is no NVMe device here"}
    assert policy.rules == (
        PolicyRule(r"mirror\.example", "profiles/*", "use the site's own mirror"),
        PolicyRule("TODO", None, "finish it"),
    )


def test_without_the_section_nothing_is_switched_off(tmp_path: Path) -> None:
    policy = loaded(tmp_path, "").site.file.policy
    assert (policy.switch_off, policy.rules) == ({}, ())


def test_what_is_misspelt_is_a_finding(tmp_path: Path) -> None:
    section = "policy:\n  switch_of: {GS490: x}\n  rules:\n    - {patern: x}\n"
    found = [(finding.code, finding.location.line) for finding in loaded(tmp_path, section).findings]
    lines = (tmp_path / SITE).read_text().split("\n")
    at = {key: lines.index(next(line for line in lines if key in line)) + 1 for key in ("switch_of:", "patern")}
    assert ("GS101", at["switch_of:"]) in found
    assert ("GS101", at["patern"]) in found


def test_every_key_of_the_section_is_described() -> None:
    text = str(schema("site"))
    for words in ("built-in policy rules that are switched off", "regular expression", "which artifacts, by path"):
        assert words in text
