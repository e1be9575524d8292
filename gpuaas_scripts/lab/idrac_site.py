"""A repository with a site `lab` whose nodes are stand-in iDRACs: to try `bios` verbs without a site of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SITE = "lab"

_SITE = """\
# Stand-in iDRACs of this machine. Their certificate is pinned; the password is in a file beside.
description: stand-in iDRACs
defaults:
  hardware_class: lab-xe9680l
  bmc:
    redfish: {{username: {user}, password: "file:{password}"}}
    certificate_sha256: "{fingerprint}"
"""
_HARDWARE = """\
description: a stand-in for a Dell PowerEdge XE9680L
hardware:
  bmc_kind: idrac9
  bios:
    attributes:
      vt: Enabled
      vtd: Enabled
      smt: Enabled
      sriov: Enabled
"""
_PROFILE = """\
description: nodes that only have a BMC
role: bare-metal
"""
_NODE = """\
profile: lab
bmc: {{address: 127.0.0.1, port: {port}}}
"""


def write_site(folder: Path, ports: Sequence[int], user: str, password: str, fingerprint: str) -> list[str]:
    """Write site-configs/ below `folder`, a node for each port; returns the nodes' names. Raises OSError."""
    secret = folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(password + "\n", encoding="utf-8")
    configs = folder / "site-configs"
    site = _SITE.format(user=user, password=secret.resolve(), fingerprint=fingerprint)
    _write(configs / "sites" / f"{SITE}.yaml", site)
    _write(configs / "hardware" / "lab-xe9680l.yaml", _HARDWARE)
    _write(configs / "profiles" / "lab.yaml", _PROFILE)
    nodes = configs / "nodes" / SITE
    nodes.mkdir(parents=True, exist_ok=True)
    for old in nodes.glob("lab*.yaml"):
        old.unlink()
    names = [f"lab{number:04d}" for number in range(1, len(ports) + 1)]
    for name, port in zip(names, ports, strict=True):
        _write(nodes / f"{name}.yaml", _NODE.format(port=port))
    return names


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
