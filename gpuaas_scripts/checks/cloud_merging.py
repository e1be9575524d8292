"""cloud-init's merging of parts: what a rule says, and what is lost by it.

Facts: cloud-init 25.1, `cloudinit/mergers/` (compared with it on random documents).
"""

from __future__ import annotations

import re
from functools import lru_cache

_MERGERS = {
    "list": {
        "append",
        "prepend",
        "replace",
        "no_replace",
        "recurse_dict",
        "recurse_list",
        "recurse_array",
        "recurse_str",
    },
    "dict": {"replace", "no_replace", "allow_delete", "recurse_str", "recurse_list", "recurse_array", "recurse_dict"},
    "str": {"append", "replace", "no_replace"},
}
DEFAULT_RULE = "dict(replace)+list()+str()"
"""The rule of a part that names none (`handlers/cloud_config.py`)."""

_APPEND = "give the part `Merge-Type: list(append)+dict(no_replace,recurse_list)+str()`"


@lru_cache(maxsize=64)
def parse_rule(rule: str) -> dict[str, frozenset[str]] | None:
    """Merger to options; None for what cloud-init does not take, or takes for something else."""
    found: dict[str, frozenset[str]] = {}
    for part in rule.split("+"):
        match = re.fullmatch(r"\s*(list|dict|str)\(([a-z_, ]*)\)\s*", part)
        if match is None:
            return None
        options = frozenset(word.strip() for word in match[2].split(",") if word.strip())
        if options - _MERGERS[match[1]]:
            return None
        found[match[1]] = options
    return found


def lost_by(key: str, first: object, second: object, rule: dict[str, frozenset[str]]) -> tuple[str, str, str] | None:
    """What merging the second value into the first loses: the key, how, and a hint. As m_dict.py and m_list.py do."""
    if first == second:
        return None
    mapping, sequence = rule.get("dict", frozenset()), rule.get("list", frozenset())
    if "replace" in mapping:
        return key, "the later value replaces the earlier one", _APPEND
    if isinstance(first, list) and isinstance(second, list):
        if not mapping & {"recurse_list", "recurse_array"}:
            return key, "the later list is dropped", _APPEND
        if sequence & {"append", "prepend"}:
            return None
        return key, "the later list is laid over the earlier one, entry by entry", _APPEND
    if isinstance(first, dict) and isinstance(second, dict):
        inner = (lost_by(f"{key}.{name}", first[name], second[name], rule) for name in second if name in first)
        return next((lost for lost in inner if lost), None)
    return key, "the first value stays, the later one is dropped", "set it in one part only"
