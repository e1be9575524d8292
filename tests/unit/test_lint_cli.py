"""`gpuaas-gen lint`: what it takes, prints, changes and exits with."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
import support
import yaml
from support import gen

from gpuaas_scripts.checks.base import Skip
from gpuaas_scripts.checks.registry import CHECKS
from gpuaas_scripts.errors import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpuaas_scripts.checks.base import Tree
    from gpuaas_scripts.errors import Finding

ROOT = Path(__file__).parents[2]
NODE = "generated/lab/nodes/n1/root/etc/lab/fabric"
SHELL = ("shellcheck", "shells", "shfmt", "contract")
SKIP = Skip("netplan", "netplan is not installed", "netplan.io")


@pytest.fixture
def repository(tmp_path: Path) -> support.Repository:
    return support.repository(tmp_path)


def answers(*severities: Severity, skip: bool = False) -> object:
    """Checks that find one thing of each severity in the first text, and perhaps a skip."""

    def check(tree: Tree) -> Iterator[Finding | Skip]:
        for severity in severities:
            yield tree.texts[0].finding("GS482", f"a made-up {severity}", 1, severity=severity, hint="mend it")
        if skip:
            yield SKIP

    def find(name: str) -> object:
        return check if name == "node_env" else lambda _: ()

    return patch("gpuaas_scripts.checks.lint.check_of", find), find


def lint(repository: support.Repository, *arguments: str, found: tuple[Severity, ...] = (), skip: bool = False):  # noqa: ANN201
    """A run with made-up checks."""
    import gpuaas_scripts.checks.lint as module

    _, find = answers(*found, skip=skip)  # type: ignore[misc]
    original = module.lint

    def run(trees, **options):  # noqa: ANN001, ANN003, ANN202
        return original(trees, **(options | {"find": find}))

    with patch.object(module, "lint", run):
        return gen("lint", *arguments, root=repository.root)


ERROR, WARNING = Severity.ERROR, Severity.WARNING


@pytest.mark.parametrize(
    ("found", "skip", "usual", "strict"),
    [
        ((), False, 0, 0),
        ((WARNING,), False, 0, 1),
        ((), True, 0, 1),
        ((ERROR,), False, 1, 1),
        ((ERROR, WARNING), True, 1, 1),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit", "github"])
def test_exit_codes(
    repository: support.Repository, found: tuple[Severity, ...], skip: bool, usual: int, strict: int, form: str
) -> None:
    assert lint(repository, "--format", form, found=found, skip=skip).code == usual
    assert lint(repository, "--format", form, "--strict", found=found, skip=skip).code == strict


def test_text_has_the_excerpt_the_skip_last_and_the_counts_on_stderr(repository: support.Repository) -> None:
    ran = lint(repository, found=(ERROR,), skip=True)
    lines = ran.out.splitlines()
    assert lines[0] == "generated/lab/maas/40-lab-inventory.sh:1:1: error[GS482]: a made-up error"
    assert lines[1:4] == ["  1 | #!/bin/sh", "    | ^", "    = hint: mend it"]
    assert lines[-1] == "SKIP netplan: netplan is not installed; install netplan.io"
    assert ran.err.startswith(f"{len(CHECKS)} checks: 14 texts, 1 error, 0 warnings, 1 skip, 3 artifacts withheld")


def test_other_forms_are_alone_on_stdout(repository: support.Repository) -> None:
    data = json.loads(lint(repository, "--format", "json", found=(ERROR,), skip=True).out)
    assert (data["counts"]["errors"], data["counts"]["skipped"], len(data["findings"])) == (1, 1, 1)
    assert json.loads(lint(repository, "--format", "sarif", found=(ERROR,)).out)["version"] == "2.1.0"
    assert lint(repository, "--format", "junit", found=(ERROR,)).out.startswith("<?xml")
    assert lint(repository, "--format", "github", found=(ERROR,)).out.startswith("::error file=")


@pytest.mark.process
def test_a_real_finding_points_at_the_template(repository: support.Repository) -> None:
    repository.edit("templates/lib/hello.sh", '"$1"', "$1")
    repository.edit("templates/scripts/lab-hello/body.sh", "  hello_say", "  GREETED=1\n  again\n  hello_say")
    repository.write("templates/scripts/lab-hello/again.sh", "again() {\n  AGAIN=1\n}\n")
    ran = gen("lint", "--only", "shellcheck", "--site", "lab", root=repository.root)
    assert ran.code == 1
    assert "templates/lib/hello.sh:5:23: warning[SC2086]: " in ran.out
    assert "  5 |   printf 'hello %s\\n' $1\n    |                       ^^\n" in ran.out
    assert "templates/scripts/lab-hello/body.sh:2:3: error[SC2034]: " in ran.out
    assert "templates/scripts/lab-hello/again.sh:2:3: error[SC2034]: " in ran.out
    assert ran.out.count("SC2086]") == 1  # two scripts hold the fragment
    assert "generated/" not in ran.out


@pytest.mark.process
def test_findings_of_the_contract_are_findings_and_those_of_the_configuration_stop_it(
    repository: support.Repository,
) -> None:
    repository.write("templates/scripts/lab-hello/body.sh", "main() {\n  hello_say\n}\n")
    ran = gen("lint", "--only", "contract", root=repository.root)
    assert (ran.code, "error[GS338]" in ran.out) == (1, True)
    repository.edit("site-configs/sites/lab.yaml", "description", "descripton")
    ran = gen("lint", "--only", "contract", root=repository.root)
    assert (ran.code, ran.out) == (2, "")
    assert "GS101" in ran.err


def test_paths(repository: support.Repository) -> None:
    file = repository.write("generated/lab/x.toml", "a = 1\n")
    seen: list[str] = []

    def find(_: str) -> object:
        return lambda tree: seen.extend(text.path for text in tree.texts) or ()

    import gpuaas_scripts.checks.lint as module

    original = module.lint
    with patch.object(module, "lint", lambda trees, **options: original(trees, **(options | {"find": find}))):
        assert gen("lint", "generated", root=repository.root).code == 0
        assert set(seen) == {"generated/lab/x.toml"}
        seen.clear()
        assert gen("lint", str(file), "site-configs/sites/lab.yaml", root=repository.root).code == 0
        assert set(seen) == {"generated/lab/x.toml", "site-configs/sites/lab.yaml"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone"], "gone: no such file or folder"),
        ([".", "--site", "lab"], "PATHs go without --site"),
        ([".", "--fix"], "PATHs go without --site and --fix"),
        (["--site", "labb"], "lab"),
        (["--only", "shellchek"], "shellcheck"),
        (["--format", "xml"], "sarif"),
        (["--explain", "GS999"], "no code 'GS999'"),
        (["--explain", "rubbish"], "no code 'rubbish'"),
    ],
)
def test_wrong_usage(repository: support.Repository, arguments: list[str], words: str) -> None:
    ran = gen("lint", *arguments, root=repository.root)
    assert ran.code == 2
    assert words in ran.err
    assert ran.out == ""


def test_without_a_site_there_is_nothing_to_lint(tmp_path: Path) -> None:
    (tmp_path / "site-configs").mkdir()
    ran = gen("lint", root=tmp_path)
    assert (ran.code, "gpuaas-gen init site" in ran.err) == (2, True)


def test_explain(tmp_path: Path) -> None:
    ran = gen("lint", "--explain", "gs402", root=tmp_path)
    assert ran.code == 0
    assert ran.out.startswith("GS402: a suppression that switches nothing off\n\n")
    assert "https://www.shellcheck.net/wiki/SC2086" in gen("lint", "--explain", "SC2086", root=tmp_path).out


# --- --fix


@pytest.mark.process
def test_fix_lays_out_templates_and_nothing_else(repository: support.Repository) -> None:
    root = repository.root
    body = repository.write("templates/scripts/lab-hello/body.sh", 'main() {\n      hello_say "$BRIDGE_NAME"\n}\n')
    body.chmod(0o640)
    part = repository.write("templates/scripts/lab-hello/part.sh", "part() {\n    :\n}\n")
    other = repository.write("tools/other.sh", "a() {\n      b\n}\n")
    broken = repository.write("templates/lib/broken.sh", "broken_a() {\n      if\n}\n")
    latin = root / "templates/lib/latin.sh"
    latin.write_bytes(b"# gr\xfc\xdfe\n")
    untouched = [path for path in (root / "templates").rglob("*") if path.is_file() and path not in (body, part)]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in untouched}
    latin_library = latin.read_bytes()
    ran = gen("lint", "--fix", "--only", "shfmt", root=root)
    assert ran.out == "".join(f"formatted: templates/scripts/lab-hello/{name}.sh\n" for name in ("body", "part"))
    assert part.read_text() == "part() {\n  :\n}\n"
    assert body.read_text() == 'main() {\n  hello_say "$BRIDGE_NAME"\n}\n'
    assert body.stat().st_mode & 0o777 == 0o640
    assert other.read_text() == "a() {\n      b\n}\n"
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in untouched} == before
    assert (broken.is_file(), latin.read_bytes()) == (True, latin_library)
    assert not list((root / "templates").rglob(".*"))
    assert "formatted" not in gen("lint", "--fix", "--only", "shfmt", root=root).out


@pytest.mark.process
def test_fix_leaves_links_alone(repository: support.Repository) -> None:
    target = repository.write("elsewhere.sh", "a_a() {\n      b\n}\n")
    (repository.root / "templates/lib/a.sh").symlink_to(target)
    gen("lint", "--fix", "--only", "shfmt", root=repository.root)
    assert target.read_text() == "a_a() {\n      b\n}\n"


@pytest.mark.process
def test_a_fix_that_fails_leaves_the_old_file(repository: support.Repository) -> None:
    from gpuaas_scripts.cli.formatting import format_templates

    text = 'main() {\n      hello_say "$BRIDGE_NAME"\n}\n'
    body = repository.write("templates/scripts/lab-hello/body.sh", text)
    with (
        patch.object(os, "fsync", side_effect=OSError(28, "No space left on device", str(body))),
        pytest.raises(OSError, match="No space"),
    ):
        list(format_templates(repository.root))
    assert body.read_text() == text
    assert [path.name for path in body.parent.iterdir() if path.name.startswith(".")] == []


def test_fix_without_templates(tmp_path: Path) -> None:
    repository = support.repository(tmp_path)
    (repository.root / "templates").rename(repository.root / "gone")
    ran = gen("lint", "--fix", root=repository.root)
    assert (ran.code, "there is no templates/" in ran.err) == (2, True)


# --- the cache


@pytest.mark.process
def test_results_are_kept_and_a_damaged_cache_costs_time_only(repository: support.Repository, tmp_path: Path) -> None:
    repository.edit("templates/lib/hello.sh", '"$1"', "$1")
    environment: support.Environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    arguments = ("lint", "--format", "json", *(word for name in SHELL for word in ("--only", name)))
    first = gen(*arguments, root=repository.root, env=environment)
    assert "SC2086" in first.out
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert {path.parent.name for path in kept} >= {"shellcheck", "shells", "shfmt"}
    with patch("gpuaas_scripts.checks.shellcheck.run", side_effect=AssertionError("asked again")):
        assert gen(*arguments, root=repository.root, env=environment).out == first.out
    for damage in (b"", b"{", b"\xff\x00", b"7"):
        for path in kept:
            path.write_bytes(damage)
        assert gen(*arguments, root=repository.root, env=environment).out == first.out


@pytest.mark.process
def test_two_runs_at_once_say_the_same(repository: support.Repository, tmp_path: Path) -> None:
    repository.edit("templates/lib/hello.sh", '"$1"', "$1")
    words = [
        sys.executable,
        "-m",
        "gpuaas_scripts",
        "lint",
        "--format",
        "json",
        "--only",
        "shellcheck",
        "--only",
        "shells",
    ]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    runs = [
        subprocess.Popen(words, cwd=repository.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    said = {run.communicate()[0] for run in runs}
    assert len(said) == 1
    assert b"SC2086" in said.pop()


@pytest.mark.process
def test_a_cache_that_cannot_be_written(repository: support.Repository) -> None:
    ran = gen("lint", "--only", "shellcheck", root=repository.root, env={"XDG_CACHE_HOME": "/dev/null"})
    assert ran.code == 0


# --- odd input


@pytest.mark.process
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("maas/50-x.sh", b""),
        ("maas/50-x.sh", b"#!/bin/sh"),
        ("maas/50-x.sh", b"\xef\xbb\xbf#!/bin/sh\nmain\n"),
        ("maas/50-x.sh", b"#!/bin/sh\r\nmain\r\n"),
        ("maas/50-x.sh", b"#!/bin/sh\n# --- Start MAAS 1.0 script metadata ---\n"),
        (
            "maas/50-x.sh",
            b"#!/bin/sh\n# --- Start MAAS 1.0 script metadata ---\n# [\n# --- End MAAS 1.0 script metadata ---\n",
        ),
        ("maas/50-x.sh", b"#!/bin/sh\n\x00\n"),
        ("maas/50-x.sh", b"#!/bin/sh\n\x1b[31m\xe2\x80\xae\n"),
        ("maas/50-x.sh", b"\xff\xfe#\x00!\x00"),
        ("x.yaml", b"- - - -\n\t- a: &a [*a]\n"),
        ("x.yaml", b"[" * 5000),
        ("x.yaml", b"a: &a [b]\nc: *a\n<<: 1\n"),
        ("x.json", b"{" * 5000),
        ("x.toml", b"a = [\n"),
        ("profiles/p/user-data.yaml", b"#cloud-config\n- not a mapping\n"),
        ("profiles/p/user-data.yaml", b"#cloud-config\nwrite_files: {a: 1}\nruncmd: 5\n"),
        ("profiles/p/user-data.yaml", b""),
        ("nodes/n/user-data", b"MIME-Version: 1.0\nContent-Type: multipart/mixed\n\nno boundary\n"),
        ("nodes/n/user-data", b"\n\n--\n"),
        ("nodes/n/root/etc/netplan/1.yaml", b"network: 5\n"),
        ("nodes/n/root/etc/netplan/1.yaml", b"network: {ethernets: [1]}\n"),
        ("nodes/n/root/etc/gpuaas/node.env", b"A='\nB"),
        ("profiles/p/root/etc/systemd/system/a.service", b"no section\n[\n=\n"),
        ("profiles/p/root/etc/systemd/system/a.service", b""),
        ("profiles/p/root/etc/systemd/system/a b.service", b"[Service]\nExecStart=\\\n"),
        ("profiles/p/root/etc/dnsmasq.d/a.conf", b"=\n==\n\x00\n"),
        ("profiles/p/root/etc/default/grub.d/a.cfg", b"a='\n"),
        ("profiles/p/root/etc/sysctl.d/a.conf", b"=\n-\nkey\n"),
        ("profiles/p/root/etc/modprobe.d/a.conf", b"options\ninstall\n\\\n"),
        ("profiles/p/root/etc/modules-load.d/a.conf", b"a b\n;\n"),
        ("profiles/p/root/etc/udev/rules.d/1-a.rules", b'A="\n,,,\n=\n'),
        ("firmware.bin", bytes(range(256))),
        ("x", b"#!" + b"a" * 70000),
    ],
)
def test_odd_files_never_end_in_a_traceback(tmp_path: Path, name: str, content: bytes) -> None:
    """Whatever a file holds, there is a report and an exit code; `gen` raises any other exception."""
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    for form in ("text", "sarif"):
        assert gen("lint", ".", "--format", form, root=tmp_path).code in (0, 1)


# --- where it is used


def test_hooks_for_pre_commit_run_what_is_there() -> None:
    from gpuaas_scripts.cli.main import VERBS

    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert {hook["id"] for hook in hooks} == {"gpuaas-lint", "gpuaas-lint-sites", "gpuaas-validate"}
    for hook in hooks:
        program, verb, *options = hook["entry"].split()
        assert (program, verb in VERBS, hook["language"]) == ("gpuaas-gen", True, "python")
        text = gen(verb, "--help").out
        assert all(option in text for option in options)
        re.compile(hook["files"])
    files = re.compile(next(hook["files"] for hook in hooks if hook["id"] == "gpuaas-lint"))
    assert files.search("generated/maas280/MANIFEST.json")
    assert files.search("a/b.service")
    assert not files.search("src/main.py")
