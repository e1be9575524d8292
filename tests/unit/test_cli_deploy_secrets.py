"""`deploy` and secrets: the node agent's enrolment secret reaches the host's user data, and no other place."""

from __future__ import annotations

import base64
import email
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
import yaml
from evidence_support import Lab
from support import gen
from test_cli_deploy import deploy, ready

from gpuaas_scripts import load_site, plan, render
from gpuaas_scripts.lab.maas_faults import Fault, FaultKind
from gpuaas_scripts.lab.maas_http import json_response
from gpuaas_scripts.lab.maas_machine import Status
from gpuaas_scripts.renderers.cloud_init import MAX_USER_DATA, MERGE_TYPE
from gpuaas_scripts.secret_files import secret_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support import Ran

pytestmark = pytest.mark.process

TARGET = "/etc/gpuaas/node-agent.secret"
SECRET = "hunter2-correct-horse-battery"
NODE = "site-configs/nodes/lab/n1.yaml"
ENROLMENT = "node_agent: {enrolment: 'env:LAB_ENROLMENT'}\n"
UNIT = "gpuaas-node-agent.service"
INSTALLER = "gpuaas-node-agent-install"
TEMPLATES = {
    f"templates/units/{UNIT}/unit.yaml": "description: The agent\nscope: profile\n",
    f"templates/units/{UNIT}/unit.j2": "[Service]\nExecStart=/usr/local/bin/agent\n",
    f"templates/scripts/{INSTALLER}/script.yaml": "description: Installs the agent\nscope: profile\n"
    f"fragments: [hello]\ninstall: {{path: /usr/local/sbin/{INSTALLER}}}\n",
    f"templates/scripts/{INSTALLER}/body.sh": "main() {\n  hello_say installer\n}\n",
}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A node with an enrolment secret by reference, whose profile has the agent's unit."""
    with Lab(tmp_path / "site") as made:
        for path, text in TEMPLATES.items():
            made.repo.write(path, text)
        made.repo.edit("site-configs/profiles/worker.yaml", "[lab-hello.service]", f"[lab-hello.service, {UNIT}]")
        made.repo.write(NODE, made.repo.read(NODE) + ENROLMENT)
        ready(made)
        yield made


def send(lab: Lab, *more: str, secret: str | None = SECRET) -> Ran:
    return lab.gen("deploy", "--node", "n1", *more, env={"LAB_ENROLMENT": secret})


def reviewed(lab: Lab) -> bytes:
    return gen("user-data", "--site", "lab", "--node", "n1", root=lab.repo.root).bytes_out


def parts(lab: Lab) -> list[dict[str, object]]:
    """The parts that MAAS was sent, as cloud-init reads them."""
    found = []
    for part in email.message_from_bytes(lab.machine.user_data or b"").get_payload():
        assert isinstance(part, email.message.Message)
        assert part["Merge-Type"] == MERGE_TYPE
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        assert payload.startswith(b"#cloud-config\n")
        found.append(yaml.safe_load(payload))
    return found


def delivered(lab: Lab) -> str:
    """What the host's file will hold; the last part is it and nothing else."""
    last = parts(lab)[-1]
    assert list(last) == ["write_files"]
    files = last["write_files"]
    assert isinstance(files, list)
    [entry] = files
    assert {key: entry[key] for key in ("path", "owner", "permissions", "encoding")} == {
        "path": TARGET,
        "owner": "root:root",
        "permissions": "0600",
        "encoding": "b64",
    }
    assert set(entry) == {"path", "owner", "permissions", "encoding", "content"}
    return base64.b64decode(entry["content"], validate=True).decode()


@pytest.mark.parametrize(
    "secret",
    [
        SECRET,
        "'\"`$HOME \\n %s #: {}[] - |",
        "two\nlines",
        "ends in a line end, which of a variable is kept\n",
        "\ttabs, trailing blanks  ",
        "ünïcödé € 😀 \u0085 \u2028 \ufeff",
        "\x01\x1b\x7f",
        "x" * 5000,
    ],
)
def test_the_secret_arrives_exactly(lab: Lab, secret: str) -> None:
    done = send(lab, "--yes", secret=secret)
    assert done.code == 0, done.err
    assert delivered(lab) == secret


@pytest.mark.parametrize(
    ("content", "secret"), [(b"a\n", "a"), (b"a\r\n", "a"), (b" a\r\nb \n\n", " a\r\nb \n"), ("é".encode(), "é")]
)
def test_one_line_end_of_a_file_is_no_part_of_it(lab: Lab, tmp_path: Path, content: bytes, secret: str) -> None:
    path = tmp_path / "enrolment"
    path.write_bytes(content)
    lab.repo.edit(NODE, "env:LAB_ENROLMENT", f"file:{path}")
    lab.render()
    assert send(lab, "--yes").code == 0
    assert delivered(lab) == secret


def test_what_was_reviewed_is_sent_as_it_is_and_its_hash_is_shown(lab: Lab) -> None:
    before = reviewed(lab)
    done = send(lab, "--yes")
    assert f"{len(before)} bytes, sha256 {hashlib.sha256(before).hexdigest()}" in done.out
    assert f"  secrets    {TARGET} from env:LAB_ENROLMENT: a part of its own" in done.out
    sent = lab.machine.user_data or b""
    assert sent.startswith(before[: before.rindex(b"\n--gpuaas-")])
    assert len(parts(lab)) == 3
    assert reviewed(lab) == before


def test_a_dry_run_names_it_by_reference(lab: Lab) -> None:
    done = send(lab, "--dry-run")
    assert (done.code, lab.machine.user_data) == (3, None)
    assert f"{TARGET} from env:LAB_ENROLMENT" in done.out


def forms() -> tuple[str, ...]:
    """The secret, and how it stands in the user data."""
    return SECRET, base64.b64encode(SECRET.encode()).decode()


def test_the_secret_is_in_no_output_and_no_file(lab: Lab) -> None:
    env: dict[str, str | None] = {"LAB_ENROLMENT": SECRET, "LAB_MAAS_KEY": "a:b:c"}
    ran = [
        gen(*words, "--site", "lab", root=lab.repo.root, env=env)
        for words in (
            ("render", "--verbose"),
            ("validate", "--json"),
            ("show", "--node", "n1", "--json"),
            ("user-data", "--node", "n1", "--verbose"),
            ("user-data", "--node", "n1", "--part", "node"),
            ("explain", "--node", "n1", "--json"),
            ("explain", "node_agent.enrolment", "--node", "n1"),
            ("lint", "--format", "json", "--only", "secrets"),
        )
    ]
    ran += [lab.gen("doctor", "--json", env=env), send(lab, "--dry-run", "--verbose"), send(lab, "--yes", "--verbose")]
    assert [one.code for one in ran[-2:]] == [3, 0]
    files = b"".join(path.read_bytes() for path in lab.repo.root.rglob("*") if path.is_file())
    for text in forms():
        assert not [one for one in ran if text in one.both]
        assert text.encode() not in files
    assert delivered(lab) == SECRET


@pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.BAD_GATEWAY_AFTER, FaultKind.NOT_JSON])
def test_no_error_shows_it(lab: Lab, kind: FaultKind) -> None:
    lab.standin.faults.add(Fault(kind, "POST", "machines/"))
    done = send(lab, "--yes", "--verbose")
    assert done.code == 4
    assert lab.machine.user_data is not None
    assert not [text for text in forms() if text in done.both]


def test_a_refusal_that_repeats_it_is_masked(lab: Lab) -> None:
    answer = json_response({"user_data": [f"bad: {' and '.join(forms())}"]}, 400)
    with patch.object(lab.region.machines, "_deploy", return_value=answer):
        done = send(lab, "--yes")
    assert done.code == 4
    assert "user_data: bad: *** and ***" in done.err


@pytest.mark.parametrize("more", ["--yes", "--dry-run"])
def test_a_reference_that_leads_nowhere_is_exit_2_before_anything_is_sent(lab: Lab, more: str) -> None:
    writes = lab.standin.faults.writes
    done = send(lab, more, secret=None)
    assert (done.code, lab.standin.faults.writes) == (2, writes)
    assert "one problem" in done.err
    assert f"{NODE}:9:25: node_agent.enrolment: the environment variable LAB_ENROLMENT is not set" in done.err
    assert "export LAB_ENROLMENT=…" in done.err


def test_it_is_told_with_all_other_problems(lab: Lab) -> None:
    lab.machine.tags.clear()
    lab.machine.hardware_sync = True
    done = send(lab, "--yes", secret="")
    assert (done.code, lab.machine.user_data) == (2, None)
    assert "3 problems" in done.err, done.err
    assert "LAB_ENROLMENT is empty" in done.err
    assert send(lab, "--yes").code == 1  # the others alone


def test_bytes_that_are_no_text_are_refused(lab: Lab) -> None:
    done = send(lab, "--yes", secret=f"{SECRET}\udcff")
    assert (done.code, lab.machine.user_data) == (2, None)
    assert "LAB_ENROLMENT is no text in UTF-8" in done.err
    assert SECRET not in done.both


def test_user_data_that_it_makes_too_large(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "enrolment"
    path.write_text("x" * (MAX_USER_DATA * 3 // 4))
    lab.repo.edit(NODE, "env:LAB_ENROLMENT", f"file:{path}")
    lab.render()
    done = send(lab, "--yes")
    assert (done.code, lab.machine.user_data) == (2, None)
    assert "one problem" in done.err
    assert "with its secrets: the user data is 10" in done.err
    assert f"at most {MAX_USER_DATA}" in done.err


@pytest.mark.parametrize(("later", "code"), [("", 2), ("changed", 0)])
def test_it_is_resolved_when_it_is_sent(lab: Lab, later: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def agreed(_console: object, _question: str, *, yes: bool) -> bool:
        monkeypatch.setenv("LAB_ENROLMENT", later)
        return yes

    with patch("gpuaas_scripts.cli.console.Console.agreed", agreed):
        done = send(lab, "--yes")
    assert done.code == code
    if code:
        assert (lab.machine.user_data, lab.machine.status) == (None, Status.READY)
    else:
        assert delivered(lab) == later


@pytest.mark.parametrize("listed", [UNIT, INSTALLER, ""])
def test_only_a_profile_with_the_agent_gets_it(lab: Lab, listed: str) -> None:
    lab.repo.edit("site-configs/profiles/worker.yaml", f", {UNIT}", f", {UNIT}" if listed == UNIT else "")
    if listed == INSTALLER:
        lab.repo.edit("site-configs/profiles/worker.yaml", "[lab-hello, ", f"[lab-hello, {INSTALLER}, ")
    lab.render()
    if listed:
        assert send(lab, "--yes").code == 0
        assert delivered(lab) == SECRET
    else:
        done = send(lab, "--yes", secret=None)  # nobody needs it, nobody asks for it
        assert done.code == 0, done.err
        assert lab.machine.user_data == reviewed(lab)
        assert TARGET not in done.both


def test_an_agent_without_a_reference_is_a_warning(lab: Lab) -> None:
    lab.repo.edit(NODE, ENROLMENT, "")
    lab.render()
    done = send(lab, "--yes")
    assert done.code == 0
    assert f"warning: {NODE}: node_agent.enrolment is not set: {TARGET} is not delivered" in done.err
    assert lab.machine.user_data == reviewed(lab)


def test_a_reference_to_be_approved_keeps_it_from_being_sent(lab: Lab) -> None:
    lab.repo.edit(NODE, "'env:LAB_ENROLMENT'", "to-be-approved")
    lab.render()
    done = send(lab, "--yes")
    assert (done.code, lab.machine.user_data) == (1, None)
    assert f"one problem\n  withheld for want of node_agent.enrolment ({NODE}:9:25)" in done.err
    assert "warning" not in done.err


def test_user_data_says_what_is_not_shown(lab: Lab) -> None:
    def printed(*more: str) -> Ran:
        return gen("user-data", "--site", "lab", "--node", "n1", *more, root=lab.repo.root)

    done = printed()
    assert done.code == 0  # the reference is not resolved: LAB_ENROLMENT is not set
    assert f"without the secret {TARGET} from env:LAB_ENROLMENT" in done.err
    assert TARGET not in done.out
    assert printed("--part", "node").err == ""
    assert printed("--quiet").err == ""


@pytest.mark.parametrize(("secret", "status"), [(SECRET, "PASS"), (None, "FAIL")])
def test_doctor_tries_it(lab: Lab, secret: str | None, status: str) -> None:
    done = lab.gen("doctor", "--json", env={"LAB_ENROLMENT": secret})
    [tried] = [one for one in json.loads(done.out)["tried"] if one["subject"] == "env:LAB_ENROLMENT"]
    assert tried["status"] == status
    assert "node_agent.enrolment of n1" in tried["detail"]


def test_without_an_agent_deploy_says_nothing_of_secrets(tmp_path: Path) -> None:
    with Lab(tmp_path / "site") as made:
        ready(made)
        assert "secret" not in deploy(made, "--dry-run").both


def test_the_agent_s_templates_read_the_very_file() -> None:
    made = plan(load_site("lab", Path(__file__).parents[1] / "site"))
    texts = {one.artifact.name: one.content.decode() for one in render(made) if one.artifact.name in (UNIT, INSTALLER)}
    assert f"\nLoadCredential=enrolment:{TARGET}\n" in texts[UNIT]
    assert f"\nreadonly SECRET='{TARGET}'\n" in texts[INSTALLER]
    assert [file.target for file in secret_files(made, "lab-slice-1")] == [TARGET]
    assert secret_files(made, "lab-metal-1") == ()
