"""The lab without containers: flags from facts, recipes, fixture hosts, and what bats may claim."""

from __future__ import annotations

import dataclasses
import re
import resource
import sys
import threading
import time
from pathlib import Path

import pytest

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab import container, image
from gpuaas_scripts.lab.bats import BatsFile, BatsResult, Outcome, Shell, discover, parse_tap
from gpuaas_scripts.lab.engine import (
    CAP_SYS_RESOURCE,
    Engine,
    EngineName,
    HostFacts,
    find_engine,
    flags,
    host_facts,
    missing,
)
from gpuaas_scripts.lab.hosts import load_host
from gpuaas_scripts.run import Completed, run

FULL = HostFacts(
    euid=0,
    capabilities=CAP_SYS_RESOURCE,
    nofile=(1024, 1048576),
    nproc=(1024, 96365),
    cgroup2=True,
    pid_max=32768,
    programs=frozenset({"podman", "docker", "crun", "runc", "mmdebstrap", "losetup"}),
)


class TestEngine:
    def test_a_machine_with_everything_needs_no_flags(self) -> None:
        assert flags(FULL, EngineName.PODMAN) == ((), ())

    def test_limits_are_given_when_they_cannot_be_raised(self) -> None:
        facts = dataclasses.replace(FULL, capabilities=~CAP_SYS_RESOURCE & 0xFFFFFFFF, nofile=(500, 20000))
        # podman lowers its own process limit to pid_max, and nothing may go above that.
        expected = ("--ulimit", "nofile=500:20000", "--ulimit", "nproc=1024:32768")
        assert flags(facts, EngineName.PODMAN) == ((), expected)

    def test_unlimited_limits_need_no_flag_but_processes_do(self) -> None:
        endless = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        facts = dataclasses.replace(FULL, capabilities=0, nofile=endless, nproc=endless)
        assert flags(facts, EngineName.PODMAN)[1] == ("--ulimit", "nproc=32768:32768")

    @pytest.mark.parametrize(
        ("cgroup2", "programs", "expected"),
        [
            (True, {"crun", "runc"}, ()),
            (True, {"crun"}, ()),
            (True, {"runc"}, ("--runtime", "runc")),
            (False, {"crun", "runc"}, ("--runtime", "runc")),
        ],
    )
    def test_the_runtime(self, cgroup2: bool, programs: set[str], expected: tuple[str, ...]) -> None:
        facts = dataclasses.replace(FULL, cgroup2=cgroup2, programs=frozenset(programs | {"podman"}))
        assert flags(facts, EngineName.PODMAN)[0] == expected
        assert flags(facts, EngineName.DOCKER)[0] == ()

    def test_nothing_is_missing_on_a_full_machine(self) -> None:
        assert missing(FULL, EngineName.PODMAN) == []
        assert missing(FULL, EngineName.DOCKER) == []

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"euid": 1000}, "not root"),
            ({"programs": frozenset({"runc", "losetup"})}, "podman is not installed"),
            ({"programs": frozenset({"podman", "runc"})}, "losetup is not installed"),
            ({"programs": frozenset({"podman", "losetup"})}, "neither crun nor runc"),
            ({"cgroup2": False, "programs": frozenset({"podman", "crun", "losetup"})}, "runc is not installed"),
        ],
    )
    def test_what_is_missing_is_told(self, change: dict[str, object], reason: str) -> None:
        facts = dataclasses.replace(FULL, **change)  # type: ignore[arg-type]
        assert [text for text in missing(facts, EngineName.PODMAN) if reason in text]
        with pytest.raises(GpuaasError, match=reason):
            find_engine(EngineName.PODMAN, facts)

    def test_the_first_usable_engine_is_taken(self) -> None:
        assert find_engine(None, FULL).name is EngineName.PODMAN
        only_docker = dataclasses.replace(FULL, programs=frozenset({"docker", "losetup"}))
        assert find_engine(None, only_docker).argv("ps") == ["docker", "ps"]

    def test_facts_are_read_from_this_machine(self) -> None:
        facts = host_facts(which=lambda name: "/bin/x" if name == "runc" else None)
        assert facts.programs == {"runc"}
        assert facts.nofile == resource.getrlimit(resource.RLIMIT_NOFILE)
        assert facts.pid_max > 1


class TestImage:
    def test_the_recipe_decides_about_the_tag(self, monkeypatch: pytest.MonkeyPatch) -> None:
        plain = image.recipe_hash()
        assert plain == image.recipe_hash()
        assert len(plain) == 12
        assert image.recipe_hash("ubuntu:24.04") != plain
        monkeypatch.setattr(image, "AVAILABLE", (*image.AVAILABLE, "more"))
        assert image.recipe_hash() != plain

    def test_what_a_test_installs_is_not_there_before(self) -> None:
        assert "dnsmasq" in image.AVAILABLE
        assert "dnsmasq" not in image.INSTALLED

    def test_the_mirror(self) -> None:
        targets = (
            "http://security.example/debian-security bookworm-security main\n"
            "http://mirror.example/debian/ bookworm contrib\n"
            "file:/srv/local bookworm main\n"
            "https://mirror.example/debian/ bookworm main\n"
        )
        assert image.pick_mirror(targets, "bookworm") == "https://mirror.example/debian"
        assert image.pick_mirror(targets, "noble") == image.DEFAULT_MIRROR
        assert (
            image.host_mirror({image.MIRROR_VARIABLE: "http://named.example/debian"}) == "http://named.example/debian"
        )

    def test_only_apt_options_that_reach_a_mirror_are_passed_on(self) -> None:
        dump = (
            'Acquire "";\nAcquire::http::Proxy "http://proxy.example:3142";\nAcquire::Check-Date "false";\n'
            'Acquire::Languages "none";\nAcquire::http::Proxy::host.example "DIRECT";\nAcquire::Retries "";\n'
        )
        assert image.apt_options(dump) == [
            '--aptopt=Acquire::http::Proxy "http://proxy.example:3142"',
            '--aptopt=Acquire::Check-Date "false"',
            '--aptopt=Acquire::http::Proxy::host.example "DIRECT"',
        ]

    def test_two_builds_at_once_are_one(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        built: list[str] = []

        def inspect(_self: Engine, *words: str, **_: object) -> Completed:
            return Completed(words, 0 if built else 1, "", "", 0)

        def build(_engine: Engine, tag: str, _mirror: str, _say: object) -> None:
            time.sleep(0.3)
            built.append(tag)

        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setattr(Engine, "call", inspect)
        monkeypatch.setattr(image, "_build_from_packages", build)
        said: list[str] = []
        engine = Engine(EngineName.PODMAN)
        threads = [
            threading.Thread(target=image.ensure, args=(engine,), kwargs={"mirror": "x", "progress": said.append})
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert built == [f"gpuaas-lab:{image.recipe_hash()}"]
        assert any("waiting for another process" in line for line in said)

    def test_the_cache_folder(self) -> None:
        assert image.cache_folder({"XDG_CACHE_HOME": "/x"}) == Path("/x/gpuaas-gen")
        assert image.cache_folder({}) == Path.home() / ".cache/gpuaas-gen"


class TestMinors:
    def test_minors_in_use_are_not_let_in(self, tmp_path: Path) -> None:
        for name in ("259:0", "259:2", "8:1", "7:5"):
            (tmp_path / name).mkdir()
        free = container.free_minors(tmp_path)
        assert free[:3] == [1, 3, 4]
        assert len(free) == len(set(free)) == 64

    def test_those_of_partitions_of_loop_devices_are(self, tmp_path: Path) -> None:
        devices, kernel = tmp_path / "devices", tmp_path / "virtual/block"
        devices.mkdir()
        for minor, disk in enumerate(("loop7/loop7p1", "nvme0n1/nvme0n1p1", "loop12/loop12p3")):
            (kernel / disk).mkdir(parents=True)
            (devices / f"259:{minor}").symlink_to(kernel / disk)
        assert container.free_minors(devices)[:3] == [0, 2, 3]


class TestHosts:
    def host(self, folder: Path, *files: str) -> Path:
        for name in files:
            path = folder / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x\n")
        return folder

    def test_what_is_replaced_merged_copied(self, tmp_path: Path) -> None:
        files = ("proc/cmdline", "sys/bus/pci/devices/a/vendor", "sys/devices/system/node/node0/x", "etc/fstab")
        folder = self.host(tmp_path, *files, "sys/devices/pci0000:16/a/vendor", "dev/disk/by-id/x", "sys/kernel/one")
        (folder / "mounts").write_text("# absent here\n/sys/module\n\n")
        (folder / "nodes").write_text("/dev/kvm c 10 232\n")
        (folder / "commands/racadm").mkdir(parents=True)
        assert load_host(folder).steps == (
            "dir /sys/module",
            "file /proc/cmdline",
            "dir /sys/bus/pci",
            "dir /sys/devices/pci0000:16",
            "file /sys/kernel/one",
            "dir /sys/devices/system/node",
            "volatile /dev",
            "copy /etc",
            "node /dev/kvm c 10 232",
            "command racadm",
        )

    def test_a_named_folder_is_replaced_once_and_as_a_whole(self, tmp_path: Path) -> None:
        folder = self.host(tmp_path, "sys/class/net/eth9/address")
        assert load_host(folder).steps == ("dir /sys/class/net/eth9",)
        (folder / "mounts").write_text("/sys/class/net\n")
        assert load_host(folder).steps == ("dir /sys/class/net",)

    def test_a_file_that_a_kernel_may_lack(self, tmp_path: Path) -> None:
        folder = self.host(tmp_path, "proc/modules")
        assert load_host(folder).steps == ("file /proc/modules",)
        (folder / "mounts").write_text("?/proc/modules\n")
        assert load_host(folder).steps == ("maybe /proc/modules",)

    @pytest.mark.parametrize("line", ["/etc/fstab", "sys/bus", "/sys", "/sys/../etc", "/proc/../etc/x"])
    def test_mounts_stay_in_the_kernels_folders(self, tmp_path: Path, line: str) -> None:
        folder = self.host(tmp_path, "etc/fstab")
        (folder / "mounts").write_text(f"{line}\n")
        with pytest.raises(GpuaasError, match="must be an absolute path below"):
            load_host(folder)

    @pytest.mark.parametrize("line", ["/dev/kvm", "/etc/x c 1 3", "/dev/x p 1 2", "/dev/x c 1 3; reboot"])
    def test_nodes_have_a_form(self, tmp_path: Path, line: str) -> None:
        folder = self.host(tmp_path, "etc/fstab")
        (folder / "nodes").write_text(f"{line}\n")
        with pytest.raises(GpuaasError, match="must be like"):
            load_host(folder)

    def test_what_cannot_be_mounted_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(GpuaasError, match="no fixture host"):
            load_host(tmp_path)
        with pytest.raises(GpuaasError, match="no blanks"):
            load_host(self.host(tmp_path / "a", "etc/a b"))
        with pytest.raises(GpuaasError, match="only folders"):
            load_host(self.host(tmp_path / "b", "file"))
        link = self.host(tmp_path / "c", "sys/class/net/eth0/x")
        (link / "root/sys/class/net/eth1").symlink_to("eth0")
        with pytest.raises(GpuaasError, match="name its folder /sys/class/net in mounts"):
            load_host(link)

    def test_a_host_on_top_of_another(self, tmp_path: Path) -> None:
        base = self.host(tmp_path / "base-host", "etc/fstab", "sys/block/a/size", "sys/block/b/size", "dev/disk/x")
        (base / "mounts").write_text("/sys/block\n")
        (base / "root/dev/disk/y").symlink_to("x")
        folder = self.host(tmp_path / "other", "sys/block/a/size", "proc/cmdline")
        (folder / "root/sys/block/a/size").write_text("7\n")
        (folder / "root/dev/disk").mkdir(parents=True)
        (folder / "root/dev/disk/y").symlink_to("z")
        (folder / "base").write_text("# why\nbase-host\n- root/sys/block/b\n- root/dev/disk/x\n")
        host = load_host(folder)
        assert host.name == "other"
        assert host.steps == ("dir /sys/block", "file /proc/cmdline", "volatile /dev", "copy /etc")
        found = sorted(str(path.relative_to(host.folder)) for path in host.folder.rglob("*") if not path.is_dir())
        assert found == ["mounts", "root/dev/disk/y", "root/etc/fstab", "root/proc/cmdline", "root/sys/block/a/size"]
        assert (host.folder / "root/sys/block/a/size").read_text() == "7\n"
        assert (host.folder / "root/dev/disk/y").readlink() == Path("z")
        assert (base / "root/dev/disk/x").exists()
        (self.host(tmp_path / "top", "etc/x") / "base").write_text("other\n- root/etc/fstab\n")
        assert load_host(tmp_path / "top").steps == host.steps
        whole = host.folder
        del host
        assert not whole.exists()

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "must begin with the name of another fixture host"),
            ("none\n", "must begin with the name of another fixture host"),
            ("other\n", "must begin with the name of another fixture host"),
            ("third\n", "that does not stand on it"),
            ("base-host\n- root/etc/none\n", "- root/etc/none: must be '- ' and a path that base-host has"),
            ("base-host\nroot/etc/fstab\n", "must be '- '"),
            ("base-host\n- ../keep/file\n", "must be '- '"),
            ("base-host\n- {tmp}/keep/file\n", "must be '- '"),
            ("base-host\n- root/outside/file\n", "must be '- '"),
            ("base-host\n- .\n", "must be '- '"),
            ("base-host\n", "base-host has root/sys/a in another kind: add '- root/sys/a'"),
        ],
    )
    def test_a_base_that_does_not_fit(self, tmp_path: Path, text: str, message: str) -> None:
        base = self.host(tmp_path / "base-host", "etc/fstab", "sys/a/b")
        (tmp_path / "keep").mkdir()
        (tmp_path / "keep/file").write_text("x\n")
        (base / "root/outside").symlink_to(tmp_path / "keep")
        (self.host(tmp_path / "third", "etc/x") / "base").write_text("other\n")
        folder = self.host(tmp_path / "other", "sys/a")
        (folder / "base").write_text(text.format(tmp=tmp_path))
        with pytest.raises(GpuaasError, match=re.escape(message)):
            load_host(folder)
        assert (tmp_path / "keep/file").exists()

    def test_all_fixture_hosts_of_the_tree_load(self) -> None:
        folders = [entry for entry in (Path(__file__).parents[1] / "hosts").iterdir() if entry.is_dir()]
        assert folders
        for folder in folders:
            assert load_host(folder).steps


def tap(stdout: str, status: int = 0, stderr: str = "") -> Completed:
    return Completed(("bats",), status, stdout, stderr, 0.1)


def judged(done: Completed) -> BatsResult:
    return BatsResult(Shell.DASH, *parse_tap(done))


class TestTap:
    def test_all_passed(self) -> None:
        result = judged(tap("1..2\nok 1 one\nok 2 two\n"))
        assert result.passed
        assert "2 tests passed" in result.report()

    def test_a_skip_beside_a_pass(self) -> None:
        result = judged(tap("1..2\nok 1 one # skip no card\nok 2 two\n"))
        assert result.passed
        assert (result.tests[0].name, result.tests[0].outcome, result.tests[0].detail) == (
            "one",
            Outcome.SKIPPED,
            "no card",
        )

    def test_times_are_no_part_of_names(self) -> None:
        said = "1..3\nok 1 one in 12ms\nok 2 two in 7ms # skip not here\nnot ok 3 in 5 in 1500ms\n# why\n"
        tests = judged(tap(said, 1)).tests
        assert [(test.name, test.seconds) for test in tests] == [("one", 0.012), ("two", 0.007), ("in 5", 1.5)]
        assert [test.detail for test in tests] == ["", "not here", "why"]

    def test_a_failure_keeps_its_words(self) -> None:
        result = judged(tap("1..2\nnot ok 1 one\n# (in test file x.bats, line 3)\n#   `false' failed\nok 2 two\n", 1))
        assert not result.passed
        assert result.problem == ""
        assert "x.bats, line 3" in result.report()
        assert result.tests[1].detail == ""

    @pytest.mark.parametrize(
        ("done", "problem"),
        [
            (tap(""), "no plan"),
            (tap("", 1, "bats: command not found"), "bats: command not found"),
            (tap("1..0\n"), "no tests were run"),
            (tap("1..2\n"), "no tests were run"),
            (tap("1..3\nok 1 a\nok 2 b\n"), "3 tests were planned"),
            (tap("1..2\nok 1 a\nok 1 a\n"), "2 tests were planned"),
            (tap("1..1\nok 1 a\nok 2 b\n"), "1 tests were planned"),
            (tap("1..1\nok 1 a\n1..1\n"), "no tests were run"),
            (tap("ok 1 a\n"), "no plan"),
            (tap("1..1\nok 1 a\n", 1), "exit status 1"),
            (tap("1..1\nnot ok 1 a\n", 0), "exit status 0"),
            (tap("1..1\nok 1 a # skip\n"), "all tests were skipped"),
        ],
    )
    def test_what_cannot_be_believed_has_not_passed(self, done: Completed, problem: str) -> None:
        result = judged(done)
        assert not result.passed
        assert problem in result.report()


def test_discover_finds_files_and_what_they_are_about(tmp_path: Path) -> None:
    (tmp_path / "parity").mkdir()
    (tmp_path / "parity/nat.bats").write_text("# text\n# host: j1\n# script: parity\n# site: other\n")
    (tmp_path / "both.bats").write_text("# script: parity\n# script: apply\n")
    (tmp_path / "plain.bats").write_text("no host: x\n")
    nat = BatsFile("parity/nat.bats", "j1", "other", ("parity",))
    both = BatsFile("both.bats", scripts=("parity", "apply"))
    assert discover(tmp_path) == [both, nat, BatsFile("plain.bats")]
    assert discover(tmp_path, "parity") == [both, nat]
    assert discover(tmp_path, "par") == []


@pytest.mark.process
@pytest.mark.parametrize(("required", "status"), [("0", 0), ("1", 1)])
def test_missing_containers_skip_unless_they_are_required(required: str, status: int) -> None:
    tests = Path(__file__).parents[1] / "containers/test_real_parts.py"
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "loop", str(tests)]
    env = {"PATH": "/nonexistent", "HOME": "/", "GPUAAS_REQUIRE_CONTAINERS": required}
    done = run(argv, timeout=60, env=env, cwd=tests.parents[2], check=False)
    assert done.returncode == status
    assert "podman is not installed" in done.stdout
    assert ("1 skipped" if status == 0 else "1 error") in done.stdout
