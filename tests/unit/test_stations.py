"""Data flows one way: what each part of the program may import, and that pure parts stay pure."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "gpuaas_scripts"

IMPURE = {"subprocess", "socket", "ssl", "urllib", "http", "requests", "aiohttp", "tempfile", "shutil"}
"""Modules that reach outside of the process; only the parts of TOUCHES may use them."""

TOUCHES = (
    "cli/",
    "sinks/",
    "lab/",
    "checks/",
    "run.py",
    "templates.py",
    "config/source.py",
    "config/yaml_data.py",
    "config/site.py",
    "config/loader.py",
    "shards.py",
    "cache.py",
)

BACK = {
    "config/": ("planner", "renderers", "checks", "sinks", "lab", "cli", "manifest", "templates", "run"),
    "artifacts.py": ("planner", "needs", "renderers", "checks", "sinks", "lab", "cli", "manifest", "run"),
    "needs.py": ("planner", "renderers", "checks", "sinks", "lab", "cli", "manifest", "run"),
    "planner.py": ("renderers", "checks", "sinks", "lab", "cli", "manifest", "run"),
    "templates.py": ("planner", "renderers", "checks", "sinks", "lab", "cli", "manifest", "run"),
    "renderers/": ("checks", "sinks", "lab", "cli", "manifest", "run"),
    "manifest.py": ("checks", "sinks", "lab", "cli", "run"),
    "checks/": ("sinks", "lab", "cli"),
    "bios/": ("checks", "sinks", "lab", "cli", "run", "templates"),
    "evidence/": ("config", "planner", "needs", "artifacts", "renderers", "checks", "sinks", "lab", "cli", "run"),
    "maas/": ("config", "planner", "needs", "artifacts", "renderers", "checks", "sinks", "lab", "cli", "run"),
    "sinks/": ("config", "planner", "renderers", "checks", "lab", "cli", "templates"),
    "lab/": ("cli",),
    "run.py": ("config", "planner", "renderers", "checks", "sinks", "lab", "cli", "manifest", "templates"),
    "errors.py": ("config", "planner", "renderers", "checks", "sinks", "lab", "cli", "manifest", "templates", "run"),
}
"""What each station must not import: the stations after it."""


def modules() -> list[str]:
    return sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def imports(module: str) -> set[str]:
    """Imported modules: absolute ones by their first name, the package's own as `.part`."""
    path = PACKAGE / module
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(PACKAGE).parts[:-1]
            base = package[: len(package) - (node.level - 1)]
            name = (*base, *(node.module or "").split(".")) if node.module else base
            full = [part for part in name if part]
            found |= {f".{full[0]}"} if full else {f".{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("module", modules())
def test_no_station_reaches_back(module: str) -> None:
    for station, later in BACK.items():
        if module.startswith(station):
            assert not imports(module) & {f".{name}" for name in later}


@pytest.mark.parametrize("module", modules())
def test_only_named_parts_touch_the_outside(module: str) -> None:
    if not module.startswith(TOUCHES):
        assert not imports(module) & IMPURE


@pytest.mark.parametrize("module", modules())
def test_only_run_starts_processes(module: str) -> None:
    if module != "run.py":
        assert "subprocess" not in imports(module)


@pytest.mark.parametrize("module", modules())
def test_only_the_command_line_prints_or_exits(module: str) -> None:
    # a fork must leave by os._exit; entry.py is a program of the container
    if module.startswith("cli/") or module in ("shards.py", "lab/entry.py"):
        return
    for node in ast.walk(ast.parse((PACKAGE / module).read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"print", "sys.exit", "exit", "os._exit"}, f"{module}:{node.lineno} calls {called}"


@pytest.mark.process
def test_help_imports_no_heavy_module() -> None:
    code = "import sys; from gpuaas_scripts.cli.main import run; run(['--help']); print('@', *sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rsplit("@", 1)[1].split())
    assert not loaded & {"yaml", "msgspec", "jinja2", "asyncio", "aiohttp", "maas.client", "redfish"}


@pytest.mark.process
def test_the_library_is_lazy_and_its_names_are_functions() -> None:
    code = (
        "import sys, gpuaas_scripts\n"
        "assert not {'yaml', 'msgspec', 'click'} & set(sys.modules)\n"
        "import gpuaas_scripts.cli.loading, gpuaas_scripts.cli.render\n"
        "from gpuaas_scripts import load_site, plan, render, user_data\n"
        "assert all(callable(name) for name in (load_site, plan, render, user_data))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
