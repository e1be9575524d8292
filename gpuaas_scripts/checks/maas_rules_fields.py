"""Fields of a MAAS script's metadata, one by one: known, of the right type, with a value that MAAS acts on.

Source: MAAS 3.7 `maasserver.forms.script` and `metadataserver.models.script`, and a running region.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from ..errors import Finding, Severity
from ..maas import fields as kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .maas_rules_block import Script

FIELDS = (
    *("name", "title", "description", "tags", "script_type", "hardware_type", "parallel", "packages", "timeout"),
    *("destructive", "for_hardware", "may_reboot", "recommission", "apply_configured_networking"),
    *("results", "parameters"),
)
"""What MAAS 3.7 takes from the metadata."""

FLAGS = ("destructive", "may_reboot", "recommission", "apply_configured_networking")
_LONGEST_TITLE = 255
_NEGATIVE = {"no", "n", "off", "0", "none", "f", "never"}
_REFUSED = ("comment", "script")
_LEAVE_OUT = "leave the key out, or give it a value"


def check_fields(script: Script) -> Iterator[Finding]:
    """Unknown and double keys, missing script_type, and types and values of the simple fields."""
    yield from _duplicates(script)
    for key in script.data:
        if key not in FIELDS:
            yield _unknown(script, key)
    if "script_type" not in script.data and not any(_meant(key) == "script_type" for key in script.data):
        yield script.tell(
            "GS459",
            "no script_type: uploaded through the API, the script becomes a testing script",
            (),
            "add `script_type: commissioning` (or testing, release)",
            severity=Severity.WARNING,
        )
    yield from _nulls(script)
    yield from _texts(script)
    yield from _flags(script)
    yield from _kinds(script)
    yield from _combined(script)


def _duplicates(script: Script) -> Iterator[Finding]:
    if script.yaml is None or script.text.artifact is not None:
        return  # a source of ours is read strictly before
    for key, place in script.yaml.duplicates():
        message = f"the key {key} stands twice: MAAS keeps the last one and drops the others without a word"
        hint = "keep one; several values go into one list"
        yield Finding("GS424", Severity.ERROR, message, script.of_block(place), hint)


def _meant(key: object) -> str:
    """The field that a key means; '' where that cannot be guessed."""
    if not isinstance(key, str):
        return ""
    if key == "type":
        return "script_type"
    plain = key.lower().replace("-", "_").replace(" ", "_")
    close = get_close_matches(plain, FIELDS, n=1, cutoff=0.75)
    return close[0] if close else ""


def _unknown(script: Script, key: object) -> Finding:
    meant = _meant(key)
    severity = Severity.ERROR
    if key in _REFUSED:
        message, hint = (
            f"MAAS refuses a script whose metadata holds `{key}`",
            "it belongs into the upload, not the file",
        )
    elif key in ("noauto", "auto"):
        message = f"MAAS knows no field `{key}` and ignores it: what keeps a script out of every commissioning is a tag"
        hint = "write `tags: [noauto]`"
    elif meant == "script_type" and "script_type" in script.data:
        message, hint = f"MAAS ignores `{key}`; script_type counts", "remove it"
        severity = Severity.WARNING
    elif meant == "script_type":
        message = f"MAAS ignores `{key}`, and the script becomes a testing script"
        hint = f"did you mean `script_type: {script.data[key]}`?"
    else:
        message = f"MAAS knows no field {key!r} and ignores it without a word"
        hint = f"did you mean {meant!r}?" if meant else f"known: {', '.join(FIELDS)}"
    path = (key,) if isinstance(key, str) else ()
    return script.tell("GS423", message, path, hint, key=True, severity=severity)


def _nulls(script: Script) -> Iterator[Finding]:
    for key in FIELDS:
        if key in script.data and script.data[key] is None and key not in ("name", "parameters", "results"):
            message = f"`{key}` has no value: MAAS takes it for absent, and after an update it keeps its old value"
            yield script.tell("GS456", message, (key,), _LEAVE_OUT, key=True, severity=Severity.WARNING)


def _texts(script: Script) -> Iterator[Finding]:
    for key in ("title", "description"):
        value = script.data.get(key)
        if value is not None and not isinstance(value, str):
            message = f"`{key}` is no text: MAAS shows it as {str(value)!r}"
            yield script.tell("GS431", message, (key,), "put it in quotes", severity=Severity.WARNING)
    title = script.data.get("title")
    if isinstance(title, str) and len(title) > _LONGEST_TITLE:
        message = f"the title has {len(title)} characters: MAAS refuses more than {_LONGEST_TITLE}"
        yield script.tell("GS431", message, ("title",), "shorten it; the description may be long")


def _flags(script: Script) -> Iterator[Finding]:
    for key in FLAGS:
        value = script.data.get(key)
        if value is None or isinstance(value, bool):
            continue
        means = kinds.flag(value)
        said = str(value).strip().lower()
        if means and (said in _NEGATIVE or isinstance(value, (list, dict))):
            message = f"MAAS reads {key}: {value!r} as true: of texts only `false` is false"
            severity = Severity.ERROR
        else:
            message = f"{key}: {value!r} is no boolean; MAAS reads it as {str(means).lower()}"
            severity = Severity.WARNING
        yield script.tell("GS432", message, (key,), "write true or false, without quotes", severity=severity)


_KINDS: dict[str, tuple[Callable[[object], object], str]] = {
    "script_type": (kinds.script_type, "commissioning, testing, release"),
    "hardware_type": (kinds.hardware_type, "node, cpu, memory, storage, network, gpu"),
    "parallel": (kinds.parallel, "disabled, instance, any"),
}


def _kinds(script: Script) -> Iterator[Finding]:
    for key, (reads, allowed) in _KINDS.items():
        value = script.data.get(key)
        if value is None:
            continue
        try:
            kind = reads(value)
        except (ValueError, TypeError, AttributeError):
            close = get_close_matches(str(value).lower(), allowed.split(", "), n=1, cutoff=0.6)
            hint = f"did you mean {close[0]}? " if close else ""
            message = f"MAAS refuses the script: {key} {value!r} is none of {allowed}"
            yield script.tell("GS433", message, (key,), f"{hint}must be one of {allowed}")
            continue
        if kind is kinds.ScriptType.DEPLOYMENT:
            message = "script_type deployment is known from MAAS 3.8 on; 3.7 and older refuse the script"
            yield script.tell("GS433", message, (key,), f"must be one of {allowed}")


def _combined(script: Script) -> Iterator[Finding]:
    """Fields that do nothing beside others, or change when the script runs."""
    is_commissioning = script.script_type is kinds.ScriptType.COMMISSIONING
    if script.flag("recommission") and script.script_type is not None and not is_commissioning:
        message = "recommission does nothing here: MAAS looks at it for commissioning scripts only"
        yield script.tell("GS457", message, ("recommission",), "remove it", severity=Severity.WARNING)
    hardware = script.hardware_type
    if is_commissioning and hardware not in (None, kinds.HardwareType.NODE) and script.name[:2].isdigit():
        named = str(script.data["hardware_type"])
        message = (
            f"hardware_type {named}: the script runs before every script of type node, whatever its name; "
            f"the number {script.name.split('-')[0]} orders it among scripts of its own type only"
        )
        hint = "hardware_type: node keeps the order of names"
        yield script.tell("GS454", message, ("hardware_type",), hint, severity=Severity.WARNING)
