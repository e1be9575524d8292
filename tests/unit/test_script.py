"""Composed scripts: form, line map, and values read back by real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpuaas_scripts.renderers.quote import QuoteError
from gpuaas_scripts.renderers.script import HEAD, TAIL, assignments, compose, settings_block, shell_text
from gpuaas_scripts.templates import SourceText

BODY = SourceText("templates/scripts/x/body.sh", "# body\n\nmain() {\n  log_info hello\n}\n")
LOG = SourceText("templates/lib/log.sh", 'log_info() {\n  printf "%s\\n" "$1" >&2\n}\n')

NASTY = [
    "",
    " ",
    "'",
    "''",
    '"',
    "a'b\"c",
    "$(exit 3)",
    "`exit 3`",
    "${HOME}",
    "\\",
    "\\\\n",
    "line\nline",
    "\n",
    "\n\n",
    "trailing\n",
    "-n",
    "--",
    "#{",
    "{{ x }}",
    "{% x %}",
    "%s%d",
    "é\u20ac\U0001f600",
    "\r",
    "a\rb",
    "\t",
    "!x",
    "~",
    "*",
    "a=b",
    ";exit 0",
    "\x01\x7f",
]


def test_form_of_a_script() -> None:
    composed = compose("# banner\n", "# meta\n", {"A": "1"}, [LOG], BODY)
    assert composed.text.startswith(HEAD + "# banner\n# meta\nset -eu\n\nreadonly A='1'\n\nlog_info")
    assert composed.text.endswith(TAIL)
    assert HEAD.splitlines()[1] == "trap 'exit 70' EXIT"


def test_every_line_maps_to_its_source() -> None:
    part = SourceText("part.sh", "look() {\n  :\n}\n")
    composed = compose("# banner\n", "", {"A": "1\n2"}, [LOG], BODY, part)
    sources = {one.file: one.text.splitlines() for one in (LOG, BODY, part)}
    seen = []
    for number, line in enumerate(composed.text.splitlines(), 1):
        origin = composed.origin(number)
        if origin is not None:
            file, source_line = origin
            assert sources[file][source_line - 1] == line
            seen.append(origin)
    assert seen == [(file, number) for file in sources for number in range(1, len(sources[file]) + 1)]


def test_lines_that_composing_made_have_no_source() -> None:
    composed = compose("# banner\n", "", {"A": "1"}, [LOG], BODY)
    count = composed.text.count("\n")
    assert composed.origin(1) is None
    assert composed.origin(count) is None
    assert composed.origin(count + 10) is None


def test_shapes() -> None:
    assert shell_text(None) == ""
    assert shell_text(True) == "true"
    assert shell_text(False) == "false"
    assert shell_text(12) == "12"
    assert shell_text(("a", "b c")) == "a\nb c"
    assert shell_text((("a", "b"), ("c", "-"))) == "a|b\nc|-"


@pytest.mark.parametrize("value", [("a\nb",), (("a|b", "c"),), (("a\nb",),), "nul\0", "\udc80"])
def test_values_no_setting_can_hold_name_the_setting(value: object) -> None:
    with pytest.raises(QuoteError, match="NAME"):
        settings_block({"NAME": value})  # type: ignore[dict-item]


def _shells() -> list[list[str]]:
    found = [["dash"], ["bash"], ["bash", "--posix"]]
    found += [["busybox", "ash"]] if shutil.which("busybox") else []
    found += [[name] for name in ("mksh", "yash") if shutil.which(name)]
    return found


def _print_all(count: int) -> SourceText:
    lines = "".join(f"  printf '%s\\0' \"$V{index}\"\n" for index in range(count))
    return SourceText("body.sh", f"main() {{\n{lines}}}\n")


def _read_back(shell: list[str], script: Path, *arguments: str) -> list[bytes]:
    done = subprocess.run([*shell, str(script), *arguments], capture_output=True, timeout=60, check=True)
    return done.stdout.split(b"\0")[:-1]


@pytest.mark.process
@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",))), min_size=80, max_size=120)
)
def test_shells_read_back_exactly_what_was_set(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    values = {f"V{index}": text for index, text in enumerate([*NASTY, *texts])}
    folder = tmp_path_factory.mktemp("shells")
    script = folder / "script"
    script.write_text(compose("", "", values, [], _print_all(len(values))).text, newline="")
    env_file = folder / "node.env"
    env_file.write_text(assignments(values), newline="")
    sourcing = folder / "sourcing"
    body = _print_all(len(values)).text.replace("main() {\n", 'main() {\n  . "$1"\n')
    sourcing.write_text(compose("", "", {}, [], SourceText("body.sh", body)).text, newline="")
    expected = [text.encode() for text in values.values()]
    for shell in _shells():
        assert _read_back(shell, script) == expected, shell
        assert _read_back(shell, sourcing, str(env_file)) == expected, shell


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("which", ["maas/50-gpuaas-slice-firmware-preflight.sh", "gpuaas-slice-network-baseline"])
def test_a_script_cut_off_anywhere_fails(which: str) -> None:
    """Bytes after the second line, up to the last newline: a truncated script never exits 0.

    The first and the last thousand, and each eleventh between; every single one with GPUAAS_TEST_SHELLS=all.
    """
    root = Path(__file__).parents[2] / "generated" / "example"
    [path] = [file for file in root.rglob("*") if file.is_file() and str(file).endswith(which)]
    content = path.read_bytes()
    last = len(content) - 2  # without the final newline alone it is whole
    step = 1 if os.environ.get("GPUAAS_TEST_SHELLS") == "all" else 11
    first, end = len(HEAD) + 1000, last - 1000
    points = [*range(last, end, -1), *range(end, first, -step), *range(first, len(HEAD) - 1, -1)]
    middle = len(points) // 2
    with ThreadPoolExecutor(2) as pool:
        survivors = [*pool.map(lambda half: _exits_0(content, half), (points[:middle], points[middle:]))]
    assert survivors == [[], []], f"{path.name}, cut after that many bytes, exits 0"


def _exits_0(content: bytes, points: list[int]) -> list[int]:
    """The cut points, given from the last to the first, at which the script still exits 0. One file, cut shorter."""
    found = []
    with tempfile.NamedTemporaryFile(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as file:
        file.write(content)
        file.flush()
        nowhere = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
        dash = shutil.which("dash") or "dash"
        for length in points:
            os.truncate(file.name, length)
            process = os.posix_spawn(dash, [dash, file.name, "--help"], {"PATH": "/usr/bin:/bin"}, file_actions=nowhere)
            if os.waitpid(process, 0)[1] == 0:
                found.append(length)
    return found


@pytest.mark.process
def test_a_cut_script_without_the_trap_would_exit_0(tmp_path: Path) -> None:
    """The other colour of the test above: what the trap is for."""
    text = compose("", "", {}, [], BODY).text
    cut = text[: text.index("main()")].replace("trap 'exit 70' EXIT\n", "")
    script = tmp_path / "cut"
    script.write_text(cut)
    assert subprocess.run(["dash", str(script)], check=False).returncode == 0
    script.write_text(text[: text.index("main()")])
    assert subprocess.run(["dash", str(script)], check=False).returncode == 70
