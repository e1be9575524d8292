"""`doctor`: each credential works, and exactly that one fails; no secret in any output or argument."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from evidence_support import NODE, Lab

from gpuaas_scripts.lab.idrac import Clock, Options, running
from gpuaas_scripts.lab.idrac_registry import GENERATIONS
from gpuaas_scripts.lab.maas_auth import User
from gpuaas_scripts.lab.maas_faults import Fault, FaultKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support import Environment, Ran

    from gpuaas_scripts.lab.idrac import Farm

pytestmark = pytest.mark.process

SECRET = "hunter2-correct-horse"
IPMITOOL = """\
#!/bin/sh
# what ipmitool does of this, with the password of the environment
here=${0%/*}
printf '%s\\n' "$*" >>"$here/asked"
if [ "$IPMI_PASSWORD" = "$(cat "$here/password")" ]; then
  echo 'Chassis Power is on'
else
  echo "Error: no session for $IPMI_PASSWORD" >&2
  exit 1
fi
"""


class Bench:
    """A lab with a stand-in iDRAC, an ipmitool and a node that names both."""

    def __init__(self, lab: Lab, farm: Farm, folder: Path) -> None:
        self.lab = lab
        self.farm = farm
        self.folder = folder
        folder.mkdir()
        self.tool = folder / "ipmitool"
        self.tool.write_text(IPMITOOL)
        self.tool.chmod(0o755)
        (folder / "password").write_text(SECRET)
        (folder / "file").write_text(f"{SECRET}\n")
        (folder / "file").chmod(0o600)
        port = farm.urls[0].rpartition(":")[2]
        self.node = NODE + (
            f"bmc:\n  address: 127.0.0.1\n  port: {port}\n"
            f"  ipmi: {{username: maas, password: 'file:{folder}/file'}}\n"
            "  redfish: {username: root, password: 'env:LAB_REDFISH'}\n"
        )
        self.write(self.node)

    def write(self, node: str) -> None:
        self.lab.repo.write("site-configs/nodes/lab/n1.yaml", node)

    def doctor(self, *more: str, env: Environment | None = None) -> Ran:
        """Run it; no secret is in what it says, nor in what was given to a tool as an argument."""
        settings = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "LAB_REDFISH": Options().password,
            "LAB_MAAS_KEY": "a:b:c",
            **(env or {}),
        }
        ca = str(self.farm.certificate.certificate)
        done = self.lab.gen("doctor", "--bmc-cacert", ca, *more, env=settings)
        asked = self.folder / "asked"
        for text in (done.both, asked.read_text() if asked.exists() else ""):
            assert SECRET not in text
            assert Options().password not in text
        return done


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    options = Options(generation=GENERATIONS["16g"])
    with Lab(tmp_path / "site") as lab, running([options], tmp_path / "tls", Clock(rate=0)) as farm:
        yield Bench(lab, farm, tmp_path / "tools")
        assert not farm.defects
        assert not farm.bmcs[0].access.sessions  # logged out, whatever happened


def lines(done: Ran) -> dict[str, str]:
    """Status by what was tried."""
    found = [line.split() for line in done.out.splitlines() if not line.startswith(" ")]
    return {f"{words[1]} {words[2].rstrip(':')}": words[0] for words in found}


def test_everything_that_works_is_said(bench: Bench) -> None:
    done = bench.doctor()
    assert done.code == 0, done.both
    assert set(lines(done).values()) == {"PASS"}
    assert len(lines(done)) == 7
    assert "MAAS 3.7.3, logged in as keeper, an administrator" in done.out
    assert "lab001 is n1, Ready" in done.out
    assert "Chassis Power is on" in done.out
    assert "logged in, 1 system(s) seen, logged out" in done.out
    assert bench.lab.standin.faults.writes == 0


def test_ipmi_works_where_redfish_answers_401(bench: Bench) -> None:
    done = bench.doctor(env={"LAB_REDFISH": "wrong-and-planted"})
    assert done.code == 4
    assert {name for name, status in lines(done).items() if status == "FAIL"} == {"redfish n1"}
    assert "wrong-and-planted" not in done.both
    assert "PASS ipmi" in done.out


def test_redfish_works_where_ipmi_does_not(bench: Bench) -> None:
    (bench.folder / "password").write_text("another")
    done = bench.doctor()
    assert done.code == 4
    assert {name for name, status in lines(done).items() if status == "FAIL"} == {"ipmi n1"}
    assert "no session for ***" in done.out


def test_an_ipmitool_that_only_exits_with_0_is_no_proof(bench: Bench) -> None:
    bench.tool.write_text("#!/bin/sh\nexit 0\n")
    assert lines(bench.doctor())["ipmi n1"] == "FAIL"


def test_without_ipmitool_it_says_which_package(bench: Bench) -> None:
    bench.tool.unlink()
    done = bench.doctor(env={"PATH": str(bench.folder)})
    assert lines(done)["ipmi n1"] == "SKIP"
    assert "install the package ipmitool" in done.out
    assert done.code == 0


def test_a_certificate_that_nobody_vouches_for(bench: Bench) -> None:
    done = bench.lab.gen("doctor", env={"LAB_REDFISH": Options().password, "LAB_MAAS_KEY": "a:b:c"})
    assert lines(done)["redfish n1"] == "FAIL"
    assert "the certificate is refused" in done.out
    assert lines(bench.doctor("--insecure"))["redfish n1"] == "PASS"


def test_a_pinned_certificate(bench: Bench) -> None:
    bench.write(bench.node + f"  certificate_sha256: '{'0' * 64}'\n")
    done = bench.doctor()
    assert lines(done)["redfish n1"] == "FAIL"
    assert "not the pinned one" in done.out


@pytest.mark.parametrize("name", ["LAB_REDFISH", "LAB_MAAS_KEY"])
def test_a_reference_that_leads_nowhere(bench: Bench, name: str) -> None:
    done = bench.doctor(env={name: None})
    assert lines(done)[f"secret env:{name}"] == "FAIL"
    assert f"the environment variable {name} is not set" in done.out
    assert done.code == 1
    if name == "LAB_REDFISH":
        assert lines(done)["redfish n1"] == "SKIP"


def test_a_file_that_others_may_read(bench: Bench) -> None:
    (bench.folder / "file").chmod(0o644)
    done = bench.doctor()
    assert "others may read it (mode 0644)" in done.out
    assert (done.code, list(lines(done).values()).count("WARN")) == (0, 1)
    (bench.folder / "file").unlink()
    done = bench.doctor()
    assert lines(done)["ipmi n1"] == "SKIP"
    assert done.code == 1


def test_a_user_without_rights(bench: Bench) -> None:
    bench.lab.region.gate.add(User("guest", "g:h:i"))
    done = bench.doctor(env={"MAAS_API_KEY": "g:h:i"})
    assert done.code == 4
    assert "logged in as guest, who is no administrator" in done.out


def test_a_wrong_key_fails_once_and_the_bmcs_are_tried_all_the_same(bench: Bench) -> None:
    done = bench.doctor(env={"MAAS_API_KEY": "seekritconsumer:seekrittoken:wrong"})
    assert done.code == 4
    found = lines(done)
    assert found["machine n1"] == "SKIP"
    assert found["redfish n1"] == "PASS"
    assert "MAAS does not accept the API key" in done.out


def test_a_maas_that_is_away(bench: Bench) -> None:
    bench.lab.standin.faults.add(Fault(FaultKind.UNAVAILABLE, times=99))
    done = bench.doctor()
    assert done.code == 4
    assert "503" in done.out


def test_another_machine_under_the_system_id(bench: Bench) -> None:
    bench.lab.machine.hostname = "other"
    done = bench.doctor()
    assert lines(done)["machine n1"] == "FAIL"
    assert "is that of other in MAAS, not of n1" in done.out


def test_values_to_be_approved_are_skip_with_their_place(bench: Bench) -> None:
    bench.write(bench.node.replace("address: 127.0.0.1", "address: to-be-approved"))
    done = bench.doctor()
    assert done.code == 0
    assert done.out.count("bmc.address is to be approved") == 2
    assert "site-configs/nodes/lab/n1.yaml:10:12" in done.out
    bench.write(bench.node.replace("username: root, ", ""))
    done = bench.doctor()
    assert lines(done)["redfish n1"] == "SKIP"
    assert "bmc.redfish.username is not set" in done.out


def test_a_user_name_by_reference(bench: Bench) -> None:
    bench.write(bench.node.replace("username: root", "username: 'env:LAB_USER'"))
    done = bench.doctor(env={"LAB_USER": "root"})
    assert lines(done)["redfish n1"] == "PASS"
    assert lines(done)["secret env:LAB_USER"] == "PASS"


def test_json(bench: Bench) -> None:
    data = json.loads(bench.doctor("--json").out)
    assert [one["status"] for one in data["tried"]] == ["PASS"] * 7
    assert {one["what"] for one in data["tried"]} == {"secret", "maas", "machine", "ipmi", "redfish"}


def test_one_node_of_many(bench: Bench) -> None:
    bench.lab.repo.write("site-configs/nodes/lab/n2.yaml", "profile: worker\n")
    assert "n2" not in bench.doctor("--node", "n1").out
    assert "FAIL machine n2" in bench.doctor().out
    assert bench.doctor("--node", "n9").code == 2
