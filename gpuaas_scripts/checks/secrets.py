"""Secrets in any file: private keys, tokens of known forms, passwords, random text, and the site's own secrets.

A finding never holds the secret. Lines are looked at once, however many files hold them.
Forms of tokens: the documentation of GitHub, GitLab, AWS, Hugging Face, Slack, NVIDIA NGC, K3s and MAAS
(its API key is CONSUMER:TOKEN:SECRET).
"""

from __future__ import annotations

import base64
import math
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..artifacts import ArtifactKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..config.site import Site
    from ..errors import Finding
    from .base import Skip, Text, Tree

_HINT = "refer to it (env:NAME, file:/path) and fetch it on the host; and change it: it is known now"
_PRIVATE = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")
_BLOCK_START = re.compile(
    r"-----BEGIN (?:PGP|(?:[A-Z0-9]+ )*(?:CERTIFICATE|CERTIFICATE REQUEST|PUBLIC KEY|PRIVATE KEY|SIGNATURE|MESSAGE)-)"
)
_BLOCK_END = re.compile(r"-----END ")
_TOKENS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("a GitHub token", r"(?<![A-Za-z0-9_])(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})"),
        ("a GitLab token", r"(?<![A-Za-z0-9])(?:glpat-|glrt-|gldt-|glptt-|glcbt-|GR1348941)[A-Za-z0-9_-]{20,}"),
        ("an AWS access key", r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
        ("a Hugging Face token", r"(?<![A-Za-z0-9_])hf_[A-Za-z]{30,}"),
        ("an NGC key", r"(?<![A-Za-z0-9])nvapi-[A-Za-z0-9_-]{40,}"),
        ("a Slack token", r"(?<![A-Za-z0-9])xox[abprs]-[A-Za-z0-9-]{10,}"),
        ("a Slack webhook", r"hooks\.slack\.com/services/T[A-Za-z0-9]+/B[A-Za-z0-9]+/[A-Za-z0-9]{16,}"),
        ("a JSON web token", r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
        ("a K3s token", r"(?<![A-Za-z0-9])K10[0-9a-f]{64}::[A-Za-z0-9_-]+:[A-Za-z0-9]{8,}"),
        (
            "a Kubernetes bootstrap token",
            r"(?<![a-z0-9.])(?!0{6})[a-z0-9]{6}\.(?=[a-z]*[0-9])[a-z0-9]{16}(?![a-z0-9.])",
        ),
        ("a MAAS API key", r"(?<![A-Za-z0-9:])[A-Za-z0-9]{18}:[A-Za-z0-9]{18}:[A-Za-z0-9]{32}(?![A-Za-z0-9:])"),
        ("an OpenAI or Anthropic key", r"(?<![A-Za-z0-9])sk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,}"),
        ("a Docker Hub token", r"(?<![A-Za-z0-9])dckr_pat_[A-Za-z0-9_-]{20,}"),
        ("a PyPI token", r"(?<![A-Za-z0-9])pypi-AgE[A-Za-z0-9_-]{50,}"),
        ("a WireGuard private key", r"(?<=PrivateKey)\s*=\s*[A-Za-z0-9+/]{42,43}=(?![A-Za-z0-9=])"),
    )
)
_LONG = re.compile(r"[A-Za-z0-9_.:/+=~-]{15}")
"""In every token, and in few other lines: most are not looked at pattern by pattern."""
_URL = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'\"]+:([^\s/@'\"]+)@")
_HEADER = re.compile(r"\b(?:Bearer|Basic)\s+([A-Za-z0-9._~+/-]{16,}=*)(?![\w$])")
_WORD = (
    r"(?:pass(?:word|wd|phrase)?|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key"
    r"|credentials?|auth[_-]?key|psk)"
)
_ASSIGN = re.compile(
    rf"""^\s*(?:-\s+)?(?:export\s+|readonly\s+|local\s+|declare\s+(?:-\w+\s+)?|Environment=["']?|set\s+)?
    ["']?([\w.-]*?(?<![A-Za-z]){_WORD}|[A-Za-z0-9_.-]*[_.-]{_WORD}|[a-z]+(?:Password|Secret|Token|ApiKey|PrivateKey))["']?
    \s*(?:=|:(?=\s|["']))\s*(\S.*?)\s*,?\s*$""",
    re.IGNORECASE | re.VERBOSE,
)
_OPTION = re.compile(rf"""(?:^|\s)--?[\w-]*?(?<![A-Za-z]){_WORD}[= ]("[^"]*"|'[^']*'|[^\s'"]+)""", re.IGNORECASE)
_HARMLESS = re.compile(
    r"""(?:
    \$.*|.*\$[({A-Za-z_@*#?0-9].*|`.*|%.*|<.*>|\{\{.*|\{%.*|!\w+.*|\*+|x+|\.{3,}|…|-+|\[\s*\]|\{\s*\}|[|>][+-]?
    |true|false|yes|no|on|off|null|none|~|0|1|required|optional|disabled|enabled|unset|redacted|placeholder|to-be-approved
    |(?:your|my|the)[-_ ].*|change[-_]?me|example.*|dummy|test|todo|fixme|replace.*|insert.*
    |(?:env|file|vault|secret|op|sops|ssm|keyring):.*|/.*|\./.*|~/.*|https?://.*|[\d.]+[smhd]?
    )\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_HASH = re.compile(r"\$(?:1|2[aby]?|5|6|y|gy|7)\$[./A-Za-z0-9$=,]{10,}")
_RANDOM = re.compile(r"(?<![A-Za-z0-9+=_.%-])(?!sha(?:256|384|512)-)[A-Za-z0-9+=_-]{20,}")
_PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_PUBLIC_BEFORE = re.compile(
    r"(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-\S+|sk-\S+@openssh\.com)\s+$|(?:SHA256:|md5[-:=])$"
    r"|sha(?:256|384|512)[-:=][A-Za-z0-9+/]*$|by-(?:id|uuid|partuuid|path)/\S*$"
)
_MIN_ENTROPY = 3.8
"""Bits for each character. Random letters and digits have 4.1 at 24 characters and 4.5 at 40; digests in hex have
less than 4.0 and one case only, names and paths have long runs of one kind of letter."""
_LONGEST_PIECES = 3.0
"""Mean length of words as CamelCase and numbers part them: 1.9 in random text (of 32
characters, 99 in 100 stay below it), 3.5 and more in most names."""
_SHORTEST_KNOWN = 5


@dataclass(frozen=True, slots=True)
class Hit:
    """A likely secret in a line: the code, what it is, its offset and length."""

    code: str
    what: str
    offset: int
    length: int


def check(tree: Tree) -> Iterator[Finding | Skip]:
    """Findings of every text; assembled user data is looked at in its parts."""
    seen: dict[str, tuple[Hit, ...]] = {}
    known = list(known_secrets(tree.site)) if tree.site is not None else []
    for text in tree.texts:
        if text.artifact is not None and text.artifact.kind is ArtifactKind.USER_DATA:
            continue
        yield from _text(text, seen)
        for reference, value in known:
            yield from _known(text, reference, value)


def _text(text: Text, seen: dict[str, tuple[Hit, ...]]) -> Iterator[Finding]:
    inside = False
    blocks = "-----BEGIN" in text.content
    for number, line in enumerate(text.content.split("\n"), 1):
        if blocks:
            if inside:
                inside = not _BLOCK_END.search(line)
                continue
            if _BLOCK_START.search(line):
                inside = not _BLOCK_END.search(line)
        bare = line.lstrip(" ")  # a file's lines come again, indented, in user data
        hits = seen.get(bare)
        if hits is None:
            hits = seen[bare] = tuple(look(bare))
        for hit in hits:
            column = len(line) - len(bare) + hit.offset + 1
            message = f"{hit.what} stands here in clear"
            yield text.finding(hit.code, message, number, column, hint=_HINT, length=hit.length, secret=True)


def look(line: str) -> list[Hit]:
    """The likely secrets of a line, one for each place, the most certain first."""
    found: list[Hit] = []
    if len(line) < 8:
        return found

    def add(code: str, what: str, start: int, end: int) -> None:
        if not any(hit.offset < end and start < hit.offset + hit.length for hit in found):
            found.append(Hit(code, what, start, max(end - start, 1)))

    long = _LONG.search(line) is not None
    for match in _PRIVATE.finditer(line) if "-----BEGIN" in line else ():
        add("GS485", "a private key", *match.span())
    for name, pattern in _TOKENS if long else ():
        for match in pattern.finditer(line):
            add("GS486", name, *match.span())
    for match in _HEADER.finditer(line) if long else ():
        if _is_random(match[1], short=True):
            add("GS486", "a token of an Authorization header", *match.span(1))
    for match in _URL.finditer(line) if "://" in line else ():
        if not _HARMLESS.match(match[1]) and match[1] not in ("password", "pass", "secret", "token"):
            add("GS487", "a password in a URL", *match.span(1))
    for match in _HASH.finditer(line) if "$" in line else ():
        add("GS487", "a password's hash, which can be tried out offline,", *match.span())
    _assigned(line, add)
    for match in _RANDOM.finditer(line) if long else ():
        if _is_random(match[0]) and not _PUBLIC_BEFORE.search(line[: match.start()]):
            add("GS488", "random text that looks like a secret", *match.span())
    return found


def _assigned(line: str, add: object) -> None:
    assert callable(add)  # noqa: S101 - for the type checker
    if line.lstrip()[:1] in ("#", ";") or line.lstrip()[:2] in ("//", "--"):
        return
    match = _ASSIGN.match(line)
    values = [(match[2], match.start(2))] if match else []
    values += [(one[1], one.start(1)) for one in _OPTION.finditer(line)]
    for raw, start in values:
        value = raw.strip()
        inner = re.sub(r"\s+#.*$", "", value).rstrip(",")
        inner = inner[1:].split(inner[0])[0] if inner[:1] in ("'", '"') else inner
        if len(inner) < 4 or _HARMLESS.match(inner) or _is_prose(inner):
            continue
        offset = start + (1 if value[:1] in ("'", '"') else 0)
        add("GS487", "a password or token", offset, offset + len(inner))


def _is_prose(value: str) -> bool:
    """Words, calls and names, rather than a password."""
    words = value.split()
    if len(words) > 1:
        return True
    # A name of a variable, function or key: `token=next_token`, `password: user.password`, `secret: my-secret`.
    return bool(re.fullmatch(r"_?[a-z]+(?:[_.-][a-z]+)+(?:\(.*\))?|[A-Z]+(?:_[A-Z]+)+|[a-z.]+\(.*", value))


def _is_random(text: str, *, short: bool = False) -> bool:
    """Whether a part of `text` between separators is random letters and digits in mixed case."""
    if text.startswith("AAAA") and len(text) > 40:  # the public key of SSH
        return False
    least = 16 if short else 20
    for part in re.split(r"[-_/=]", text):
        if len(part) < least or not (
            re.search("[a-z]", part) and re.search("[A-Z]", part) and re.search("[0-9]", part)
        ):
            continue
        if len(part) / len(_PIECE.findall(part)) <= _LONGEST_PIECES and entropy(part) >= _MIN_ENTROPY:
            return True
    return False


def entropy(text: str) -> float:
    """Shannon's entropy of the characters, in bits for each."""
    counts = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())


def known_secrets(site: Site) -> Iterator[tuple[str, str]]:
    """References of the site and their values, as far as they are set here; too short ones are left out."""
    for reference in sorted(_references(site)):
        value = _resolved(reference)
        if value is not None and len(value) >= _SHORTEST_KNOWN:
            yield reference, value


def _references(site: Site) -> set[str]:
    found: set[str] = set()
    models: list[object] = [site.file, *(profile.config for profile in site.profiles.values())]
    models += [node.config for node in site.nodes]
    seen: set[int] = set()
    while models:
        one = models.pop()
        if isinstance(one, str):
            if one.startswith(("env:", "file:/")) and re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*|file:/.+", one):
                found.add(one)
        elif isinstance(one, msgspec.Struct):
            if id(one) not in seen:  # nodes share what they have in common
                seen.add(id(one))
                models += [getattr(one, name) for name in one.__struct_fields__]
        elif isinstance(one, dict):
            models += one.values()
        elif isinstance(one, (list, tuple)):
            models += one
    return found


def _resolved(reference: str) -> str | None:
    kind, _, name = reference.partition(":")
    if kind == "env":
        return os.environ.get(name)
    try:
        return Path(name).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _known(text: Text, reference: str, value: str) -> Iterator[Finding]:
    for form in _forms(value):
        at = text.content.find(form)
        if at >= 0:
            before = text.content[:at]
            column = len(before) - (before.rfind("\n") + 1) + 1
            message = f"the value of {reference} stands here in clear"
            yield text.finding("GS489", message, before.count("\n") + 1, column, hint=_HINT, secret=True)
            return


def _forms(value: str) -> Iterable[str]:
    """The value as it is, and in base64 at each of the three offsets that it can have."""
    yield value
    raw = value.encode()
    if len(raw) >= 12:
        for shift in range(3):
            encoded = base64.b64encode(b"\0" * shift + raw).decode()
            yield encoded[(4 if shift else 0) : len(encoded) - 4]
