"""README.md's section on machines is true: its commands against the stand-in MAAS print what it shows."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from support import gen_packaged
from test_readme import README, ROOT, commands, matches

from gpuaas_scripts.cli.lab_maas import fill
from gpuaas_scripts.config.site import load_site
from gpuaas_scripts.lab.maas import ADMIN, Region, StandIn

pytestmark = pytest.mark.process

[BLOCK] = re.findall(
    r"^## Machines: commission, judge, deploy$.*?^```text\n(.*?)^```$", README, re.DOTALL | re.MULTILINE
)


def test_the_commands_print_what_is_shown(tmp_path: Path) -> None:
    for name in ("site-configs", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name)
    assert gen_packaged("render", "--site", "example", root=tmp_path).code == 0
    region = Region()
    fill(region, load_site("example", tmp_path))
    with StandIn(region) as standin:
        env: dict[str, str | None] = {"MAAS_API_KEY": ADMIN.key, "NO_COLOR": "1"}
        upload = gen_packaged("upload", "--site", "example", "--yes", "--url", standin.url, root=tmp_path, env=env)
        assert upload.code == 0, upload.both
        for command, shown, status in commands(BLOCK):
            words = command.removeprefix("gpuaas-gen ").split()
            done = gen_packaged(*words, "--url", standin.url, root=tmp_path, env=env)
            assert done.code == status, done.both
            # a terminal shows both; here they come one after the other
            printed = [line for line in shown if line not in done.err.splitlines()]
            told = [line for line in shown if line in done.err.splitlines()]
            assert matches(printed, done.out.splitlines()), f"{command} prints:\n{done.out}"
            assert [line for line in done.err.splitlines() if line in told] == told
