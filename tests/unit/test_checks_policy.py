"""Policy: the built-in rules, those of a site, and what may be switched off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import checks_support
import lint_support
import pytest

from gpuaas_scripts.checks import policy
from gpuaas_scripts.checks.base import Text, TextKind, Tree
from gpuaas_scripts.checks.shell_texts import Dialect
from gpuaas_scripts.checks.shell_uses import uses_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process

CASES = checks_support.cases("policy-", "netplan-readable")
SCRIPT = "profiles/p/root/usr/local/sbin/x"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path) -> None:
    checks_support.judge(case, ("policy",))


def kinds(script: str, language: Dialect = Dialect.POSIX) -> list[str]:
    return [use.kind for use in uses_of(f"{script}\n", language).uses]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("curl x | sh", ["piped"]),
        ("curl x | gunzip | sudo -E bash", ["piped"]),
        ("{ curl x; } | sh", ["piped"]),
        ("curl x | python3 -", ["piped"]),
        ('env A=b sh -c "$(wget -qO- x)"', ["piped"]),
        ("sh -c 'curl x | sh'", ["piped"]),
        (". /dev/stdin <<EOF\n$(curl x)\nEOF", []),
        ("curl x | jq .", []),
        ("x=$(curl x)", []),
        ("echo 'curl x | sh'", []),
        ("# curl x | sh\n:", []),
        ("cat <<'EOF'\ncurl x | sh\nEOF", []),
        ("printf '%s' \"$1\" | sh", []),
        ("curl -o f u", ["download"]),
        ("curl -fsSLo f u", ["download"]),
        ("curl --output=f u", ["download"]),
        ("curl u >f", ["download"]),
        ("curl u | tar -x", ["download"]),
        ("wget u", ["download"]),
        ("wget -O - u", []),
        ("curl -o /dev/null u", []),
        ("curl -o f u; sha256sum -c f.sha256", []),
        ("curl -o f u; echo 'x  f' | sha256sum -c -", []),
        ("curl -o f u; echo 'x  g' | sha256sum -c -", ["download"]),
        ('curl -o "$f" u; echo "$s  $f" | sha256sum -c', []),
        ('curl -o "$f" u; echo "$s  $g" | sha256sum -c', ["download"]),
        ('check() { sha256sum -c; }\nboth() { check "$1"; }\ncurl -o f u\nboth f', []),
        ('check() { sha1 "$1"; }\ncurl -o f u\ncheck f', ["download"]),
        ("curl u/key.asc | gpg --dearmor -o k", ["key"]),
        ("curl -o k.gpg u; gpg --show-keys k.gpg | grep -q 0123", []),
        ("wipefs -a /dev/nvme0n1", ["kernel-disk"]),
        ('d=/dev/sda\nmkfs.xfs "$d"', ["kernel-disk"]),
        ('d=/dev/sda\nls "$d"', []),
        ('for d in /dev/nvme*n1; do wipefs -a "$d"; done', ["kernel-disk"]),
        ("nvme list /dev/nvme0n1; lsblk /dev/sda", []),
        ("dd if=/dev/sda of=/tmp/image", []),
        ("wipefs -a /dev/disk/by-id/nvme-X", []),
        ("apt-key add k", ["unauthenticated"]),
        ("grep -q trusted=yes f", []),
        ("apt-get install --allow-unauthenticated x", ["unauthenticated"]),
        ("x='vfio-pci.ids=10de:2335'", ["vfio-ids"]),
        ("grep -q vfio-pci.ids=10de: /proc/cmdline", []),
        ("case $x in *vfio-pci.ids=10de:*) ;; esac", []),
        ("maas a tags create kernel_opts='hugepages=1'", ["kernel-opts"]),
        ("maas a tags create kernel_opts='quiet'", []),
    ],
)
def test_uses_of_shell(script: str, told: list[str]) -> None:
    assert kinds(script) == told


def test_bash_is_read_as_bash() -> None:
    assert kinds("bash <(curl x)", Dialect.BASH) == ["piped"]
    told = checks_support.found("policy", {SCRIPT: "#!/bin/bash\nsource <(curl -s x)\n"})
    assert [one.code for one in told] == ["GS491"]


def test_modes_count_on_a_host_and_not_in_a_repository() -> None:
    def codes(path: str, mode: str, target: str = "/etc/gpuaas/node.env") -> list[str]:
        text = Text(path, "x='y'\n", TextKind.NODE_ENV, target, mode)
        return [one.code for one in policy.check(Tree((text,))) if isinstance(one, lint_support.Finding)]

    assert codes("/etc/gpuaas/node.env", "0644") == ["GS494"]
    assert codes("/etc/gpuaas/node.env", "0600") == []
    assert codes("generated/s/nodes/n/root/etc/gpuaas/node.env", "0644") == []


def test_a_site_switches_a_rule_off_and_no_other() -> None:
    case = next(case for case in lint_support.folders() if case.name == "policy-site-settings")
    tree, _ = lint_support.tree(case)
    assert "GS490" not in {one.code for one in policy.check(tree) if isinstance(one, lint_support.Finding)}
    assert "GS490" in {one.code for one in policy.check(Tree(tree.texts)) if isinstance(one, lint_support.Finding)}


def test_files_inside_of_user_data_point_into_it() -> None:
    data = "#cloud-config\nwrite_files:\n  - path: /x.sh\n    content: |\n\n      #!/bin/sh\n      curl x | sh\n"
    (told,) = checks_support.found("policy", {"user-data.yaml": data})
    assert (told.code, str(told.location)) == ("GS491", "user-data.yaml:7:7")


def test_what_cannot_be_parsed_gives_nothing_and_does_not_raise() -> None:
    assert checks_support.found("policy", {SCRIPT: "#!/bin/sh\nif curl x | sh; then\n"}) == []
