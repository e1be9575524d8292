"""What templates need: the keys they name, read from the configuration, and what is absent or awaited."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from .config import check, keys
from .config.model.hardware import Hardware
from .errors import Finding, Location, Severity
from .templates import Scope, SettingModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .config.keys import Key, Value
    from .config.model import NodeConfig
    from .config.site import HardwareClass, Site
    from .config.source import KeyPath
    from .templates import Library, Template, TemplateKind


@dataclass(frozen=True, slots=True)
class Need:
    """One value that a template takes: its name, how to get it, and what finds the place of its declaration."""

    name: str
    key: Key | None
    columns: tuple[str, ...]
    optional: bool
    locate: Callable[[], Location]
    constant: str | None = None


class ClassRow(Hardware, frozen=True):
    """A hardware class as a table row: its facts and its name."""

    name: str = ""


def class_row(entry: HardwareClass) -> ClassRow:
    """The row of a hardware class."""
    return ClassRow(**msgspec.structs.asdict(entry.facts), name=entry.name)


class Needs:
    """Reads what templates declare, once each, and collects findings about it."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.findings: list[Finding] = list(library.findings)
        self.uses: dict[str, set[str]] = {}
        self._read: dict[str, tuple[Need, ...]] = {}
        self._conditions: dict[str, tuple[tuple[Need, str], ...]] = {}
        self._absent: dict[tuple[str, str], tuple[Location, list[str]]] = {}

    def add(self, code: str, message: str, location: Location, hint: str = "") -> None:
        self.findings.append(Finding(code, Severity.ERROR, message, location, hint))

    def template(self, kind: TemplateKind, name: str, locate: Callable[[], Location]) -> Template | None:
        """The template of that name; None with a finding where there is none."""
        template = self.library.templates[kind].get(name)
        if template is None:
            hint = check.suggestion(name, self.library.names(kind))
            self.add("GS304", f"no template {kind}/{name}", locate(), hint)
        return template

    def of(self, template: Template, section: str = "settings") -> tuple[Need, ...]:
        """What a template takes, read once; wrong keys are findings at their declaration."""
        cached = self._read.get(f"{template.reference}/{section}")
        if cached is None:
            declared: dict[str, SettingModel] = getattr(template.model, section, {})
            found = [self._need(template, section, name, setting) for name, setting in declared.items()]
            cached = tuple(need for need in found if need is not None)
            self._read[f"{template.reference}/{section}"] = cached
            for need in cached:
                if need.constant is None:
                    self.uses.setdefault(need.key.text if need.key else "hardware", set()).add(template.reference)
        return cached

    def _need(self, template: Template, section: str, name: str, setting: SettingModel) -> Need | None:
        place = partial(template.locate, (section, name))
        try:
            if setting.value is not None:
                return Need(name, None, (), setting.optional, place, setting.value)
            if setting.table is not None:
                if setting.table != "hardware" or not setting.columns:
                    raise keys.UnknownKeyError("a table is `table: hardware` with columns")
                keys.columns(ClassRow, setting.columns)
                return Need(name, None, setting.columns, setting.optional, place)
            if setting.from_ is None:
                raise keys.UnknownKeyError(f"{name} has none of `from`, `table` and `value`")
            return Need(name, keys.find(setting.from_), setting.columns, setting.optional, place)
        except keys.UnknownKeyError as error:
            self.add("GS306", str(error), place(), "name a key of the configuration: gpuaas-gen schema node")
            return None

    def conditions(self, template: Template) -> tuple[tuple[Need, str], ...]:
        """The keys that `when` of a file names, each with the value it must have."""
        cached = self._conditions.get(template.reference)
        if cached is None:
            found = []
            for text, wanted in getattr(template.model, "when", {}).items():
                need = self._need(template, "when", text, SettingModel(from_=text, optional=True))
                if need is not None:
                    self.uses.setdefault(text, set()).add(template.reference)
                    found.append((need, wanted))
            cached = self._conditions[template.reference] = tuple(found)
        return cached

    def applies(self, template: Template, source: ValueSource) -> tuple[bool, tuple[str, ...]]:
        """Whether the conditions of a file hold, as far as they are known, and their keys that are to be approved."""
        conditions = self.conditions(template)
        values, missing = self.values([(need, template.reference) for need, _ in conditions], source)
        return all(need.name in missing or _text(values[need.name]) == wanted for need, wanted in conditions), missing

    def values(
        self, pairs: Iterable[tuple[Need, str]], source: ValueSource
    ) -> tuple[dict[str, Value], tuple[str, ...]]:
        """Values of needs (each with the template it is of), and the keys that are still to be approved.

        Keys that are absent without a marker are noted; `report_absent` makes findings of them.
        """
        values: dict[str, Value] = {}
        missing: list[str] = []
        for need, reference in pairs:
            key = need.key
            if source.too_wide_for(need):
                self._refuse(need, source.scope)
                values[need.name] = None
                continue
            value = values[need.name] = source.read(need)
            if key is None:
                continue
            if source.marks and _marked(key.path, source.marks):
                missing.append(".".join(str(part) for part in key.path))
            elif (value is None or value == ()) and not need.optional:
                self._absent.setdefault((source.owner, key.text), (source.place, []))[1].append(reference)
        return values, tuple(dict.fromkeys(missing))

    def report_absent(self) -> None:
        """One finding for each key that is not set, with all templates that need it."""
        for (owner, key), (place, references) in self._absent.items():
            whose = f" for {owner}" if owner else ""
            self.add(
                "GS201",
                f"{key} is not set{whose}; needed by {', '.join(sorted(set(references)))}",
                place,
                f"set {key}; where nobody may invent the value yet, write `to-be-approved`: "
                "what needs it is then withheld instead",
            )

    def _refuse(self, need: Need, scope: Scope) -> None:
        assert need.key is not None  # noqa: S101 - only keys can be too narrow
        whole = "site" if scope is Scope.SITE else "profile"
        what = "hardware classes" if need.key.root == "hardware" else "nodes"
        self.add(
            "GS311",
            f"{need.key.text} differs between {what}, but the artifact is the same for the whole {whole}",
            need.locate(),
            "use a key below site., or a table of the hardware classes"
            if scope is Scope.SITE
            else "read it from node.env (`node_env`), or give the template the scope node",
        )


@dataclass(frozen=True, slots=True)
class ValueSource:
    """Where the values of one scope come from.

    `owner` names it in messages, `place` is where an absent value is told. `config` is None for the
    site, `facts` for all that is wider than a node. `marks` are the key paths to be approved.
    """

    scope: Scope
    owner: str
    place: Location
    site: Site
    config: NodeConfig | None = None
    facts: Hardware | None = None
    marks: tuple[KeyPath, ...] = ()

    def too_wide_for(self, need: Need) -> bool:
        """Whether the key can differ inside of this scope."""
        if need.key is None or self.scope is Scope.NODE:
            return False
        return need.key.root == "hardware" or (need.key.root == "node" and self.config is None)

    def read(self, need: Need) -> Value:
        """The value of a need; None where it is not set."""
        key = need.key
        if need.constant is not None:
            return need.constant
        if key is None:
            used = self.site.classes_in_use
            rows = [class_row(entry) for name, entry in sorted(self.site.hardware.items()) if name in used]
            return keys.rows(rows, need.columns)
        if key.root == "site":
            return self.site.name if key.parts == ("name",) else keys.shape(key.read(self.site.file))
        value = key.read(self.facts if key.root == "hardware" else self.config)
        return keys.rows(value or (), need.columns) if need.columns else keys.shape(value)


def _text(value: Value) -> str:
    """A value as `when` writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _marked(path: KeyPath, approvals: Sequence[KeyPath]) -> bool:
    """Whether a marker stands at, above or below `path`."""
    return any(path[: len(marked)] == marked[: len(path)] for marked in approvals)
