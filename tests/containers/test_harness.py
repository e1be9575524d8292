"""The harness itself: what it calls passed is passed, what it promises of a container is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.bats import BatsResult, Outcome, Shell, bats_mounts, run_bats
from gpuaas_scripts.lab.container import Container, remove_leftovers
from gpuaas_scripts.lab.engine import Engine
from gpuaas_scripts.lab.hosts import load_host
from gpuaas_scripts.lab.image import ImageRef, ensure

HERE = Path(__file__).parent

Boot = Callable[..., AbstractContextManager[Container]]

pytestmark = pytest.mark.container


def containers(engine: Engine) -> list[str]:
    return engine.call("ps", "-a", "--format", "{{.Names}}").stdout.split()


def loops_on(name: str) -> list[str]:
    """Loop devices of this machine whose backing file has that name."""
    done = subprocess.run(["losetup", "--list", "--json"], capture_output=True, text=True, check=True)
    listed = json.loads(done.stdout or '{"loopdevices": []}')["loopdevices"]
    return [loop["name"] for loop in listed if name in loop["back-file"]]


class TestBoot:
    def test_systemd_is_pid_1_and_everything_started(self, machine: Container) -> None:
        assert machine.read("/proc/1/comm") == "systemd\n"
        assert machine.exec(["systemctl", "is-system-running"]).stdout == "running\n"
        assert machine.failed_units == ()

    def test_failed_units_are_told(self, lab: Boot, tmp_path: Path) -> None:
        host = tmp_path / "host"
        wants = host / "root/etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True)
        (wants.parent / "broken.service").write_text("[Service]\nType=oneshot\nExecStart=/bin/false\n")
        (wants / "broken.service").symlink_to("../broken.service")
        with pytest.raises(GpuaasError, match=r"these units failed: broken\.service"), lab(host=load_host(host)):
            pass
        with lab(host=load_host(host), allow_degraded=True) as container:
            assert container.failed_units == ("broken.service",)

    def test_a_container_that_cannot_boot_is_an_error_with_its_output(self, lab: Boot, tmp_path: Path) -> None:
        (tmp_path / "root/proc").mkdir(parents=True)
        (tmp_path / "root/proc/no-such-file").write_text("x\n")
        with pytest.raises(GpuaasError, match="this kernel has no /proc/no-such-file"), lab(host=load_host(tmp_path)):
            pass
        (tmp_path / "mounts").write_text("?/proc/no-such-file\n")
        with lab(host=load_host(tmp_path)) as container:
            assert container.read("/run/gpuaas-lab/missing") == "/proc/no-such-file\n"

    def test_restart_keeps_the_disk_and_nothing_else(self, lab: Boot) -> None:
        with lab() as container:
            boot_id = container.read("/proc/sys/kernel/random/boot_id")
            container.write("/etc/kept", "kept\n")
            container.write("/run/lost", "lost\n")
            container.restart()
            assert container.read("/etc/kept") == "kept\n"
            assert container.exec(["test", "-e", "/run/lost"], check=False).returncode == 1
            assert container.read("/proc/sys/kernel/random/boot_id") != boot_id

    def test_a_reboot_from_inside_boots_again(self, lab: Boot) -> None:
        with lab() as container:
            container.write("/etc/kept", "kept\n")
            container.exec(["systemctl", "reboot"], check=False)
            container.await_reboot()
            assert container.read("/etc/kept") == "kept\n"
            container.exec(["systemctl", "poweroff"], check=False)
            with pytest.raises(GpuaasError, match="without a reboot"):
                container.await_reboot()


class TestLoops:
    """The kernel shares loop devices and the minors of their partitions among all containers."""

    ATTACH = (
        "truncate -s 4M /root/disk; disk=$(losetup --find --show --partscan /root/disk); "
        "printf 'label: dos\\nstart=2048\\n' | sfdisk --quiet --no-reread $disk; partx --update $disk; "
        "printf %s ${disk##*/}"
    )

    def say(self, container: Container, disk: str, text: str) -> str:
        """Write to the disk's partition, through a node of its number; returns what the file behind it then holds."""
        node = f"rm -f /dev/{disk}p1; mknod /dev/{disk}p1 b $(tr : ' ' </sys/class/block/{disk}p1/dev)"
        container.sh(f"{node}; printf '{text}' | dd of=/dev/{disk}p1 conv=notrunc,fsync status=none")
        return container.sh(f"tail -c +1048577 /root/disk | head -c {len(text)}").stdout

    def test_two_containers_use_disks_with_partitions_at_once(self, lab: Boot) -> None:
        with lab() as one:
            first = one.sh(self.ATTACH).stdout
            with lab() as two:
                second = two.sh(self.ATTACH).stdout
                assert first != second
                assert self.say(one, first, "one") == "one"
                assert self.say(two, second, "two") == "two"
                # now the second gets the minor that was the first's when the second container was made
                one.sh(f"partx --delete /dev/{first}")
                two.sh(f"partx --delete /dev/{second}; partx --add /dev/{second}")
                assert self.say(two, second, "again") == "again"
                one.sh(f"partx --add /dev/{first}")
                assert self.say(one, first, "one again") == "one again"


class TestEnd:
    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
    def test_it_is_removed_with_its_loop_devices(self, lab: Boot, engine: Engine, error: type[BaseException]) -> None:
        name = f"left-{os.urandom(4).hex()}"
        with pytest.raises(error), lab() as container:  # noqa: PT012
            container.sh(f"truncate -s 8M /root/{name} && losetup -f /root/{name} && mkfs.ext4 -q /root/{name}")
            container.sh(f"mount -o loop /root/{name} /mnt; losetup -f /root/{name}")
            assert len(loops_on(name)) == 2
            raise error
        assert container.name not in containers(engine)
        assert loops_on(name) == []

    def test_what_a_killed_run_left_is_removed_and_a_living_one_is_not(self, lab: Boot, engine: Engine) -> None:
        name = f"killed-{os.urandom(4).hex()}"
        code = (
            "import sys, time\n"
            "from gpuaas_scripts.lab.engine import find_engine\n"
            "from gpuaas_scripts.lab.image import ensure\n"
            "from gpuaas_scripts.lab.container import boot\n"
            "engine = find_engine()\n"
            "with boot(engine, ensure(engine), name='killed') as c:\n"
            f"    c.sh('truncate -s 8M /root/{name} && losetup -f /root/{name}')\n"
            "    print(c.name, flush=True)\n"
            "    time.sleep(60)\n"
        )
        run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert run.stdout is not None
        left = run.stdout.readline().strip()
        run.send_signal(signal.SIGKILL)
        run.wait()
        run.stdout.close()
        assert left in containers(engine)
        assert len(loops_on(name)) == 1
        with lab() as living:
            assert left not in remove_leftovers(engine)  # boot() has done it
            assert left not in containers(engine)
            assert living.name in containers(engine)
        assert loops_on(name) == []

    def test_the_image_is_built_once(self, engine: Engine, image: ImageRef) -> None:
        started = time.monotonic()
        again = ensure(engine, base=None if image.base == "trixie" else image.base)
        assert again.tag == image.tag
        assert again.build_seconds == 0
        assert time.monotonic() - started < 5


@pytest.fixture(scope="module")
def bench(lab: Boot) -> Iterator[Container]:
    with lab(mounts=bats_mounts(HERE / "harness"), name="bats") as container:
        yield container


class TestBats:
    def run(self, bench: Container, file: str, *, only: str = "", timeout: float = 30) -> BatsResult:
        [result] = run_bats(bench, [file], shells=[Shell.DASH], only=only, timeout=timeout)
        return result

    def test_passes(self, bench: Container) -> None:
        result = self.run(bench, "passes.bats")
        assert result.passed
        assert [(test.name, test.outcome) for test in result.tests] == [("passes", Outcome.PASSED)]

    def test_a_broken_test_is_told_with_its_place(self, bench: Container) -> None:
        result = self.run(bench, "broken.bats")
        assert not result.passed
        assert [test.outcome for test in result.tests] == [Outcome.PASSED, Outcome.FAILED]
        assert "broken.bats, line 6" in result.report()

    @pytest.mark.parametrize(
        ("file", "problem"),
        [
            ("empty.bats", "no tests were run"),
            ("unparsable.bats", "syntax error"),
            ("skipped.bats", "all tests were skipped"),
            ("dies.bats", ""),
            ("absent.bats", ""),
        ],
    )
    def test_a_run_that_shows_nothing_has_not_passed(self, bench: Container, file: str, problem: str) -> None:
        result = self.run(bench, file)
        assert not result.passed
        assert problem in result.report()

    def test_a_filter_that_fits_nothing_has_not_passed(self, bench: Container) -> None:
        assert not self.run(bench, "passes.bats", only="no such test").passed

    def test_a_run_without_end_has_not_passed(self, bench: Container) -> None:
        result = self.run(bench, "hangs.bats", timeout=3)
        assert not result.passed
        assert "no end after 3 s" in result.report()
