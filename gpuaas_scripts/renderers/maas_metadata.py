"""The MAAS metadata block of a script: comment lines that hold YAML.

Source of the form: MAAS, `maas_script_metadata` 1.0. Keys that say the default are left out;
times are text in quotes, since YAML 1.1 reads 00:10:00 as a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from .yaml_text import dump

if TYPE_CHECKING:
    from ..templates import MaasMetadata

NOAUTO = "noauto"
START = "# --- Start MAAS 1.0 script metadata ---"
END = "# --- End MAAS 1.0 script metadata ---"


def metadata(name: str, model: MaasMetadata) -> str:
    """The block for script `name`, each line a comment, with a newline at the end."""
    data: dict[str, Any] = {"name": name, **_set(model)}
    lines = [f"# {line}".rstrip() for line in dump(data).splitlines()]
    return "\n".join([START, *lines, END]) + "\n"


def _set(model: MaasMetadata) -> dict[str, Any]:
    defaults = type(model)()
    always = ("script_type", "hardware_type")
    values = msgspec.structs.asdict(model)
    if values.pop("noauto"):  # MAAS knows no such field: it is a tag that keeps a script out of the automatic set
        values["tags"] = (*model.tags, *(() if NOAUTO in model.tags else (NOAUTO,)))
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in values.items()
        if key in always or value != getattr(defaults, key)
    }
