"""The kind of a file, and its place on the host, from path and content."""

from __future__ import annotations

import lint_support
import pytest

from gpuaas_scripts.checks.base import TextKind
from gpuaas_scripts.checks.detect import kind_of

METADATA = "#!/bin/sh\n# --- Start MAAS 1.0 script metadata ---\n# name: x\n# --- End MAAS 1.0 script metadata ---\n"


@pytest.mark.parametrize(
    ("path", "content", "kind", "target"),
    [
        ("generated/s/maas/50-x.sh", "", TextKind.MAAS_SCRIPT, ""),
        ("anything", METADATA, TextKind.MAAS_SCRIPT, ""),
        ("a/probe.py", METADATA.replace("/bin/sh", "/usr/bin/python3"), TextKind.MAAS_SCRIPT, ""),
        ("profiles/p/root/usr/local/sbin/tool", "#!/bin/sh\n", TextKind.SHELL, "/usr/local/sbin/tool"),
        ("x", "#!/usr/bin/env bash\n", TextKind.SHELL, ""),
        ("x", "#!/usr/bin/env -S dash -eu\n", TextKind.SHELL, ""),
        ("x", "#! /bin/busybox sh\n", TextKind.SHELL, ""),
        ("x.sh", "", TextKind.SHELL, ""),
        ("x.py", "#!/usr/bin/python3\n", TextKind.OTHER, ""),
        ("x", "#!/bin/shell\n", TextKind.OTHER, ""),
        ("profiles/p/user-data.yaml", "", TextKind.CLOUD_CONFIG, ""),
        ("deploy.yaml", "#cloud-config\npackages: []\n", TextKind.CLOUD_CONFIG, ""),
        ("nodes/n/user-data", "", TextKind.USER_DATA, ""),
        ("x", 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n', TextKind.USER_DATA, ""),
        ("x", 'Content-Type: multipart/mixed; boundary="b"\n\n', TextKind.USER_DATA, ""),
        ("x", "Content-Type: text/plain\n\nmultipart/mixed\n", TextKind.OTHER, ""),
        ("nodes/n/root/etc/netplan/60-x.yaml", "", TextKind.NETPLAN, "/etc/netplan/60-x.yaml"),
        ("/etc/netplan/60-x.yaml", "", TextKind.NETPLAN, "/etc/netplan/60-x.yaml"),
        ("x.yaml", "# c\nnetwork:\n  version: 2\n", TextKind.NETPLAN, ""),
        ("x.yaml", "network: {}\nother:\n  version: 2\n", TextKind.YAML, ""),
        ("x.yml", "", TextKind.YAML, ""),
        ("profiles/p/root/etc/systemd/system/a.service", "", TextKind.UNIT, "/etc/systemd/system/a.service"),
        (
            "profiles/p/root/etc/systemd/system/a.service.d/b.conf",
            "",
            TextKind.UNIT,
            "/etc/systemd/system/a.service.d/b.conf",
        ),
        ("a.timer", "", TextKind.UNIT, ""),
        ("profiles/p/root/etc/dnsmasq.d/x", "", TextKind.DNSMASQ, "/etc/dnsmasq.d/x"),
        ("etc/dnsmasq.conf", "", TextKind.DNSMASQ, ""),
        ("profiles/p/root/etc/default/grub.d/90-x.cfg", "", TextKind.GRUB, "/etc/default/grub.d/90-x.cfg"),
        ("etc/default/grub", "", TextKind.GRUB, ""),
        ("profiles/p/root/etc/sysctl.d/60-x.conf", "", TextKind.SYSCTL, "/etc/sysctl.d/60-x.conf"),
        ("profiles/p/root/etc/modules-load.d/x.conf", "", TextKind.MODULES_LOAD, "/etc/modules-load.d/x.conf"),
        ("profiles/p/root/etc/modprobe.d/x.conf", "", TextKind.MODPROBE, "/etc/modprobe.d/x.conf"),
        ("profiles/p/root/etc/udev/rules.d/70-x.rules", "", TextKind.UDEV, "/etc/udev/rules.d/70-x.rules"),
        ("nodes/n/root/etc/gpuaas/node.env", "", TextKind.NODE_ENV, "/etc/gpuaas/node.env"),
        ("generated/s/MANIFEST.json", "", TextKind.JSON, ""),
        ("x.toml", "", TextKind.TOML, ""),
        ("profiles/p/root/etc/x.conf", "#cloud-config\n", TextKind.CLOUD_CONFIG, "/etc/x.conf"),
        ("README", "", TextKind.OTHER, ""),
        ("", "", TextKind.OTHER, ""),
    ],
)
def test_kind(path: str, content: str, kind: TextKind, target: str) -> None:
    assert kind_of(path, content) == (kind, target)


def test_what_is_rendered_is_known_again_by_path() -> None:
    """A committed tree gives the same kinds and targets as the site that it was rendered from."""
    from gpuaas_scripts.checks.collect import tree_of_paths, tree_of_plan
    from gpuaas_scripts.config.site import load
    from gpuaas_scripts.planner import make_plan
    from gpuaas_scripts.templates import Library

    root = lint_support.CASES.parents[1]
    site = tree_of_plan(make_plan(load("example", root).site, Library.for_root(root)))
    files, problems = tree_of_paths([root / "generated" / "example"], root)
    assert not problems
    by_path = {text.path: (text.kind, text.target) for text in files.texts if not text.path.endswith("MANIFEST.json")}
    written = {text.path: (text.kind, text.target) for text in site.texts if not text.path.endswith("/user-data")}
    assert by_path == written
    assert TextKind.OTHER not in {kind for kind, _ in written.values()}
