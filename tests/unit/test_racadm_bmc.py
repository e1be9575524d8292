"""The RACADM backend against the stand-in `racadm`: reading, staging, jobs, resets, and every way to fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from racadm_support import PASSWORD, backend, racadm, use

from gpuaas_scripts.bios.messages import Meaning
from gpuaas_scripts.bios.plan import Block, Verdict
from gpuaas_scripts.bios.planning import make_plan
from gpuaas_scripts.bios.state import Outcome
from gpuaas_scripts.lab.idrac_attributes import PLANTED
from gpuaas_scripts.sinks import racadm as module
from gpuaas_scripts.sinks.bmc import Answer, Bmc, BmcError, Fate, Reading, Reset, Tls, Trouble
from gpuaas_scripts.sinks.racadm import RacadmBmc
from gpuaas_scripts.sinks.racadm_call import Reach

if TYPE_CHECKING:
    from pathlib import Path

    from gpuaas_scripts.bios.plan import Plan
    from gpuaas_scripts.lab.racadm import Racadm

__all__ = ["racadm"]

pytestmark = pytest.mark.process

WANTED = {"vt": "Enabled", "smt": "Enabled", "SriovGlobalEnable": "Enabled"}


def read(*asked: str, bmc: RacadmBmc | None = None) -> Reading:
    return use(bmc or backend(), lambda opened: opened.read(asked or tuple(WANTED)))


def plan(**wanted: str) -> Plan:
    desired = wanted or WANTED
    reading = read(*desired)
    return make_plan("n1", desired, reading.registry, reading.state)


def write(**values: str) -> Answer:
    async def work(bmc: RacadmBmc) -> Answer:
        await bmc.read(tuple(values))
        return await bmc.stage(values, None, "")

    return use(backend(), work)


def test_it_is_a_backend() -> None:
    bmc: Bmc = backend()
    assert bmc.target.node == "n1"


@pytest.mark.parametrize("reach", list(Reach))
def test_a_plan_from_what_racadm_prints(racadm: Racadm, reach: Reach) -> None:
    reading = read(bmc=backend(reach))
    made = make_plan("n1", WANTED, reading.registry, reading.state)
    assert {item.asked: (item.name, item.current, item.verdict) for item in made.items} == {
        "vt": ("ProcVirtualization", "Disabled", Verdict.CHANGE),
        "smt": ("LogicalProc", "Disabled", Verdict.CHANGE),
        "SriovGlobalEnable": ("SriovGlobalEnable", "Disabled", Verdict.CHANGE),
    }
    assert (made.model, made.vendor, made.lockdown, made.jobs) == ("stand-in", "dell", False, ())
    assert racadm.read()["made"] == 0


def test_values_that_nobody_asked_for_are_not_kept(racadm: Racadm) -> None:
    reading = read()
    assert set(reading.state.current) == {"ProcVirtualization", "LogicalProc", "SriovGlobalEnable"}
    assert PLANTED not in repr(reading) + str(dict(reading.state.current))
    assert len(reading.state.present) > 50


@pytest.mark.parametrize(
    ("wanted", "block", "text"),
    [
        ({"ProcTurboMode": "Disabled"}, Block.READ_ONLY, "read-only"),
        ({"ProcVirtualization": "Perhaps"}, Block.BAD_VALUE, "must be one of Enabled, Disabled"),
        ({"ProcVirtualisation": "Enabled"}, Block.UNKNOWN, "ProcVirtualization"),
        ({"SetupPassword": "x"}, Block.SECRET, "by hand"),
        ({"SHA256SetupPassword": "x"}, Block.SECRET, "by hand"),
    ],
)
def test_what_is_blocked(racadm: Racadm, wanted: dict[str, str], block: Block, text: str) -> None:
    (item,) = plan(**wanted).items
    assert item.block is block
    assert text in item.unblock


def test_lockdown_and_staged_values_of_others(racadm: Racadm) -> None:
    write(NodeInterleave="Enabled")
    made = plan()
    assert made.others_pending == ("NodeInterleave",)
    racadm.change(lockdown=True)
    state = racadm.read()
    state["groups"]["Lockdown"]["SystemLockdown"]["value"] = "Enabled"
    racadm.change(groups=state["groups"])
    assert {item.block for item in plan().items} == {Block.LOCKDOWN}


def test_a_group_that_the_host_lacks_is_left_out(racadm: Racadm) -> None:
    groups = racadm.read()["groups"]
    del groups["NvmeSettings"], groups["SataSettings"]
    racadm.change(groups=groups)
    assert plan().changes


def test_the_whole_way_of_a_change(racadm: Racadm) -> None:
    async def work(bmc: RacadmBmc) -> list[Outcome]:
        await bmc.read(tuple(WANTED))
        changes = {"ProcVirtualization": "Enabled", "LogicalProc": "Enabled"}
        assert (await bmc.stage(changes, None, "")).fate is Fate.DONE
        made = await bmc.create_job()
        assert made.fate is Fate.DONE
        assert (await bmc.reset(Reset.FORCE)).fate is Fate.DONE
        outcomes = []
        for _ in range(3):
            job = await bmc.job(made.job)
            assert job is not None
            outcomes.append(job.outcome)
        assert [job.id for job in await bmc.jobs()] == [made.job]
        assert await bmc.job("JID_1") is None
        return outcomes

    assert use(backend(), work) == [Outcome.WAITING, Outcome.RUNNING, Outcome.SUCCESS]
    assert plan(vt="Enabled", smt="Enabled").items[0].verdict is Verdict.OK
    assert racadm.read()["made"] == 1


def test_a_dependent_value_is_set_after_what_it_stands_on(racadm: Racadm, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in frees ProcTurboMode once SysProfile is staged."""
    text = racadm.program.read_text()
    rule = '    if entry.get("read_only"):\n'
    assert rule in text
    free = (
        '    if entry.get("read_only") and '
        'state["groups"]["SysProfileSettings"]["SysProfile"].get("pending") != "Custom":\n'
    )
    racadm.program.write_text(text.replace(rule, free))
    assert write(ProcTurboMode="Disabled", SysProfile="Custom").fate is Fate.DONE
    calls = [words[1].rsplit(".", 1)[-1] for words in racadm.read()["calls"] if words[0] == "set"]
    assert calls == ["ProcTurboMode", "SysProfile", "ProcTurboMode"]


@pytest.mark.parametrize(
    ("values", "meaning", "staged"),
    [
        ({"ProcVirtualization": "Perhaps"}, Meaning.BAD_VALUE, ""),
        ({"LogicalProc": "Enabled", "ProcTurboMode": "Disabled"}, Meaning.READ_ONLY, "staged before it: LogicalProc"),
    ],
)
@pytest.mark.parametrize("status", [0, 1])
def test_a_refusal_is_one_whatever_the_exit_status(
    racadm: Racadm, values: dict[str, str], meaning: Meaning, staged: str, status: int
) -> None:
    racadm.change(refusal_status=status)
    answer = write(**values)
    assert (answer.fate, answer.judged.meaning) == (Fate.REFUSED, meaning)
    assert staged in str(answer.error())
    assert "n1 (BMC 192.0.2.1)" in str(answer.error())


def test_success_needs_the_exit_status_too(racadm: Racadm) -> None:
    racadm.change(success_status=1)
    with pytest.raises(BmcError, match=r"get BIOS\.SysInformation"):
        read()

    async def work(bmc: RacadmBmc) -> Answer:
        return await bmc.clear_pending()

    assert use(backend(), work).fate is not Fate.DONE


@pytest.mark.parametrize("write", ["create_job", "clear_pending", "reset", "delete_job", "stage"])
def test_an_unknown_text_is_never_a_success(racadm: Racadm, write: str) -> None:
    async def work(bmc: RacadmBmc) -> Answer:
        await bmc.read(("vt",))
        racadm.change(fault="garbage")
        words = {
            "reset": (Reset.FORCE,),
            "delete_job": ("JID_700000000001",),
            "stage": ({"ProcVirtualization": "Enabled"}, None, ""),
        }
        answer: Answer = await getattr(bmc, write)(*words.get(write, ()))
        return answer

    answer = use(backend(), work)
    assert answer.fate is Fate.LOST
    assert "Segmentation fault" in str(answer.error())


@pytest.mark.parametrize(
    ("fault", "trouble", "hint"),
    [
        ("garbage", Trouble.UNKNOWN, ""),
        ("library", Trouble.TOOL, "libssl.so"),
        ("login", Trouble.LOGIN, ""),
        ("unreachable", Trouble.UNREACHABLE, ""),
        ("no-local", Trouble.TOOL, "remote racadm"),
    ],
)
@pytest.mark.parametrize("writing", [False, True])
def test_what_is_wrong_is_said(racadm: Racadm, fault: str, trouble: Trouble, hint: str, writing: bool) -> None:
    racadm.change(fault=fault)

    async def work(bmc: RacadmBmc) -> object:
        return await (bmc.clear_pending() if writing else bmc.read(("vt",)))

    if fault == "garbage" and writing:
        return
    with pytest.raises(BmcError) as raised:
        use(backend(Reach.REMOTE), work)
    assert raised.value.trouble is trouble
    assert hint in raised.value.hint
    assert raised.value.exit_code == 4
    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize("fault", ["hang"])
def test_a_write_without_an_answer_is_lost(racadm: Racadm, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WRITE_S", 1.0)
    racadm.change(fault=fault)

    async def work(bmc: RacadmBmc) -> Answer:
        return await bmc.clear_pending()

    answer = use(backend(), work)
    assert answer.fate is Fate.LOST
    assert "no end after 1 s" in str(answer.error())


def test_without_racadm_nothing_was_sent(racadm: Racadm) -> None:
    async def work(bmc: RacadmBmc) -> Answer:
        return await bmc.clear_pending()

    with pytest.raises(BmcError, match="cannot start") as raised:
        use(backend(program="racadm-is-not-here"), work)
    assert raised.value.trouble is Trouble.TOOL


def test_a_certificate_that_is_not_trusted(racadm: Racadm) -> None:
    racadm.change(trusted=False)
    with pytest.raises(BmcError, match="certificate is not trusted") as raised:
        read(bmc=backend(Reach.REMOTE))
    assert raised.value.trouble is Trouble.TLS
    assert all("-S" in words for words in racadm.read()["calls"])
    assert read(bmc=backend(Reach.REMOTE, Tls(insecure=True))).state.current
    assert read(bmc=backend(Reach.LOCAL)).state.current  # no certificate takes part


@pytest.mark.parametrize("pinned", [True, False])
def test_a_pin_or_a_ca_file_is_refused_and_never_ignored(racadm: Racadm, tmp_path: Path, pinned: bool) -> None:
    tls = Tls(fingerprint="ab" * 32) if pinned else Tls(ca_file=tmp_path / "ca.pem")
    with pytest.raises(BmcError, match="cannot check"):
        read(bmc=backend(Reach.REMOTE, tls))
    assert racadm.read()["calls"] == []
    assert read(bmc=backend(Reach.SSH, tls)).state.current


def test_only_one_job_is_ever_deleted(racadm: Racadm) -> None:
    async def work(bmc: RacadmBmc) -> Answer:
        await bmc.read(("vt",))
        for wrong in ("JID_CLEARALL", "JID_CLEARALL_FORCE", "--all", ""):
            with pytest.raises(BmcError):
                await bmc.delete_job(wrong)
        await bmc.stage({"ProcVirtualization": "Enabled"}, None, "")
        made = await bmc.create_job()
        return await bmc.delete_job(made.job)

    assert use(backend(), work).fate is Fate.DONE
    assert racadm.read()["jobs"] == {}


def test_power(racadm: Racadm) -> None:
    async def work(bmc: RacadmBmc) -> tuple[bool | None, frozenset[Reset]]:
        host = await bmc.host()
        return host.on, host.resets

    assert use(backend(), work)[0] is True
    racadm.change(power="OFF")
    on, resets = use(backend(), work)
    assert on is False
    assert Reset.RESTART not in resets
    with pytest.raises(BmcError, match="no graceful restart"):
        use(backend(), lambda bmc: bmc.reset(Reset.RESTART))


def test_a_value_that_looks_like_an_option_is_not_sent(racadm: Racadm) -> None:
    with pytest.raises(BmcError, match="cannot be given this value of SetBootOrderEn"):
        write(SetBootOrderEn="--all")
    assert not [words for words in racadm.read()["calls"] if words[0] == "set"]


def test_without_help_the_firmware_judges(racadm: Racadm) -> None:
    text = racadm.program.read_text()
    assert '    "help": help_,\n' in text
    racadm.program.write_text(text.replace('    "help": help_,\n', ""))
    (item,) = plan(vt="Enabled").items
    assert (item.current, item.verdict) == ("Disabled", Verdict.CHANGE)
    assert write(ProcVirtualization="Perhaps").judged.meaning is Meaning.BAD_VALUE
