"""The `bios` verbs with --backend racadm, against the stand-in `racadm`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from racadm_support import PASSWORD, racadm
from support import Environment, Ran, gen_packaged

from gpuaas_scripts.lab.idrac_attributes import PLANTED
from gpuaas_scripts.lab.idrac_site import write_site

if TYPE_CHECKING:
    from pathlib import Path

    from gpuaas_scripts.lab.racadm import Racadm

__all__ = ["racadm"]

pytestmark = pytest.mark.process

ENV: Environment = {"IDRAC_HOST": "192.0.2.1", "IDRAC_USER": "root", "IDRAC_PASSWORD": PASSWORD}
GO = ("--apply", "--yes", "--poll", "0.05")


def bios(folder: Path, *words: str, via: str = "remote", env: Environment | None = None) -> Ran:
    more = ["--backend", "racadm", "--racadm-via", via]
    if via == "ssh":
        write_site(folder, [443], "root", PASSWORD, "ab" * 32)
        more += ["--root", str(folder), "--site", "lab"]
    if words[0] not in {"status", "resume"}:
        more += ["--attr", "vt=Enabled", "--attr", "smt=Enabled"]
    if words[0] in {"apply", "status", "resume"}:
        more += ["--records", str(folder / "records")]
    return gen_packaged("bios", *words, *more, env=ENV if env is None else env)


@pytest.mark.parametrize("via", ["remote", "ssh", "local"])
def test_the_whole_way(racadm: Racadm, tmp_path: Path, via: str) -> None:
    assert bios(tmp_path, "plan", via=via).code == 3
    ran = bios(tmp_path, "apply", "--reset", "force", *GO, via=via)
    assert ran.code == 0, ran.err
    assert "done: in force, as read back: LogicalProc=Enabled, ProcVirtualization=Enabled" in ran.out
    assert racadm.object("ProcSettings", "ProcVirtualization")["value"] == "Enabled"
    assert bios(tmp_path, "assert", via=via).code == 0
    assert (racadm.program.parent / "ssh.log").exists() == (via == "ssh")
    calls = racadm.read()["calls"]
    assert sum("create" in words for words in calls) == 1
    assert sum("serveraction" in words for words in calls) == 1


def test_a_job_that_waits(racadm: Racadm, tmp_path: Path) -> None:
    assert bios(tmp_path, "apply", *GO).code == 3
    assert racadm.object("ProcSettings", "ProcVirtualization")["value"] == "Disabled"
    ran = bios(tmp_path, "status")
    assert ran.code == 3
    assert "waiting for a restart" in ran.out
    assert bios(tmp_path, "resume", "--reset", "graceful", *GO[1:]).code == 0
    assert racadm.object("ProcSettings", "ProcVirtualization")["value"] == "Enabled"


@pytest.mark.parametrize("ending", ["PR31", "PR21", "PR30"])
def test_a_job_that_fails(racadm: Racadm, tmp_path: Path, ending: str) -> None:
    racadm.change(ending=ending)
    ran = bios(tmp_path, "apply", "--reset", "force", *GO)
    assert ran.code == 4
    assert ending in ran.err


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("login", "Login failed"),
        ("unreachable", "Unable to connect to RAC"),
        ("library", "libssl.so"),
        ("garbage", "a text that is not known"),
    ],
)
def test_what_is_wrong(racadm: Racadm, tmp_path: Path, fault: str, text: str) -> None:
    racadm.change(fault=fault)
    ran = bios(tmp_path, "apply", *GO)
    assert ran.code == 4
    assert text in ran.err
    assert PASSWORD not in ran.both


def test_a_refusal_by_the_firmware(racadm: Racadm, tmp_path: Path) -> None:
    """RAC1025 comes only with the write: what was staged before it is told."""
    text = racadm.program.read_text()
    rule = '    if entry.get("unsupported"):\n'
    assert rule in text
    racadm.program.write_text(
        text.replace(rule, f'    if found == "ProcVirtualization":\n        raise Refused("RAC1025")\n{rule}')
    )
    ran = bios(tmp_path, "apply", "--reset", "force", *GO)
    assert ran.code == 1
    assert "RAC1025" in ran.err
    assert "LogicalProc" in ran.err
    assert not [words for words in racadm.read()["calls"] if "serveraction" in words]


def test_secrets(racadm: Racadm, tmp_path: Path) -> None:
    ran = bios(tmp_path, "apply", "--verbose", "--reset", "force", "--attr", "SetupPassword=planted-new", *GO)
    assert ran.code == 1
    ran2 = bios(tmp_path, "apply", "--verbose", "--reset", "force", *GO)
    assert ran2.code == 0
    records = "".join(path.read_text() for path in tmp_path.rglob("records/**/*.jsonl"))
    assert records
    for secret in (PASSWORD, PLANTED, "planted-new"):
        assert secret not in ran.both + ran2.both + records
    assert PASSWORD not in racadm.state.read_text(), "it was no argument of any call"


def test_a_certificate(racadm: Racadm, tmp_path: Path) -> None:
    racadm.change(trusted=False)
    ran = bios(tmp_path, "plan")
    assert ran.code == 4
    assert "the BMC's certificate is not trusted" in ran.err
    ran = bios(tmp_path, "plan", "--insecure")
    assert ran.code == 3
    assert "warning: certificates are not verified (--insecure)" in ran.err
    ran = bios(tmp_path, "plan", "--cacert", "ca.pem")
    assert ran.code == 4
    assert "cannot check a pinned certificate or one of a CA file" in ran.err


def test_ssh_needs_to_know_the_server(racadm: Racadm) -> None:
    ran = gen_packaged(
        "bios", "plan", "--backend", "racadm", "--racadm-via", "ssh", "--attr", "vt=Enabled", env=dict(ENV)
    )
    assert ran.code == 2
    assert "--racadm-via ssh needs --site" in ran.err
    assert racadm.read()["calls"] == []


def test_local_needs_no_login(racadm: Racadm, tmp_path: Path) -> None:
    nobody: Environment = dict.fromkeys(ENV)
    assert bios(tmp_path, "plan", via="local", env=nobody).code == 3
    assert bios(tmp_path, "plan", via="remote", env=nobody).code == 2
