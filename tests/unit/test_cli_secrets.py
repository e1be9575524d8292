"""No secret ever reaches an output: neither one from the environment nor one written where a reference belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import gen, repository

if TYPE_CHECKING:
    from pathlib import Path

    from support import Repository

pytestmark = pytest.mark.process  # shfmt reads the scripts' syntax

SECRET = "hunter2-correct-horse"
RUNS: tuple[tuple[str, ...], ...] = (
    ("render", "--site", "lab", "--verbose"),
    ("render", "--site", "lab", "--check", "--json"),
    ("render", "--site", "lab", "--diff"),
    ("validate", "--site", "lab", "--verbose"),
    ("validate", "--all", "--json"),
    ("show", "--site", "lab", "--json"),
    ("show", "--site", "lab", "--node", "n1"),
    ("user-data", "--site", "lab", "--node", "n1"),
    ("user-data", "--site", "lab", "--node", "n1", "--part", "profile"),
    ("explain", "--site", "lab", "--node", "n1"),
    ("explain", "--site", "lab", "--profile", "worker", "--json"),
    ("explain", "bmc", "--site", "lab"),
    ("explain", "bmc", "--site", "lab", "--json"),
    ("explain", "bmc.ipmi.password", "--site", "lab", "--node", "n1"),
    ("explain", "bmc.ipmi.password", "--site", "lab", "--node", "n1", "--json"),
    ("explain", "bmc.ipmi.password", "--site", "lab", "--profile", "worker"),
    ("explain", "site", "--site", "lab"),
    ("explain", "site.maas.api_key", "--site", "lab", "--json"),
    ("explain", "site.maas.api_key", "--site", "lab"),
    ("explain", "site.defaults", "--site", "lab"),
    ("explain", "services", "--site", "lab"),
)
PLACES = {
    "node": ("site-configs/nodes/lab/n1.yaml", f"bmc: {{ipmi: {{password: {SECRET}}}}}\n"),
    "node, block text": ("site-configs/nodes/lab/n1.yaml", f"bmc:\n  ipmi:\n    password: |\n      {SECRET}\n"),
    "node, two lines": ("site-configs/nodes/lab/n1.yaml", f"bmc:\n  ipmi:\n    password:\n      {SECRET}\n"),
    "site": ("site-configs/sites/lab.yaml", ""),
    "profile": ("site-configs/profiles/worker.yaml", f"  bmc: {{redfish: {{password: {SECRET}}}}}\n"),
    "class": ("site-configs/hardware/box.yaml", f"defaults: {{runner: {{token: {SECRET}}}}}\n"),
}


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return repository(tmp_path)


@pytest.mark.parametrize("arguments", RUNS)
def test_a_secret_of_the_environment_is_never_shown(repo: Repository, arguments: tuple[str, ...]) -> None:
    repo.write(
        "site-configs/nodes/lab/n1.yaml",
        repo.read("site-configs/nodes/lab/n1.yaml")
        + f"bmc: {{ipmi: {{password: 'env:LAB_BMC'}}, redfish: {{password: 'file:{repo.root}/secret'}}}}\n",
    )
    repo.write("secret", SECRET)
    ran = gen(*arguments, root=repo.root, env={"LAB_MAAS_KEY": SECRET, "LAB_BMC": SECRET})
    assert ran.code in (0, 3), ran.err
    assert SECRET not in ran.both
    for path in (repo.root / "generated").rglob("*"):
        assert not path.is_file() or SECRET not in path.read_text()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("arguments", RUNS)
def test_a_literal_in_a_secrets_place_is_a_finding_and_never_shown(
    repo: Repository, place: str, arguments: tuple[str, ...]
) -> None:
    path, text = PLACES[place]
    if place == "site":
        repo.edit(path, "env:LAB_MAAS_KEY", SECRET)
    else:
        repo.write(path, repo.read(path) + text)
    ran = gen(*arguments, root=repo.root)
    assert SECRET not in ran.both
    assert not (repo.root / "generated").exists()
    checked = gen("validate", "--site", "lab", root=repo.root)
    assert checked.code == 1
    assert "GS105" in checked.out


def test_a_literal_that_a_higher_layer_overrides_is_not_shown(repo: Repository) -> None:
    profile, site = "site-configs/profiles/worker.yaml", "site-configs/sites/lab.yaml"
    repo.write(profile, repo.read(profile) + f"  bmc: {{ipmi: {{password: {SECRET}}}}}\n")
    repo.edit(site, "defaults:\n", "defaults:\n  bmc: {ipmi: {password: 'env:LAB_BMC'}}\n")
    for more in ((), ("--json",)):
        ran = gen("explain", "bmc.ipmi.password", "--site", "lab", "--node", "n1", *more, root=repo.root)
        assert ran.code == 0
        assert "env:LAB_BMC" in ran.out
        assert "not valid" in ran.out
        assert profile in ran.out
        assert SECRET not in ran.both


@pytest.mark.parametrize("more", [(), ("--json",)])
@pytest.mark.parametrize(
    "text",
    [
        f"bmc: {{ipmi: {{usrname: x, password: {SECRET}}}}}\n",
        f"bmc: {{ipmi: {{pasword: {SECRET}}}}}\n",
    ],
)
def test_a_finding_beside_a_literal_does_not_show_it(repo: Repository, text: str, more: tuple[str, ...]) -> None:
    path = "site-configs/nodes/lab/n1.yaml"
    repo.write(path, repo.read(path) + text)
    ran = gen("validate", "--site", "lab", *more, root=repo.root)
    assert ran.code == 1
    assert SECRET not in ran.both
