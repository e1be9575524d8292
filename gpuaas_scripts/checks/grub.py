"""grub.d files: sourced as grub-mkconfig does, and seen to append to the kernel's command line only.

A file is shell that runs as root at every update-grub. It is sourced here in dash with `set -e`, with and without
earlier values, and with the few harmless commands that such files use replaced by functions that succeed, then
fail. A file whose syntax tree holds anything else is not run: it is told.
Facts: grub-mkconfig of GRUB 2.12 (`set -e`, `/etc/default/grub`, then `/etc/default/grub.d/*.cfg`).
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Severity
from ..renderers.quote import posix
from ..run import run
from .base import Skip, TextKind
from .shell_facts import facts
from .shell_texts import identity
from .shell_uses import uses_of
from .tools import remembered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import Finding
    from .base import Text, Tree

NAME = "grub"
_BUILTINS = {
    *(
        ":",
        "[",
        "break",
        "case",
        "continue",
        "echo",
        "export",
        "false",
        "local",
        "printf",
        "read",
        "readonly",
        "return",
    ),
    *("set", "shift", "test", "true", "unset", "command"),
}
_STUBBED = {
    *(
        "awk",
        "basename",
        "cat",
        "cut",
        "dirname",
        "dmidecode",
        "expr",
        "find",
        "findmnt",
        "grep",
        "head",
        "ls",
        "lscpu",
    ),
    *("lspci", "lsblk", "nproc", "readlink", "realpath", "sed", "sort", "stat", "systemd-detect-virt", "tail", "tr"),
    *("lsb_release", "uname", "uniq", "wc", "which", "id", "hostname", "getconf", "free"),
}
_LINES = ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT")
_EARLIER = "earlier=1 console=ttyS0"
_MARK = "\x1f"
_TIMEOUT_S = 10.0


def check(tree: Tree) -> Iterator[Finding | Skip]:
    """Findings of all grub files."""
    texts = tree.of(TextKind.GRUB)
    if not texts:
        return
    dash = shutil.which("dash")
    if dash is None:
        yield Skip(NAME, "dash is not installed: grub.d files are not sourced", "dash")
    for text in texts:
        yield from _file(text, dash)


def _file(text: Text, dash: str | None) -> Iterator[Finding | Skip]:
    if re.search(r"/grub\.d/", text.target or text.path) and not text.path.endswith(".cfg"):
        yield text.finding(
            "GS477", "the name must end in .cfg: grub-mkconfig does not read this file", 1, hint="rename it"
        )
    if "\r" in text.content:
        number = text.content[: text.content.index("\r")].count("\n") + 1
        yield text.finding(
            "GS477", "a carriage return becomes part of the value", number, hint="save with Unix line ends"
        )
        return
    parsed = facts(text.content)
    if parsed.error is not None:
        message = f"no valid shell: {parsed.error.name}; update-grub fails"
        yield text.finding("GS477", message, parsed.error.line, parsed.error.column, hint="mend the syntax")
        return
    found = list(_forms(text))
    yield from found
    if dash is None or any(finding.severity is Severity.ERROR for finding in found):
        return
    functions = {name.name for name in parsed.functions}
    strange = [one.words[0] for one in uses_of(text.content).commands if not _harmless(one.words[0], functions)]
    if strange:
        names = ", ".join(dict.fromkeys(strange))
        yield Skip(NAME, f"{text.path}: not sourced, since it runs {names}")
        return
    yield from _sourced(text, dash)


def _harmless(name: str, functions: set[str]) -> bool:
    return name in functions or name in _BUILTINS or name in _STUBBED


def _forms(text: Text) -> Iterator[Finding]:
    """What need not be run to be seen: exits, writes, evals."""
    uses = uses_of(text.content)
    for one in uses.redirects:
        if one.what not in ("/dev/null", "/dev/stderr"):
            message = f"writes {one.what!r}: a grub.d file only sets variables"
            yield text.finding("GS477", message, one.line, one.column, hint="move it into a unit or a script")
    for command in uses.commands:
        name, place = command.words[0], (command.line, command.column)
        if name in ("exit", "exec"):
            message = f"`{name}` ends update-grub itself: the file is sourced"
            yield text.finding("GS477", message, *place, hint="use if/fi", length=len(name))
        elif name in ("eval", ".", "source", "trap"):
            message = f"`{name}` in a file that is sourced as root"
            yield text.finding("GS477", message, *place, hint="set variables only", length=len(name))
    for number, line in enumerate(text.content.split("\n"), 1):
        plus = re.match(r"\s*(?:export )?(\w+)\+=", line)
        if plus:
            message = f"`{plus[1]}+=` is bash: grub-mkconfig runs in sh, where it is an unknown command"
            hint = f'write {plus[1]}="${{{plus[1]}:-}} …"'
            yield text.finding("GS477", message, number, line.index(plus[1]) + 1, hint=hint)
        spaced = re.match(r"\s*(GRUB_[A-Z_]+)(\s+=|=\s+\S)", line)
        if spaced:
            message = f"blanks around `=`: the shell takes {spaced[1]} for a command"
            yield text.finding("GS477", message, number, line.index(spaced[1]) + 1, hint="write NAME=value")


def _sourced(text: Text, dash: str) -> Iterator[Finding]:
    """Source the file four times: earlier values or none, commands that succeed or fail."""
    answer = remembered(NAME, Path(__file__), identity(dash), text.content, lambda: _run(text.content, dash))
    told: set[tuple[int, str]] = set()
    main_file = not re.search(r"/grub\.d/", text.target or text.path)
    for case in filter(None, answer.split("\x1d")):
        earlier, status, said, first, second = (case.split(_MARK) + [""] * 5)[:5]
        for line, message, hint in _judge(text, earlier, status, said, (first, second), main_file):
            if (line, message) not in told:
                told.add((line, message))
                column = len(text.content.split("\n")[line - 1]) - len(text.content.split("\n")[line - 1].lstrip()) + 1
                yield text.finding("GS477", message, line, column, hint=hint)


def _judge(
    text: Text, earlier: str, status: str, said: str, values: tuple[str, str], main_file: bool
) -> Iterator[tuple[int, str, str]]:
    append = 'write NAME="${NAME:-} argument"'
    if status != "0":
        placed = re.search(r"(\d+): (.*)", said)
        why = f" ({placed[2].strip()})" if placed else ""
        line = int(placed[1]) if placed and int(placed[1]) <= text.content.count("\n") + 1 else _last_command(text)
        yield line, f"ends with status {status} under `set -e`{why}: update-grub stops", "let no last command fail"
        return
    if said.strip():
        yield 1, f"prints {said.strip().splitlines()[0][:40]!r}: it lands in grub.cfg or the console", "print nothing"
    for name, value in zip(_LINES, values, strict=True):
        if earlier and not main_file and not value.startswith(_EARLIER):
            yield _assignment(text, name), f"{name} loses what stood there before", append
        if "\n" in value:
            yield _assignment(text, name), f"{name} holds a line break: grub.cfg cannot be read", append
        if earlier and value.startswith(_EARLIER) and value[len(_EARLIER) :][:1] not in ("", " "):
            yield _assignment(text, name), f"{name}: no blank between the earlier value and what is added", append


def _assignment(text: Text, name: str) -> int:
    lines = [
        number for number, line in enumerate(text.content.split("\n"), 1) if re.match(rf"\s*(export )?{name}\+?=", line)
    ]
    return lines[-1] if lines else 1


def _last_command(text: Text) -> int:
    lines = [
        number
        for number, line in enumerate(text.content.split("\n"), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    return lines[-1] if lines else 1


def _run(content: str, dash: str) -> str:
    """For each case: earlier, status, output, and the two lines' values, parted by unit separators."""
    with tempfile.TemporaryDirectory(prefix="gpuaas-lint-") as folder:
        file = Path(folder) / "file.cfg"
        file.write_text(content, "utf-8")
        answers = []
        for earlier in ("", _EARLIER):
            for succeeds in (0, 1):
                stubs = "".join(f"{name}() {{ return {succeeds}; }}\n" for name in sorted(_STUBBED) if "-" not in name)
                before = "".join(f"{name}={posix(earlier)}\n" for name in _LINES) if earlier else ""
                after = "".join(f"printf '{_MARK}%s' \"${{{name}:-}}\" >&3\n" for name in _LINES)
                values = Path(folder) / "values"
                script = f"set -e\n{stubs}{before}. {posix(str(file))}\n{after}"
                words = [dash, "-c", f"exec 3>{posix(str(values))}\n{script}"]
                done = run(words, timeout=_TIMEOUT_S, env={"PATH": "/nonexistent"}, cwd=Path(folder), check=False)
                said = (done.stdout + done.stderr).replace(str(file), "file")
                kept = values.read_text("utf-8", "replace") if values.exists() else ""
                answers.append(f"{earlier}{_MARK}{done.returncode}{_MARK}{said}{kept or _MARK * 2}")
        return "\x1d".join(answers)
