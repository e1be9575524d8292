"""What a code means, for reports and for `--explain`: our own codes, and shellcheck's."""

from __future__ import annotations

import re

from ...codes import CODES, Code
from .shellcheck_codes import SHELLCHECK

WIKI = "https://www.shellcheck.net/wiki/"
_CODE = re.compile(r"(?:GS[0-9]{3}|SC[0-9]{4})\Z")


def meaning(code: str) -> Code | None:
    """Title and explanation of a code; None for one that does not exist."""
    if not _CODE.match(code):
        return None
    if not code.startswith("SC"):
        return CODES.get(code)
    title, explanation = SHELLCHECK.get(code, ("a finding of shellcheck", "Its message says what is wrong."))
    return Code(title, f"{explanation} shellcheck's wiki has it in full, with examples: {WIKI}{code}")


def help_uri(code: str) -> str:
    """A page about the code; '' for our own, which `gpuaas-gen lint --explain` tells."""
    return f"{WIKI}{code}" if code.startswith("SC") else ""
