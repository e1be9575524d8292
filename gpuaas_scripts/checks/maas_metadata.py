"""MAAS scripts as MAAS will take them: the file, its metadata, and what the body does beside what it says.

MAAS checks little at upload and ignores much without a word. The messages say what MAAS will do.
The rules are in the modules maas_rules_*; ours and other people's scripts are read from the text.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from .base import Skip, TextKind
from .maas_rules_block import Script, check_block
from .maas_rules_body import check_body
from .maas_rules_fields import check_fields
from .maas_rules_names import check_name, check_names
from .maas_rules_parameters import check_parameters
from .maas_rules_values import check_values
from .shell_texts import beside, on_all_cores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import Finding
    from .base import Text, Tree

LARGEST = 10_000_000
"""Bytes that the nginx before MAAS lets through in one request."""


def check(tree: Tree) -> Iterator[Finding | Skip]:
    """The findings of all MAAS scripts, and of their names together."""
    texts = tree.of(TextKind.MAAS_SCRIPT)
    if texts and beside("shfmt") is None:
        yield Skip("maas_metadata", "shfmt is not installed: what the bodies do is not looked at", "shfmt-py")
    scripts = [Script(text) for text in texts]
    on_all_cores(lambda script: script.calls, scripts)
    regions: dict[str, list[Script]] = {}
    for script in scripts:
        text = script.text
        yield from _file(text)
        if not text.content.strip():
            continue
        # Scripts of one folder go to one region; other folders are other sites.
        regions.setdefault(str(PurePosixPath(text.path).parent), []).append(script)
        yield from _script(script)
    for together in regions.values():
        yield from check_names(together)


def _script(script: Script) -> Iterator[Finding]:
    yield from check_block(script)
    if not script.is_mapping:
        return
    yield from check_name(script)
    yield from check_fields(script)
    yield from check_values(script)
    yield from check_parameters(script)
    yield from check_body(script)


def _file(text: Text) -> Iterator[Finding]:
    """What MAAS does not take, whatever the metadata."""
    content = text.content
    if not content:
        message = "an empty file: MAAS takes it, and the machine cannot run it"
        yield text.finding("GS425", message, 1, hint="write the script, or remove the file")
        return
    if not content.startswith("#!/"):
        message = "MAAS refuses the script: its first line does not begin with exactly #!/"
        yield text.finding("GS425", message, 1, hint=_first_line(content))
    if "\0" in content:
        line = content.count("\n", 0, content.index("\0")) + 1
        column = content.index("\0") - content.rfind("\n", 0, content.index("\0"))
        message = "a NUL character: MAAS answers with an internal error (500)"
        yield text.finding("GS426", message, line, column, hint="write it as text; `printf '\\0'` makes one")
    if "�" in content:
        line = content.count("\n", 0, content.index("�")) + 1
        column = content.index("�") - content.rfind("\n", 0, content.index("�"))
        message = "a replacement character: bytes that are no UTF-8 were lost, here or in MAAS"
        yield text.finding("GS426", message, line, column, hint="write the file in UTF-8")
    size = len(content.encode("utf-8", "surrogateescape"))
    if size > LARGEST:
        message = f"{size} bytes: the web server before MAAS lets {LARGEST} through, and answers 413"
        yield text.finding("GS426", message, 1, hint="download large files in the script, pinned by checksum")


def _first_line(content: str) -> str:
    first = content.split("\n", 1)[0]
    if first.startswith("﻿"):
        return "remove the byte order mark"
    if first.lstrip().startswith("#!"):
        return "write `#!/bin/sh`, without blanks before and after #!"
    return "add `#!/bin/sh` as the first line"
