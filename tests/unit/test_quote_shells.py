"""Quoted values read back by those who read them: six shells, and systemd.

Each reads thousands of generated values from few files, and what it read is compared byte for byte.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gpuaas_scripts.renderers.quote import (
    posix,
    posix_assignment,
    systemd_environment,
    systemd_exec_argument,
    systemd_text,
)

pytestmark = pytest.mark.process

VALUES = 3000
PIECES = [
    "'", '"', "''", "'\\''", "\\", "\\\\", "\\'", "\\n", "\n", "\n\n", "\r", "\r\n", "\t", " ", "  ",
    "$(touch x)", "$((1+1))", "${#x}", "${x", "$x", "$", "$$", "$'a'", "`id`", "`", "#{", "#", " #",
    "{{", "}}", "{%", "%}", "%", "%%", "%s", "%n", "%h", "*", "?", "[a]", "~", "~/", "!", "!!",
    "&", "|", ";", "; ", "<", ">", "(", ")", "{a,b}", "-", "--", "-n", "-e", "=", ":", "@", "+",
    "EOF", "a", "Z", "0", "/dev/nvme0n1", "10.100.0.1/24",
    "é", "ü", "€", "日本", "😀", "\u00a0", "\u0085", "\u2028", "\ufeff", "\x01", "\x07", "\x1b[0m", "\x7f", "\x80",
]  # fmt: skip
HAND_PICKED = [
    "",
    *PIECES,
    "-n",
    "-",
    "a'b\"c",
    "x\n",
    "x\n\n\n",
    "\nx",
    "x\\",
    "\\\n",
    "'" * 50,
    "a" * 5000,
    "NAME='x'",
]

SHELLS = {
    "dash": (["dash"], "dash"),
    "bash-posix": (["bash", "--posix"], "bash"),
    "bash": (["bash"], "bash"),
    "busybox-ash": (["busybox", "ash"], "busybox"),
    "mksh": (["mksh"], "mksh"),
    "yash": (["yash"], "yash"),
}
REQUIRED = {"dash", "bash", "bash-posix"}


def generated_values(count: int, *, seed: int) -> list[str]:
    """The hand-picked values, then joined pieces and arbitrary characters, `count` in all; the same for a seed."""
    chance = random.Random(seed)  # noqa: S311 - test data
    values = list(HAND_PICKED)
    while len(values) < count:
        parts = [
            chance.choice(PIECES) if chance.random() < 0.8 else chr(chance.choice([*range(1, 0x250), 0x1F600, 0xE000]))
            for _ in range(chance.randint(1, 8))
        ]
        values.append("".join(parts))
    return values[:count]


def run_shell(name: str, script: Path, locale: str) -> list[str]:
    """What the script printed, split at its NULs."""
    command, package = SHELLS[name]
    if shutil.which(command[0]) is None and name not in REQUIRED:
        pytest.skip(f"{command[0]} is missing: install the package {package}")
    environment = {"PATH": os.environ["PATH"], "LC_ALL": locale}
    done = subprocess.run(
        [*command, script.name], cwd=script.parent, env=environment, capture_output=True, check=False, timeout=60
    )
    assert done.stderr == b""
    assert done.returncode == 0
    assert done.stdout.endswith(b"\0")
    return done.stdout.decode().split("\0")[:-1]


def show(count: int) -> str:
    """Shell that prints V0…, 100 to a command: where printf is a program of its own, that saves forks."""
    lines = []
    for start in range(0, count, 100):
        names = " ".join(f'"$V{number}"' for number in range(start, min(start + 100, count)))
        lines.append(f"printf '%s\\0' {names}\n")
    return "".join(lines)


# yash reads a script as characters of its locale, so it needs one that knows UTF-8; the others read bytes.
@pytest.mark.parametrize(
    ("shell", "locale"),
    [(shell, locale) for shell in SHELLS for locale in ("C", "C.UTF-8") if (shell, locale) != ("yash", "C")],
)
class TestShells:
    def test_readonly_settings(self, shell: str, locale: str, tmp_path: Path) -> None:
        values = generated_values(VALUES, seed=1)
        settings = "".join(f"readonly {posix_assignment(f'V{number}', value)}\n" for number, value in enumerate(values))
        script = tmp_path / "script"
        script.write_bytes(f"set -eu\n{settings}{show(len(values))}".encode())
        assert run_shell(shell, script, locale) == values

    def test_sourced_environment(self, shell: str, locale: str, tmp_path: Path) -> None:
        values = generated_values(VALUES, seed=2)
        (tmp_path / "node.env").write_bytes(
            "".join(posix_assignment(f"V{number}", value) + "\n" for number, value in enumerate(values)).encode()
        )
        script = tmp_path / "script"
        script.write_bytes(f"set -eu\n. ./node.env\n{show(len(values))}".encode())
        assert run_shell(shell, script, locale) == values

    def test_words_of_a_command(self, shell: str, locale: str, tmp_path: Path) -> None:
        values = generated_values(300, seed=3)
        script = tmp_path / "script"
        script.write_bytes(f"set -eu\nprintf '%s\\0' {' '.join(map(posix, values))}\n".encode())
        assert run_shell(shell, script, locale) == values


@dataclass(frozen=True)
class SystemdCase:
    """One unit, and what a process that systemd starts from it must see.

    Started once, the unit appends to its output file each argument and then each environment entry, all NUL-terminated.
    """

    unit: str
    description: str
    arguments: list[str]
    environment: dict[str, str]


def systemd_roundtrip_cases(output: str, *, count: int = VALUES, per_unit: int = 100) -> Iterator[SystemdCase]:
    """Units over `count` values in all, for a running systemd; `output` is the path all of them append to.

    Split the file at NUL: first `arguments`, then `NAME=value` entries that include `environment`.
    """
    values = generated_values(count, seed=4)
    for start in range(0, len(values), per_unit):
        arguments = values[start : start + per_unit]
        environment = {f"V{number}": value for number, value in enumerate(arguments)}
        description = f'Values from {start} on: 100% "it\'s" $HOME \\n; # ü %h'
        words = " ".join(systemd_exec_argument(value) for value in ["%s\\0", *arguments])
        assignments = "".join(
            f"Environment={systemd_environment(name, value)}\n" for name, value in environment.items()
        )
        unit = (
            f"[Unit]\nDescription={systemd_text(description)}\n"
            f"[Service]\nType=oneshot\nStandardOutput=append:{output}\n{assignments}"
            f"ExecStart=/usr/bin/printf {words}\nExecStart=/usr/bin/env -0\n"
        )
        yield SystemdCase(unit, description, arguments, environment)


def find_systemd() -> str:
    for path in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd"):
        if Path(path).exists():
            return path
    pytest.skip("systemd is missing: install the package systemd")


def systemd_test_dump(units: dict[str, str]) -> str:
    """What `systemd --test` says it read from these units. It loads them as a user's manager would and starts nothing.

    It refuses to run as root, so root becomes nobody.
    """
    systemd = find_systemd()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        folder.chmod(0o755)
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        (folder / "default.target").write_text(f"[Unit]\nWants={' '.join(units)}\n")
        for name, text in units.items():
            (folder / name).write_bytes(text.encode())
        become = []
        if os.geteuid() == 0:
            os.chown(runtime, 65534, 65534)
            become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": directory,
            "XDG_RUNTIME_DIR": str(runtime),
            "SYSTEMD_UNIT_PATH": directory,
        }
        command = [*become, systemd, "--test", "--user", "--unit=default.target"]
        done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


_SHORT = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def read_command_line(line: str) -> list[str]:
    """The words of a dumped command line: bare, or in double quotes with C escapes and those of a shell."""

    def unescape(match: re.Match[str]) -> str:
        escape = match[1]
        return chr(int(escape, 8)) if escape[0].isdigit() else _SHORT.get(escape, escape)

    words = re.findall(r'"((?:[^"\\]|\\.)*)"|([^ "]+)', line)
    return [bare or re.sub(r"\\([0-7]{3}|.)", unescape, quoted) for quoted, bare in words]


def test_systemd_reads_back_what_was_written() -> None:
    cases = {f"case{number}.service": case for number, case in enumerate(systemd_roundtrip_cases("/dev/null"))}
    dump = systemd_test_dump({name: case.unit for name, case in cases.items()})
    units = dict(re.findall(r"^\t-> Unit (case\d+\.service):\n(.*?)(?=^\t-> |^-> )", dump, re.M | re.S))
    assert units.keys() == cases.keys()
    for name, case in cases.items():
        text = units[name]
        assert f"\t\tDescription: {case.description}\n" in text
        lines = re.findall(r"^\t\t\tCommand Line: (.*)$", text, re.M)
        assert len(lines) == 2
        # Variables are replaced when the program is started, so a doubled $ is still doubled here.
        expected = ["/usr/bin/printf", "%s\\0", *(value.replace("$", "$$") for value in case.arguments)]
        assert read_command_line(lines[0]) == expected
        for variable, value in case.environment.items():
            assert f"\t\tEnvironment: {variable}={value}\n" in text


def test_systemd_dump_shows_what_goes_wrong_unquoted() -> None:
    """The other colour: values written without quoting do not come back."""
    service = "Type=oneshot\nEnvironment=A=b c\nExecStart=/usr/bin/printf a\\x41 %% b'c d'\n"
    unit = f"[Unit]\nDescription=%u\n[Service]\n{service}"
    dump = systemd_test_dump({"bad.service": unit})
    assert "Description: %u\n" not in dump
    assert "Environment: A=b\n" in dump
    assert read_command_line(re.findall(r"Command Line: (/usr/bin/printf .*)", dump)[0])[1:] == ["aA", "%", "bc d"]
