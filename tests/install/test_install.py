"""The program as users get it: a wheel in a clean environment, an editable install, other Pythons.

Needs a package index for the environments; without one these tests are skipped, saying so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.process, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SITES = ("example", "maas280")


def run(
    *command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **(env or {})}
    for name in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHASHSEED"):
        environment.pop(name, None)
    environment |= env or {}
    return subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def pythons() -> list[str]:
    """This Python and others of 3.11 to 3.13 on the machine, one each."""
    found = {sys.version_info[:2]: sys.executable}
    places = [
        *os.environ.get("PATH", "").split(os.pathsep),
        *map(str, Path.home().glob(".pyenv/versions/3.1[123]*/bin")),
    ]
    for minor in (11, 12, 13):
        for place in places:
            candidate = Path(place) / f"python3.{minor}"
            if (3, minor) in found or "shims" in place or not candidate.exists():
                continue
            if run(candidate, "-c", "import venv, ensurepip").returncode == 0:
                found[3, minor] = str(candidate)
    return [found[version] for version in sorted(found)]


def files(tree: Path) -> dict[str, tuple[bytes, bool]]:
    return {
        path.relative_to(tree).as_posix(): (path.read_bytes(), os.access(path, os.X_OK))
        for path in sorted(tree.rglob("*"))
        if path.is_file()
    }


def environment(folder: Path, python: str, *packages: str) -> Path:
    made = run(python, "-m", "venv", folder)
    assert made.returncode == 0, made.stderr
    done = run(folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
    if done.returncode and ("No matching distribution" in done.stderr or "Connection" in done.stderr):
        pytest.skip(f"no package index: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return folder / "bin"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A user's repository: it holds only site-configs/."""
    folder = tmp_path / "repository"
    shutil.copytree(ROOT / "site-configs", folder / "site-configs")
    return folder


@pytest.mark.parametrize("python", pythons(), ids=lambda python: Path(python).resolve().name)
def test_the_wheel_renders_the_same_bytes_in_any_python(
    wheel: Path, repository: Path, tmp_path: Path, python: str
) -> None:
    place = environment(tmp_path / "venv", python, str(wheel))
    for site in SITES:
        done = run(place / "gpuaas-gen", "render", "--site", site, cwd=repository)
        assert done.returncode == 0, done.stderr
        assert files(repository / "generated" / site) == files(ROOT / "generated" / site)
    assert (
        run(place / "python", "-m", "gpuaas_scripts", "--version").stdout
        == run(place / "gpuaas-gen", "--version").stdout
    )


def test_own_templates_add_to_and_override_the_packaged_ones(wheel: Path, repository: Path, tmp_path: Path) -> None:
    place = environment(tmp_path / "venv", sys.executable, str(wheel))
    own = repository / "templates" / "files" / "modules-load-vfio"
    shutil.copytree(ROOT / "templates" / "files" / "modules-load-vfio", own)
    (own / "content.j2").write_text("# ours\nvfio\n")
    assert run(place / "gpuaas-gen", "render", "--site", "example", cwd=repository).returncode == 0
    changed = [
        path
        for path, entry in files(repository / "generated/example").items()
        if files(ROOT / "generated/example").get(path) != entry
    ]
    assert changed == [
        "MANIFEST.json",
        "profiles/slice-vm/root/etc/modules-load.d/gpuaas-vfio.conf",
        "profiles/slice-vm/user-data.yaml",
    ]


def test_an_editable_install_uses_the_checkout(repository: Path, tmp_path: Path) -> None:
    place = environment(tmp_path / "venv", sys.executable, "--editable", str(ROOT))
    done = run(place / "gpuaas-gen", "render", "--site", "example", cwd=repository)
    assert done.returncode == 0, done.stderr
    assert files(repository / "generated/example") == files(ROOT / "generated/example")
    where = run(
        place / "python", "-c", "import gpuaas_scripts.templates as t; print(t.packaged_folder())"
    ).stdout.strip()
    assert Path(where) == ROOT / "templates"


VARIATIONS = {
    "hash seed": {"PYTHONHASHSEED": "12345"},
    "locale": {"LC_ALL": "C", "LANG": "C"},
    "utf-8 locale": {"LC_ALL": "C.UTF-8"},
    "time zone": {"TZ": "Asia/Kolkata"},
    "no utf-8 mode": {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "POSIX"},
}


@pytest.mark.parametrize("variation", VARIATIONS)
def test_the_same_bytes_in_any_environment(repository: Path, tmp_path: Path, variation: str) -> None:
    gen = Path(sys.executable).with_name("gpuaas-gen")
    env = {**VARIATIONS[variation], "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = run(
        gen, "render", "--site", "example", "--root", repository, "--output", tmp_path / "out", cwd=Path("/"), env=env
    )
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "out/example") == files(ROOT / "generated/example")


@pytest.mark.parametrize("mask", ["000", "027", "077"])
def test_the_same_bytes_under_any_umask(repository: Path, tmp_path: Path, mask: str) -> None:
    gen = Path(sys.executable).with_name("gpuaas-gen")
    words = f'umask {mask}; exec "$@"'
    done = run(
        "sh", "-c", words, "sh", gen, "render", "--site", "example", "--root", repository, "--output", tmp_path / "out"
    )
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "out/example") == files(ROOT / "generated/example")
    assert (tmp_path / "out/example/MANIFEST.json").stat().st_mode & 0o777 == 0o644
