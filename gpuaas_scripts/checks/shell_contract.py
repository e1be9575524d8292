"""The contract of shell templates, checked on the syntax tree.

Settings are declared in script.yaml, set by the configuration and used by the body, in all
directions; a fragment takes arguments and reads no settings; its functions carry its name; a body
is functions only, `main` among them. Findings point at script.yaml, body.sh or the fragment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..artifacts import BASE_ENV
from ..errors import Finding, Location, Severity
from ..templates import ScriptModel, Template, TemplateKind
from .shell_facts import Name, ShellFacts, facts, look_ahead

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..templates import Library, SourceText

    _Parsed = list[tuple[SourceText, ShellFacts]]

ENVIRONMENT = {
    *("HOME", "IFS", "LANG", "LC_ALL", "OPTARG", "OPTIND", "PATH", "PPID", "PWD", "SHELL", "TERM", "TMPDIR", "USER"),
    *("DEBIAN_FRONTEND", "NEEDRESTART_MODE", "INVOCATION_ID"),
    *("RESULT_PATH", "OUTPUT_COMBINED_PATH", "OUTPUT_STDOUT_PATH", "OUTPUT_STDERR_PATH", "DOWNLOAD_PATH", "RUNTIME"),
    *("HAS_STARTED", "BMC_CONFIG_PATH", "MAAS_RESOURCES_FILE", "MAAS_MACHINE_EXTRA_FILE"),
}
"""Variables that a host or MAAS's script runner sets (facts: MAAS 3.7's runner)."""

_SPECIAL = set("0123456789@*#?-$!")


def check_library(library: Library) -> list[Finding]:
    """All contract findings of a library, each once."""
    templates = library.templates[TemplateKind.SCRIPT].values()
    look_ahead(source.text for template in templates for source in (*template.bodies, *template.fragments))
    found: dict[Finding, None] = {}
    for template in templates:
        found |= dict.fromkeys(check_template(template))
    return list(found)


def check_template(template: Template) -> Iterator[Finding]:
    """The contract findings of one script template."""
    if template.body is None or not isinstance(template.model, ScriptModel):
        return
    bodies = [(source, facts(source.text)) for source in template.bodies]
    fragments = [(source, facts(source.text)) for source in template.fragments]
    parsed = [*bodies, *fragments]
    errors = [_syntax(source, one) for source, one in parsed if one.error is not None]
    yield from (finding for finding in errors if finding is not None)
    for source, one in parsed:
        yield from _loose(source, one)
        yield from _layout(source)
    yield from _functions(bodies, fragments)
    if not errors:
        yield from _calls(bodies, fragments)
        yield from _settings(template, bodies, fragments)


def _finding(code: str, source: SourceText, name: Name, message: str, hint: str) -> Finding:
    length = len(name.name) if name.name.isidentifier() else 1
    return Finding(code, Severity.ERROR, message, Location(source.file, name.line, name.column, length), hint)


def _syntax(source: SourceText, one: ShellFacts) -> Finding | None:
    if one.error is None:
        return None
    place = Location(source.file, one.error.line, one.error.column)
    return Finding("GS330", Severity.ERROR, f"not valid POSIX shell: {one.error.name}", place, "mend the syntax")


def _loose(source: SourceText, one: ShellFacts) -> Iterator[Finding]:
    for name in one.loose:
        yield _finding(
            "GS331",
            source,
            name,
            "a command outside of a function",
            "move it into a function: a file that is cut off or sourced must do nothing",
        )


def _layout(source: SourceText) -> Iterator[Finding]:
    for number, line in enumerate(source.text.split("\n"), 1):
        if "\t" in line:
            place = Location(source.file, number, line.index("\t") + 1)
            yield Finding(
                "GS332", Severity.ERROR, "a tab", place, "use spaces: a tab spoils the block form in user data"
            )
        if line != line.rstrip():
            place = Location(source.file, number, len(line.rstrip()) + 1)
            yield Finding("GS332", Severity.ERROR, "a blank at the end of the line", place, "remove it")


def _functions(bodies: _Parsed, fragments: _Parsed) -> Iterator[Finding]:
    whole = all(one.error is None for _, one in bodies)
    if whole and not any(name.name == "main" for _, one in bodies for name in one.functions):
        place = Location(bodies[0][0].file, 1, 1)
        yield Finding("GS333", Severity.ERROR, "the body has no function main", place, "add main() { … }")
    owners: dict[str, SourceText] = {}
    for fragment, one in fragments:
        prefix = _prefix(fragment)
        for name in one.functions:
            owners[name.name] = fragment
            if not name.name.startswith((f"{prefix}_", f"_{prefix}_")):
                yield _finding(
                    "GS334",
                    fragment,
                    name,
                    f"function {name.name} lacks its file's prefix",
                    f"name it {prefix}_{name.name}",
                )
    for source, one in bodies:
        for name in one.functions:
            owner = owners.setdefault(name.name, source)
            if owner is not source:
                hint = "rename one of the two"
                yield _finding("GS335", source, name, f"function {name.name} is also in {owner.file}", hint)


def _calls(bodies: _Parsed, fragments: _Parsed) -> Iterator[Finding]:
    """Calls of functions of fragments that the script does not list, and fragments that nobody calls."""
    parsed = [*bodies, *fragments]
    defined = {name.name for _, one in parsed for name in one.functions}
    known = {_prefix(source) for source, _ in fragments}
    for source, one in parsed:
        for name in one.calls:
            prefix = name.name.split("_")[0]
            if "_" in name.name and name.name not in defined and prefix in known:
                yield _finding("GS336", source, name, f"no function {name.name}", "define it, or correct the name")
    for source, one in fragments:
        mine = {name.name for name in one.functions}
        if not any(name.name in mine for other, two in parsed if other is not source for name in two.calls):
            place = Location(source.file, 1, 1)
            yield Finding(
                "GS337", Severity.ERROR, f"no function of {source.file} is used", place, "take it out of `fragments`"
            )


def _settings(template: Template, bodies: _Parsed, fragments: _Parsed) -> Iterator[Finding]:
    model = template.model
    assert isinstance(model, ScriptModel)  # noqa: S101 - check_template made sure
    declared = {*model.settings, *model.node_env}
    given = declared | set(BASE_ENV) if model.node_env else declared
    everywhere = {name.name for _, one in (*bodies, *fragments) for name in one.sets}
    everywhere |= ENVIRONMENT | _SPECIAL
    known = everywhere | given
    used = {name.name for _, one in bodies for name in one.reads}
    for section, names in (("settings", model.settings), ("node_env", model.node_env)):
        for setting in names:
            if setting not in used:
                place = template.locate((section, setting), key=True)
                hint = "use it in the body, or remove it"
                yield Finding("GS338", Severity.ERROR, f"setting {setting} is declared and not used", place, hint)
    for source, one in bodies:
        for name in one.reads:
            if name.name not in known:
                hint = f"declare it under `settings` in {template.document.file}, or assign it"
                yield _finding("GS339", source, name, f"{name.name} is neither declared nor set", hint)
        for name in one.sets:
            if name.name in declared:
                hint = "a setting is read-only"
                yield _finding("GS340", source, name, f"setting {name.name} is set by the body", hint)
    for fragment, one in fragments:
        for name in one.reads:
            if name.name in declared:
                hint = "take it as an argument: a fragment reads no settings"
                yield _finding("GS341", fragment, name, f"fragment reads setting {name.name}", hint)
            elif name.name not in everywhere:
                hint = "take it as an argument, or assign it"
                yield _finding("GS339", fragment, name, f"{name.name} is neither declared nor set", hint)


def _prefix(source: SourceText) -> str:
    return source.file.rsplit("/", 1)[-1].removesuffix(".sh")
