"""User data for cloud-init: one `#cloud-config` part per profile and node, and the document they are sent as.

How cloud-init merges (its `cloudinit/handlers/cloud_config.py`, `cloudinit/mergers/`, `cloudinit/helpers.py`):

- Parts of one user data are merged in order, each by its own rule: the key `merge_how` in the part, else
  the header `Merge-Type`, else `dict(replace)+list()+str()`, by which a later part's `write_files`
  *replaces* an earlier one's. `assemble` gives every part the header `MERGE_TYPE`: lists are appended,
  mappings merged key by key; a scalar that two parts set keeps the first value without a word, so
  `conflicts` finds those before.
- Vendor data is merged afterwards by the *vendor's* rule, and MAAS sends none: mappings are merged, but of a
  list that both have only the user's is kept. No rule in user data changes that. MAAS's vendor
  data (`src/metadataserver/vendor_data.py`) always has `system_info` and `ntp`, with a proxy
  `snap`, and lists in `write_files`, `runcmd`, `packages` and `users` for these deploy options only:
  `enable_hw_sync`, `register_vmhost`, `install_kvm`, `install_rackd`, `ephemeral_deploy`. A machine deployed
  with one of them and with this user data silently loses that option's files and commands.
"""

from __future__ import annotations

import base64
import hashlib
import quopri
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import count as count_from
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from .quote import QuoteError
from .yaml_text import Block, dump

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..secrets import Secret

MAX_USER_DATA: Final = 1024 * 1024
"""Largest assembled user data, in bytes. MAAS itself has no limit (its settings have
`DATA_UPLOAD_MAX_MEMORY_SIZE = None`); 1 MiB keeps a mistake, such as a binary in `write_files`, out of its
database and off every boot. By hand, `maas … deploy user_data=<base64>` ends at 96 KiB, since Linux takes no
argument above 128 KiB (MAX_ARG_STRLEN, execve(2)); clouds take less (EC2: 16 KiB)."""

MERGE_TYPE: Final = "list(append)+dict(no_replace,recurse_list)+str()"
"""The merge rule of every part: append lists, recurse into mappings, keep the first of two scalars."""

_CLOUD_CONFIG: Final = "#cloud-config"
_TYPES: Final[Mapping[str, type]] = {
    "apt": dict,
    "bootcmd": list,
    "final_message": str,
    "fqdn": str,
    "hostname": str,
    "manage_etc_hosts": bool,
    "ntp": dict,
    "package_update": bool,
    "package_upgrade": bool,
    "packages": list,
    "power_state": dict,
    "preserve_hostname": bool,
    "runcmd": list,
    "ssh_authorized_keys": list,
    "timezone": str,
    "users": list,
    "write_files": list,
}
_MODE: Final = re.compile(r"0[0-7]{3}")
_OWNER: Final = re.compile(r"[a-z_][a-z0-9_-]*:[a-z_][a-z0-9_-]*")
_FILENAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_ASSEMBLED: Final = re.compile(rb'MIME-Version: 1\.0\nContent-Type: multipart/mixed; boundary="([a-z0-9-]+)"\n')
_SECRETS: Final = "secrets.yaml"
_SECRETS_BANNER: Final = "# Secrets: added when the user data is sent, and in no file of the repository."


def write_file(path: str, content: str, *, mode: str, owner: str = "root:root") -> dict[str, object]:
    """One entry of `write_files`: an absolute path, its text as a block, a mode such as `0600`, and `user:group`.

    Raises QuoteError for a relative path and a bad mode or owner; `cloud_config` raises it for a text that is
    no block literal. An empty text is written as `""`.
    """
    if not path.startswith("/"):
        raise QuoteError(f"{path!r} is not an absolute path; it must start with /")
    if not _MODE.fullmatch(mode):
        raise QuoteError(f"{mode!r} is not a file mode; it must be four octal digits starting with 0, such as 0644")
    if not _OWNER.fullmatch(owner):
        raise QuoteError(f"{owner!r} is not an owner; it must be user:group, such as root:root")
    return {"path": path, "owner": owner, "permissions": mode, "content": Block(content) if content else ""}


def cloud_config(data: Mapping[str, object], *, banner: str) -> str:
    """One `#cloud-config` document of `data`, under `banner` (comment lines).

    Raises QuoteError for an unknown key, a value of the wrong type, a `runcmd` or `bootcmd` command that is not
    a list of texts (cloud-init gives a plain text to a shell), and what `dump` refuses.
    """
    for key, value in data.items():
        expected = _TYPES.get(key)
        if expected is None:
            raise QuoteError(f"{key!r} is not a cloud-config key in use here; it must be one of {', '.join(_TYPES)}")
        if not isinstance(value, expected):
            raise QuoteError(f"{key} must be a {expected.__name__}, not {type(value).__name__}")
    for key in ("bootcmd", "runcmd"):
        _check_commands(key, data.get(key, []))
    _check_texts("packages", data.get("packages", []))
    return dump(dict(data), header=f"{_CLOUD_CONFIG}\n{banner}")


def conflicts(first: Mapping[str, object], second: Mapping[str, object]) -> tuple[str, ...]:
    """The dotted keys that both parts set, to different values that are neither two mappings nor two lists.

    cloud-init would keep the first part's value and drop the second's.
    """
    found: list[str] = []
    for key in first.keys() & second.keys():
        one, two = first[key], second[key]
        if isinstance(one, dict) and isinstance(two, dict):
            found += [f"{key}.{inner}" for inner in conflicts(one, two)]
        elif one != two and not (isinstance(one, list) and isinstance(two, list)):
            found.append(key)
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class Assembled:
    """User data as one multi-part MIME message; what all nodes of a profile begin with is made once for all."""

    opening: _Opening
    closing: bytes

    @property
    def size(self) -> int:
        """Bytes of the message."""
        return len(self.opening.content) + len(self.closing)

    @property
    def sha256(self) -> str:
        """Digest of the message, in hexadecimal."""
        digest = self.opening.digest.copy()
        digest.update(self.closing)
        return digest.hexdigest()

    @property
    def content(self) -> bytes:
        """The message."""
        return self.opening.content + self.closing


def assemble(parts: Sequence[tuple[str, str]]) -> Assembled:
    """The parts, each a filename and a `#cloud-config` document, as one multi-part MIME message, in order.

    The same parts give the same bytes. A part in ASCII stands as it is; another is quoted-printable, since
    cloud-init reads the message as text and so garbles 8-bit parts (`util.fully_decoded_payload`). Raises
    QuoteError for no parts, a bad filename, a part without its first line, and as `check_size` does.
    """
    if not parts:
        raise QuoteError("user data must have at least one part")
    *first, last = parts
    end = _part(*last)
    number = 0
    while (opening := _opening(tuple(first), number)).boundary in end:
        number += 1
    closing = b"\n--%b\n%b\n--%b--\n" % (opening.boundary, end, opening.boundary)
    made = Assembled(opening, closing)
    check_size(made.size)
    return made


def with_secrets(user_data: bytes, files: Iterable[tuple[str, Secret]]) -> bytes:
    """Assembled user data with one more part at its end: a file of mode 0600 for each path and secret.

    What was assembled stays as it is, byte for byte, and comes first; without files, nothing is added. The files hold
    exactly the secrets, which are written in base64: no character needs an escape. Raises QuoteError for a relative
    path, for what `assemble` did not make, and as `check_size` does; no text of it holds a secret.
    """
    entries: list[object] = []
    for path, secret in files:
        entry = write_file(path, "", mode="0600")
        entry |= {"encoding": "b64", "content": base64.b64encode(secret.reveal().encode()).decode()}
        entries.append(entry)
    if not entries:
        return user_data
    head = _ASSEMBLED.match(user_data)
    end = b"\n--%b--\n" % head[1] if head else b""
    if head is None or not user_data.endswith(end):
        raise QuoteError("secrets can only be added to assembled user data")
    part = _encoded(_SECRETS, cloud_config({"write_files": entries}, banner=_SECRETS_BANNER))
    if head[1] in part:  # the boundary was chosen for the other parts
        raise QuoteError("the secrets cannot be added: they hold the boundary of the parts; change the secret")
    message = user_data.removesuffix(end) + b"\n--%b\n%b" % (head[1], part) + end
    check_size(len(message))
    return message


def check_size(size: int) -> None:
    """Raises QuoteError for assembled user data of more than MAX_USER_DATA bytes."""
    if size > MAX_USER_DATA:
        raise QuoteError(f"the user data is {size} bytes; it must be at most {MAX_USER_DATA}")


class _Opening(NamedTuple):
    """A message up to its last part: the line between its parts, the bytes, and the digest of these."""

    boundary: bytes
    content: bytes
    digest: hashlib._Hash


@lru_cache(maxsize=8)
def _opening(parts: tuple[tuple[str, str], ...], number: int) -> _Opening:
    """That of a message that begins with `parts`; another boundary for each `number`, which none of the parts holds."""
    encoded = [_part(*part) for part in parts]
    name = hashlib.sha256(b"".join(encoded)).hexdigest()
    candidates = (hashlib.sha256(f"{name} {count}".encode()).hexdigest()[:32].encode() for count in count_from(0))
    free = (b"gpuaas-" + one for one in candidates if not any(one in part for part in encoded))
    boundary = next(islice(free, number, None))
    head = b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="%b"\n' % boundary
    content = head + b"".join(b"\n--%b\n%b" % (boundary, part) for part in encoded)
    return _Opening(boundary, content, hashlib.sha256(content))


def _part(filename: str, text: str) -> bytes:
    if not _FILENAME.fullmatch(filename):
        raise QuoteError(f"{filename!r} is not a part's filename; allowed are A-Z a-z 0-9 _ . and -")
    if not text.startswith(f"{_CLOUD_CONFIG}\n"):
        raise QuoteError(f"the part {filename} is no cloud-config; its first line must be {_CLOUD_CONFIG}")
    return _encoded(filename, text)


def _encoded(filename: str, text: str) -> bytes:
    """A part with its headers; remembered nowhere, since it may hold secrets."""
    encoding, payload = "7bit", text.encode()
    if not text.isascii():
        encoding, payload = "quoted-printable", quopri.encodestring(payload)
    head = (
        'Content-Type: text/cloud-config; charset="utf-8"\n'
        "MIME-Version: 1.0\n"
        f"Content-Transfer-Encoding: {encoding}\n"
        f'Content-Disposition: attachment; filename="{filename}"\n'
        f"Merge-Type: {MERGE_TYPE}\n\n"
    )
    return head.encode() + payload


def _check_commands(key: str, commands: object) -> None:
    for number, command in enumerate(commands if isinstance(commands, list) else [], 1):
        if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
            raise QuoteError(f"command {number} of {key} must be a list of texts: the program, then its arguments")


def _check_texts(key: str, texts: object) -> None:
    for number, text in enumerate(texts if isinstance(texts, list) else [], 1):
        if not isinstance(text, str):
            raise QuoteError(f"entry {number} of {key} must be a text, not {type(text).__name__}")
