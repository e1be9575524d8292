"""How the stand-in MAAS takes a script: metadata against fields, what is kept, ignored and refused.

Source: answers of a running MAAS 3.7.3, and its `maasserver.forms.script`. The block itself is read by
`gpuaas_scripts.maas.metadata`; everything after that is written apart from `gpuaas_scripts.maas.plan`, which
predicts the same behaviour.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ..maas import fields as kinds
from ..maas.metadata import ReadError, normalised, read
from .maas_script import Revision, Script

FORM_FIELDS = (
    *("name", "title", "description", "tags", "script_type", "hardware_type", "parallel", "packages", "timeout"),
    *("destructive", "script", "for_hardware", "may_reboot", "recommission", "apply_configured_networking"),
)
FLAGS = ("destructive", "may_reboot", "recommission", "apply_configured_networking")
OVERRIDE = "May not override values defined in embedded YAML."
PARAMETER_TYPES = ("boolean", "choice", "interface", "password", "runtime", "storage", "string", "url")

_NAME = re.compile(r"[A-Za-z0-9@%+=:,./_-]+", re.ASCII)
_HARDWARE = re.compile(
    r"^modalias:.+|pci:[\da-f]{4}:[\da-f]{4}|usb:[\da-f]{4}:[\da-f]{4}"
    r"|(?:system_(?:vendor|product|version)|mainboard_(?:vendor|product)):.*",
    re.IGNORECASE,
)


class CrashError(Exception):
    """MAAS answers 500; the text is the answer's."""


@dataclass(slots=True)
class Form:
    """One submission: for `script` (an update), or for a new script when `script` is None."""

    data: dict[str, Any]
    script: Script | None
    taken: Callable[[str], bool]
    errors: dict[str, list[str]] = field(default_factory=dict)
    staged: dict[str, Any] = field(default_factory=dict)
    comment: str | None = None

    def error(self, name: str, text: str) -> None:
        """Note a refusal."""
        found = self.errors.setdefault(name, [])
        if text not in found:
            found.append(text)

    def early(self, name: str, text: str) -> None:
        """Note a refusal while the metadata is read: MAAS then checks at once, without the rest of the metadata."""
        if self.script is None and not self.data.get("name"):
            self.error("name", "This field is required.")
        self.error(name, text)


def submit(data: Mapping[str, Any], script: Script | None, taken: Callable[[str], bool]) -> Form:
    """Check a submission; `taken` says whether another script has a name. Raises CrashError where MAAS answers 500."""
    form = Form(dict(data), script, taken)
    if "script" in form.data and "comment" in form.data:
        form.comment = form.data.pop("comment") or None
    if "type" in form.data and "script_type" not in form.data:
        form.data["script_type"] = form.data.pop("type")
    if "script" in form.data:
        _read(form)
    _clean(form)
    return form


def apply(form: Form, script: Script, revision: Callable[[str, str | None], Revision]) -> None:
    """Store a form without errors; `revision` makes a new one of content and comment."""
    if "script" in form.data:
        content = normalised(form.data["script"])
        if not script.history or script.history[0].data != content:
            script.history.insert(0, revision(content, form.comment))
    known = {item.name for item in fields(Script)}
    for name, value in form.staged.items():
        if name in known:
            setattr(script, name, value)
    script.save_tags()


def _read(form: Form) -> None:
    content = form.data["script"]
    try:
        metadata = read(content)
    except ReadError as error:
        form.early("script", str(error))
        return
    if metadata is None:
        return
    keys = dict(metadata)
    form.staged["results"] = keys.pop("results", {})
    form.staged["parameters"] = keys.pop("parameters", {})
    try:
        json.dumps(form.staged)
    except TypeError as error:
        raise CrashError(str(error)) from error
    tags, timeout = keys.pop("tags", None), keys.pop("timeout", None)
    if form.script is None and tags is not None and "tags" not in form.data:
        if isinstance(tags, list) and all(isinstance(tag, str) for tag in tags):
            tags = ",".join(tags)
        if isinstance(tags, str):
            form.data["tags"] = tags
        else:
            form.early("tags", "Embedded tags must be a string of comma seperated values, or a list of strings.")
    if form.script is None and timeout is not None and "timeout" not in form.data:
        form.data["timeout"] = str(timeout)
    for key in ("packages", "for_hardware"):
        value = keys.pop(key, None)
        if value is not None and key not in form.data:
            form.data[key] = json.dumps(value)
    for key, value in keys.items():
        _take(form, key, value)


def _take(form: Form, key: str, value: object) -> None:
    """One key of the metadata: it may repeat a field only with the very same value."""
    if key not in (*FORM_FIELDS, "comment"):
        return
    if key not in form.data:
        form.data[key] = value
        return
    same = value == form.data[key]
    if key == "script_type":
        try:
            same = kinds.script_type(value) == kinds.script_type(form.data[key])
        except ValueError:
            same = False
    if not same:
        form.early(key, OVERRIDE)


def _clean(form: Form) -> None:
    data = form.data
    _clean_name(form)
    if "\0" in data.get("script", ""):
        raise CrashError("A string literal cannot contain NUL (0x00) characters.")
    if form.comment and len(form.comment) > 255:
        raise CrashError(
            "The argument `field` must be `None` when the `error` argument contains errors for multiple fields."
        )
    if form.script is None and "script" not in data:
        form.error("script", "Must be given a value")
    for key in ("title", "description"):
        if key in data:
            form.staged[key] = "" if data[key] is None else str(data[key]).strip()
    if len(form.staged.get("title", "")) > 255:
        form.error("title", "Ensure this value has at most 255 characters.")
    for key in FLAGS:
        if key in data:
            form.staged[key] = kinds.flag(data[key])
    if "tags" in data:
        form.staged["tags"] = [tag.strip() for tag in str(data["tags"]).split(",") if tag.strip()]
    if data.get("timeout"):
        try:
            form.staged["timeout"] = kinds.duration(str(data["timeout"]))
        except ValueError:
            form.error("timeout", "Enter a valid duration.")
    _clean_kinds(form)
    _clean_packages(form)
    _clean_hardware(form)
    if "script" in data:
        _check_results(form, form.staged.get("results", form.script.results if form.script else {}))
    if "comment" in data:
        form.error("comment", '"comment" may only be used when specifying a "script" as well.')
    if "parameters" in data:
        _check_parameters(form, json.loads(data["parameters"]))
    if form.script and form.script.default:
        for key in FORM_FIELDS:
            if key in data and key not in ("tags", "timeout"):
                form.error(key, "Not allowed to change on default scripts.")


def _clean_name(form: Form) -> None:
    name = form.data.get("name")
    if form.script is None and name in (None, ""):
        form.error("name", "This field is required.")
    if name is None:
        return
    if not isinstance(name, str):
        raise CrashError(f"'{type(name).__name__}' object has no attribute 'lower'")
    if name.lower() == "none":
        form.error("name", '"none" is a reserved name.')
    if name.isdigit():
        form.error("name", "Cannot be a number.")
    if not _NAME.fullmatch(name):
        form.error("name", f"Name '{name}' contains disallowed characters, e.g. space or quotes.")
    if len(name) > 255:
        form.error("name", f"Ensure this value has at most 255 characters (it has {len(name)}).")
    if (form.script is None or form.script.name != name) and form.taken(name):
        form.error("name", "Script with this Name already exists.")
    form.staged["name"] = name


_KINDS = {
    "script_type": ("Script type must be commissioning, testing or release", "Invalid script type numeric value."),
    "hardware_type": (
        "Hardware type must be node, cpu, memory, storage, or gpu",
        "Invalid hardware type numeric value.",
    ),
    "parallel": ("Script parallel must be disabled, instance, or any.", "Invalid script parallel numeric value."),
}


def _clean_kinds(form: Form) -> None:
    for key, (word, number) in _KINDS.items():
        value = form.data.get(key)
        if value in (None, ""):
            continue  # keeps what it was
        try:
            kind = getattr(kinds, key)(value)
            if kind is kinds.ScriptType.DEPLOYMENT:
                raise ValueError("only from MAAS 3.8 on")
            form.staged[key] = int(kind)
        except ValueError:
            form.error(key, number if str(value).isdigit() else word)


def _clean_packages(form: Form) -> None:
    text = form.data.get("packages")
    if text in (None, ""):
        return
    try:
        packages = kinds.as_lists(json.loads(str(text)))
    except json.JSONDecodeError as error:
        raise CrashError(str(error)) from error
    form.staged["packages"] = packages
    if not isinstance(packages, dict):
        return
    for key in ("apt", "url"):
        if not all(isinstance(item, str) for item in packages.get(key, [])):
            form.error("packages", f"Each {key} package must be a string.")
    for item in packages.get("snap", []):
        if isinstance(item, dict) and not isinstance(item.get("name"), str):
            form.error("packages", "Snap package name must be defined.")
        elif not isinstance(item, dict | str):
            form.error("packages", "Snap package must be a string.")


def _clean_hardware(form: Form) -> None:
    text = form.data.get("for_hardware")
    if text in (None, ""):
        return
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        found = text
    found = found.split(",") if isinstance(found, str) else found
    if not isinstance(found, list):
        form.error("for_hardware", "Must be a list or string")
        return
    for item in found:
        if not _HARDWARE.search(item):
            form.error(
                "for_hardware",
                f"Hardware identifier '{item}' must be a modalias, PCI ID, USB ID, system vendor, system product,"
                " system version, mainboard vendor, or mainboard product.",
            )
    form.staged["for_hardware"] = found


def _check_results(form: Form, results: object) -> None:
    if isinstance(results, list):
        if not all(isinstance(item, str) for item in results):
            form.error("results", "Each result in a result list must be a string.")
    elif isinstance(results, dict):
        for item in results.values():
            if not isinstance(item, dict):
                form.error("results", "Each result in a result dictionary must be a dictionary.")
            elif "title" not in item:
                form.error("results", "title must be included in a result dictionary.")
    else:
        form.error("results", "results must be a list of strings or a dictionary of dictionaries.")


def _check_parameters(form: Form, parameters: Mapping[str, Any]) -> None:
    """The field `parameters` is checked and then dropped; its refusal names no field."""
    for spec in parameters.values():
        low, high = spec.get("min"), spec.get("max")
        wrong = spec.get("type") not in PARAMETER_TYPES or (low is not None and high is not None and low > high)
        if wrong:
            form.errors.setdefault("", [])
