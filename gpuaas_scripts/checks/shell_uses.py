"""What a shell text does that policy has rules for: downloads, pipes into shells, trust in packages, disks.

Taken from the syntax tree (`shfmt --to-json`), so that comments and messages are not taken for commands.
Words hold `\\ufffc` for what only running tells.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..cache import Cache
from ..run import run
from .shell_calls import DYNAMIC
from .shell_texts import Dialect, beside, identity
from .shell_walk import FETCHERS, INTERPRETERS, KERNEL_DISK, Command, Use, Walk, literals

if TYPE_CHECKING:
    from collections.abc import Iterator

_LANGUAGES = {Dialect.POSIX: "posix", Dialect.BASH: "bash", Dialect.KSH: "mksh"}
_TIMEOUT_S = 60.0
_SHELLS = {"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh"}
_CHECKERS = {"sha256sum", "sha512sum", "sha384sum", "shasum", "b2sum", "gpgv", "cosign", "minisign", "signify"}
_UNPACKERS = {
    "tar",
    "dpkg",
    "unzip",
    "gunzip",
    "zcat",
    "xz",
    "zstd",
    "tee",
    "install",
    "cpio",
    "dd",
    "bsdtar",
    "docker",
}
_KEY = re.compile(
    r"(?:\.(?:asc|gpg|key|pub)\b|gpgkey|keyrings?/|/GPG-KEY|/gpg$|/key$|signing[-_]key|_key$)", re.IGNORECASE
)
_DESTRUCTIVE = {
    *(
        "wipefs",
        "sgdisk",
        "sfdisk",
        "fdisk",
        "gdisk",
        "parted",
        "blkdiscard",
        "shred",
        "mkswap",
        "pvcreate",
        "vgcreate",
    ),
    *("hdparm", "sg_format", "sedutil-cli", "badblocks", "zpool", "cryptsetup", "mke2fs", "make-bcache"),
}
_NVME_DESTRUCTIVE = {"format", "sanitize", "delete-ns", "create-ns", "write-zeroes", "dsm"}
_FIELD = re.compile(r"fpr|fingerprint|[0-9A-Fa-f]{40}")


class Said(msgspec.Struct, frozen=True):
    """A command: its words, without wrappers such as `sudo`, and the place of its name from 1."""

    words: tuple[str, ...]
    line: int
    column: int


class Uses(msgspec.Struct, frozen=True):
    """All uses in a text, what it writes into by redirection, and its commands."""

    uses: tuple[Use, ...] = ()
    redirects: tuple[Use, ...] = ()
    commands: tuple[Said, ...] = ()
    broken: bool = False


def uses_of(content: str, language: Dialect = Dialect.POSIX) -> Uses:
    """The uses in a shell text; remembered by content. Empty where the text is no valid shell, or shfmt is missing."""
    program = beside("shfmt")
    if program is None:
        return Uses(broken=True)
    cache = Cache("shell-uses", Path(__file__), Path(__file__).with_name("shell_walk.py"))
    key = f"{identity(program)}\0{language}\0{content}".encode("utf-8", "surrogateescape")
    kept = cache.get(key)
    if kept is not None:
        try:
            return msgspec.json.decode(kept, type=Uses)
        except msgspec.DecodeError:
            pass  # a damaged entry is as good as none
    arguments = [program, "-ln", _LANGUAGES[language], "--to-json"]
    done = run(arguments, stdin=content, timeout=_TIMEOUT_S, check=False)
    if done.returncode != 0:
        found = Uses(broken=True)
    else:
        walk = Walk()
        walk.node(msgspec.json.decode(done.stdout).get("Stmts") or [], "", "", "")
        said = tuple(Said(one.words, *one.places[0]) for one in walk.commands)
        found = Uses((*_uses(walk), *_inner(walk, language)), tuple(walk.redirects), said)
    cache.put(key, msgspec.json.encode(found))
    return found


def _inner(walk: Walk, language: Dialect) -> Iterator[Use]:
    """Uses in the text that `sh -c TEXT` runs, at the place of the text."""
    for command in walk.commands:
        if command.name not in _SHELLS:
            continue
        for number, word in enumerate(command.words[1:-1], 1):
            if re.fullmatch(r"-[a-z]*c", word):
                script = command.words[number + 1]
                line, column = command.places[number + 1]
                if re.search(r"\s", script) and script.count("\ufffc") != 1:
                    yield from (
                        Use(use.kind, use.what, line, column)
                        for use in uses_of(script.replace(DYNAMIC, ""), language).uses
                    )
                break


def _uses(walk: Walk) -> Iterator[Use]:
    yield from walk.found
    if any(_destroys(command) for command in walk.commands):
        yield from walk.disks
    checking = _checking_functions(walk.commands)
    for command in walk.commands:
        words = command.words
        if command.name in FETCHERS:
            yield from _download(command, walk.commands, checking)
        yield from _trust(command)
        yield from _disks(command)
        if command.name == "maas" and any(re.match(r"kernel_opts=.*(vfio|hugepage|iommu)", word) for word in words):
            yield Use("kernel-opts", *next(one for one in zip_places(command) if one[0].startswith("kernel_opts=")))
        for word, place in zip(words, command.places, strict=False):
            if command.name not in ("grep", "egrep", "case", "test", "["):
                yield from literals(word, *place)


def zip_places(command: Command) -> Iterator[tuple[str, int, int]]:
    """Each word of a command with its line and column."""
    for word, place in zip(command.words, command.places, strict=False):
        yield word, *place


def _checking_functions(commands: list[Command]) -> set[str]:
    """Functions that compare a digest or a signature, themselves or through another one."""
    names = {one.function for one in commands if one.function and _compares(one)}
    while True:
        more = {one.function for one in commands if one.function and one.name in names} | names
        if more == names:
            return names
        names = more


def _compares(command: Command) -> bool:
    if command.name in _CHECKERS:
        return True
    if command.name == "gpg":
        return any(
            word in ("--verify", "--show-keys", "--fingerprint") or _FIELD.search(word) for word in command.words
        )
    return command.name == "openssl" and "dgst" in command.words


def _download(command: Command, commands: list[Command], checking: set[str]) -> Iterator[Use]:
    line, column = command.places[0]
    into = command.piped_into.split()
    interpreter = next((name for name in into if name in INTERPRETERS), None)
    if interpreter is not None:
        yield Use("piped", f"{command.name} into {interpreter}", line, column)
        return
    output, url = _output(command), _url(command)
    key = bool(_KEY.search(output) or _KEY.search(url)) or any(name in ("gpg", "apt-key", "rpm") for name in into)
    if not output and not any(name in _UNPACKERS | {"gpg", "apt-key"} for name in into):
        return  # what a script reads and looks at itself is no download
    checkers = [one for one in commands if _compares(one) or one.name in checking]
    if any(_is_about(one, command, output, commands) for one in checkers):
        return
    what = url if url and DYNAMIC not in url else output or command.name
    yield Use("key" if key else "download", what.replace(DYNAMIC, "…"), line, column)


def _is_about(checker: Command, download: Command, output: str, commands: list[Command]) -> bool:
    """Whether a comparison is about the downloaded file."""
    if checker.statement == download.statement:
        return True
    if not output or output == "-":
        return False
    together = [one for one in commands if one.statement == checker.statement]
    name = output.rsplit("/", 1)[-1]
    if any(output in word or (name and DYNAMIC not in name and name in word) for one in together for word in one.words):
        return True
    # `-c FILE`: the list in the file names what is compared
    files = [word for word in checker.words[1:] if not word.startswith("-")]
    return checker.name in _CHECKERS and any(word in ("-c", "--check") for word in checker.words) and bool(files)


def _output(command: Command) -> str:
    words = command.words
    for number, word in enumerate(words):
        following = words[number + 1] if number + 1 < len(words) else ""
        short = re.fullmatch(r"-[a-zA-Z]*([oO])(.*)", word) if not word.startswith("--") else None
        if command.name == "curl":
            if word == "--output" or (short and short[1] == "o" and not short[2]):
                return "" if following in ("/dev/null", "-") else following
            if word.startswith("--output="):
                return word.partition("=")[2]
            if word in ("--remote-name", "-OJ") or (short and short[1] == "O"):
                return _url(command).rsplit("/", 1)[-1] or "file"
        if command.name == "wget" and (word.startswith("--output-document") or (short and short[1] == "O")):
            target = word.partition("=")[2] or (short[2] if short else "") or following
            return "" if target in ("-", "/dev/null") else target
    if command.output and command.output != "/dev/null":
        return command.output
    if command.name in ("wget", "aria2c") and "--spider" not in words and not command.piped_into:
        return _url(command).rsplit("/", 1)[-1] or "file"
    return ""


def _url(command: Command) -> str:
    return next(
        (word for word in command.words[1:] if "://" in word),
        command.words[-1] if len(command.words) > 1 and DYNAMIC in command.words[-1] else "",
    )


_UNTRUSTED = re.compile(
    r"--allow-unauthenticated|--force-yes|--no-gpg-check|--nogpgcheck|trusted=yes"
    r"|--allow-insecure-repositories|Allow(?:Unauthenticated|InsecureRepositories)[ =\"]+(?:true|1|yes)"
)


def _trust(command: Command) -> Iterator[Use]:
    if command.name in ("grep", "egrep", "fgrep"):
        return  # a script that looks for it does not do it
    if command.name == "apt-key":
        yield Use("unauthenticated", "apt-key", *command.places[0])
        return
    for word, place in zip(command.words, command.places, strict=False):
        found = _UNTRUSTED.search(word)
        if found:
            yield Use("unauthenticated", found[0], *place)


def _destroys(command: Command) -> bool:
    words, name = command.words, command.name
    return (
        name in _DESTRUCTIVE
        or name.startswith("mkfs")
        or (name == "nvme" and len(words) > 1 and words[1] in _NVME_DESTRUCTIVE)
        or (name == "mdadm" and any(word in ("--create", "-C", "--zero-superblock") for word in words))
        or (name == "dd" and any(word.startswith(f"of={DYNAMIC}") for word in words))
    )


def _disks(command: Command) -> Iterator[Use]:
    words, name = command.words, command.name
    for word, place in zip(words[1:], command.places[1:], strict=False):
        target = word.removeprefix("of=") if name == "dd" and word.startswith("of=") else ""
        target = word if _destroys(command) and not target else target
        if KERNEL_DISK.fullmatch(target):
            yield Use("kernel-disk", target, *place)
    if command.output and KERNEL_DISK.fullmatch(command.output):
        yield Use("kernel-disk", command.output, *command.places[0])
