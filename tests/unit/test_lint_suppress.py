"""Suppressions: they switch off what they name, where they stand, and only with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpuaas_scripts.checks import directives, suppress
from gpuaas_scripts.checks.base import Skip, Text, TextKind, Tree
from gpuaas_scripts.checks.comments import Comment, comments
from gpuaas_scripts.checks.lint import Report, lint
from gpuaas_scripts.errors import Finding, Severity
from gpuaas_scripts.renderers.script import Composed, Span

pytestmark = pytest.mark.process  # the comments of shell come from its syntax tree

CODE, OTHER = "GS338", "GS339"


def run(text: Text, *lines: int, code: str = CODE, skips: tuple[Skip, ...] = (), only: tuple[str, ...] = ()) -> Report:
    """Lint with one check, which finds `code` at the lines; the others find nothing."""
    found = [text.finding(code, "made up", line) for line in lines]
    answers = {"contract": [*found, *skips]}
    return lint([Tree((text,))], only=only, find=lambda name: lambda _: answers.get(name, []))


def told(report: Report) -> list[tuple[str, str]]:
    return [(finding.code, str(finding.location)) for finding in report.findings]


SHELL = """\
#!/bin/sh
main() {
  one # gpuaas: disable=GS338 reason: it is right here
  # gpuaas: disable=GS338 reason: it is right below
  two
  three
}
"""


def shell(content: str) -> Text:
    return Text("a.sh", content, TextKind.SHELL)


def test_at_the_line_and_above_it() -> None:
    report = run(shell(SHELL), 3, 5)
    assert told(report) == []
    assert report.suppressed == 2


def test_no_other_line_and_no_other_code() -> None:
    assert told(run(shell(SHELL), 3, 5, 6)) == [(CODE, "a.sh:6:1")]
    assert told(run(shell(SHELL), 3, 5, code=OTHER)) == [
        (OTHER, "a.sh:3:1"),
        ("GS402", "a.sh:3:7"),
        ("GS402", "a.sh:4:3"),
        (OTHER, "a.sh:5:1"),
    ]


def test_an_unused_one_is_a_warning_and_only_when_its_check_could_look() -> None:
    report = run(shell(SHELL), 3)
    assert told(report) == [("GS402", "a.sh:4:3")]
    assert report.findings[0].severity is Severity.WARNING
    assert told(run(shell(SHELL), 3, skips=(Skip("contract", "a tool is missing"),))) == []
    assert told(run(shell(SHELL), only=("shells",))) == []
    assert told(run(shell(SHELL), 3, only=("contract",))) == [("GS402", "a.sh:4:3")]


def test_several_codes_each_have_to_be_of_use() -> None:
    text = shell("#!/bin/sh\none # gpuaas: disable=GS338, GS339 reason: both\n")
    report = run(text, 2)
    assert [(one.code, one.message) for one in report.findings] == [("GS402", "nothing to switch off: no GS339 here")]


@pytest.mark.parametrize(
    ("comment", "code"),
    [
        ("gpuaas: disable=GS338", "GS400"),
        ("gpuaas: disable=GS338 reason:", "GS400"),
        ("gpuaas: disable=GS338 reason:   ", "GS400"),
        ("gpuaas: disable=GS999 reason: x", "GS401"),
        ("gpuaas: disable=SC2086 reason: x", "GS401"),
        ("gpuaas: disable=GS104 reason: x", "GS401"),
        ("gpuaas: disable=GS402 reason: x", "GS401"),
        ("gpuaas: disable GS338 reason: x", "GS406"),
        ("gpuaas: disable= reason: x", "GS406"),
        ("gpuaas: disable=GS338 because x", "GS406"),
        ("gpuaas: disable", "GS406"),
    ],
)
def test_one_that_is_not_right_switches_nothing_off(comment: str, code: str) -> None:
    report = run(shell(f"#!/bin/sh\none # {comment}\n"), 2)
    assert told(report) == [(CODE, "a.sh:2:1"), (code, "a.sh:2:5")]
    assert all(finding.hint for finding in report.findings if finding.code == code)


@pytest.mark.parametrize(
    "comment",
    ["gpuaas is disabled here", "gpuaas: disabled", "disable=GS338 reason: x", "nogpuaas: disable=GS338 reason: x"],
)
def test_other_comments_are_none(comment: str) -> None:
    assert told(run(shell(f"#!/bin/sh\none # {comment}\n"))) == []


def test_text_that_looks_like_a_comment() -> None:
    content = "#!/bin/sh\ncat <<E\n# gpuaas: disable=GS338\nE\nx='\n# gpuaas: disable=GS338\n'\n"
    assert told(run(shell(content))) == []
    assert comments(shell(content)) == []


def test_shell_that_cannot_be_parsed_still_has_its_suppressions() -> None:
    assert told(run(shell("#!/bin/sh\nif ( # gpuaas: disable=GS338 reason: broken on purpose\n"), 2)) == []


def test_of_a_composed_script_in_the_source() -> None:
    """The place is that of the template; the fragment of two scripts needs its suppression in one of them only."""
    source = "# gpuaas: disable=GS338 reason: x\nlog_say() { :; }\n"
    spans = (Span(3, 2, "templates/lib/log.sh"),)
    texts = [
        Text(path, "#!/bin/sh\n\n" + source, TextKind.SHELL, composed=Composed("#!/bin/sh\n\n" + source, spans))
        for path in ("one.sh", "two.sh")
    ]
    found = texts[0].finding(CODE, "made up", 4)
    assert str(found.location) == "templates/lib/log.sh:2:1"
    trees = [Tree((text,)) for text in texts]
    answers = [[found], []]

    def find(name: str):  # noqa: ANN202
        return lambda tree: answers[trees.index(tree)] if name == "contract" else []

    assert told(lint(trees, find=find)) == []
    answers[0] = []
    assert told(lint(trees, find=find)) == [("GS402", "templates/lib/log.sh:1:1")]


@pytest.mark.parametrize(
    ("path", "content", "line"),
    [
        ("a.service", "[Unit]\n# gpuaas: disable=GS338 reason: x\nAfter=a\n", 3),
        ("a.service", "[Unit]\n; gpuaas: disable=GS338 reason: x\nAfter=a\n", 3),
        ("etc/sysctl.d/a.conf", "# gpuaas: disable=GS338 reason: x\n\n# more\nvm.a = 1\n", 4),
        ("etc/modprobe.d/a.conf", "# gpuaas: disable=GS338 reason: x\noptions a b=1\n", 2),
        ("etc/dnsmasq.d/a.conf", "port=0 # gpuaas: disable=GS338 reason: x\n", 1),
        ("a.toml", "a = 1 # gpuaas: disable=GS338 reason: x\n", 1),
        ("a.yaml", "a: 1 # gpuaas: disable=GS338 reason: x\n", 1),
        ("a.yaml", "a:\n  # gpuaas: disable=GS338 reason: x\n  b: 1\n", 3),
        ("etc/default/grub.d/a.cfg", "a=1 # gpuaas: disable=GS338 reason: x\n", 1),
        ("etc/gpuaas/node.env", "# gpuaas: disable=GS338 reason: x\na=1\n", 2),
        ("README", "# gpuaas: disable=GS338 reason: x\na\n", 2),
    ],
)
def test_other_formats(path: str, content: str, line: int) -> None:
    from gpuaas_scripts.checks.detect import kind_of

    text = Text(path, content, kind_of(path, content)[0])
    assert told(run(text, line)) == []
    assert [code for code, _ in told(run(text))] == ["GS402"]


def test_a_unit_has_no_comments_after_a_value() -> None:
    text = Text("a.service", "[Service]\nExecStart=/bin/a # gpuaas: disable=GS338 reason: x\n", TextKind.UNIT)
    assert told(run(text, 2)) == [(CODE, "a.service:2:1")]


def test_json_has_none() -> None:
    assert comments(Text("a.json", '{"a": "# gpuaas: disable=GS338"}\n', TextKind.JSON)) == []


USER_DATA = """\
#cloud-config
write_files:
  - path: /a
    content: |
      one
      # gpuaas: disable=GS338
      two # gpuaas: disable=GS338 reason: x
runcmd: # gpuaas: disable=GS338 reason: y
"""


def test_a_script_within_user_data_speaks_for_itself_where_it_comes_from() -> None:
    """What is wrong with suppressions in an embedded file is told of the file; those that are right work."""
    text = Text("user-data.yaml", USER_DATA, TextKind.CLOUD_CONFIG)
    assert told(run(text, 7)) == [("GS402", "user-data.yaml:8:9")]
    mime = Text("user-data", f"MIME-Version: 1.0\n\n{USER_DATA}", TextKind.USER_DATA)
    assert told(run(mime)) == []
    assert told(run(mime, 9)) == []


def test_user_data_without_a_finding_is_not_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site has as many of them as nodes, each as large as all files of the profile together."""
    texts = [Text(f"{n}/user-data", f"MIME-Version: 1.0\n\n{USER_DATA}", TextKind.USER_DATA) for n in range(3)]
    found = [texts[1].finding(CODE, "made up", 9), texts[1].finding(CODE, "made up", 3)]
    read = []

    def noted(text: Text, holding: str) -> list[Comment]:
        read.append(text.path)
        return comments(text, holding)

    monkeypatch.setattr(suppress, "comments", noted)
    report = lint([Tree(tuple(texts))], find=lambda name: lambda _: found if name == "contract" else [])
    assert told(report) == [(CODE, "1/user-data:3:1")]
    assert read == ["1/user-data"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (SHELL, TextKind.SHELL),
        (USER_DATA, TextKind.CLOUD_CONFIG),
        (USER_DATA, TextKind.USER_DATA),
        ("a: b # other\n", TextKind.YAML),
        ("# gpuaas: a\n\n; b\n# gpuaas: c", TextKind.UNIT),
        ("#!/bin/gpuaas: a\ngpuaas: b # c\n# gpuaas: d gpuaas: e\n\n# gpuaas:", TextKind.OTHER),
        ("gpuaas:", TextKind.OTHER),
        ("", TextKind.OTHER),
    ],
)
def test_comments_that_hold_a_text(content: str, kind: TextKind) -> None:
    text = Text("a", content, kind)
    assert comments(text, "gpuaas:") == [one for one in comments(text) if "gpuaas:" in one.text]


def test_in_the_description_of_a_template(tmp_path) -> None:  # noqa: ANN001
    import support

    from gpuaas_scripts.checks.collect import tree_of_plan
    from gpuaas_scripts.config.site import load
    from gpuaas_scripts.planner import make_plan
    from gpuaas_scripts.templates import Library

    repository = support.repository(tmp_path)
    document = "templates/scripts/lab-hello/script.yaml"
    repository.edit(document, "settings:\n", "settings:\n  # gpuaas: disable=GS338 reason: a later version uses it\n")
    tree = tree_of_plan(make_plan(load("lab", tmp_path).site, Library([tmp_path / "templates"])))
    template = next(text.artifact.template for text in tree.texts if text.path.endswith("lab-hello"))
    found = Finding(CODE, Severity.ERROR, "made up", template.locate(("settings", "BRIDGE_NAME"), key=True))
    assert told(lint([tree], find=lambda name: lambda _: [found] if name == "contract" else [])) == []
    assert told(lint([tree], find=lambda _: lambda _: [])) == [("GS402", f"{document}:6:3")]


@pytest.mark.parametrize(
    ("lines", "places"),
    [
        ("# shellcheck disable=SC2016\n", ["2:1"]),
        ("# shellcheck disable=SC2016 # the text is for awk\n", []),
        ("# the text is for awk\n# shellcheck disable=SC2016\n", []),
        ("#\n# shellcheck disable=SC2016\n", ["3:1"]),
        ("# a reason\n\n# shellcheck disable=SC2016\n", ["4:1"]),
        ("# shellcheck disable=SC2016 # a reason\n# shellcheck disable=SC2086\n", ["3:1"]),
        ("# shellcheck source=/dev/null disable=SC2016,SC2086\n", ["2:1"]),
        ("# shellcheck shell=dash\n", []),
        ("cat <<E\n# shellcheck disable=SC2016\nE\n", []),
        ("one # a reason\n# shellcheck disable=SC2016\n", ["3:1"]),
    ],
)
def test_directives_of_shellcheck_need_a_reason_too(lines: str, places: list[str]) -> None:
    text = shell(f"#!/bin/sh\n{lines}one\n")
    assert [one for one in told(run(text)) if one[0] == "GS403"] == [("GS403", f"a.sh:{place}") for place in places]
    assert told(run(Text("a.yaml", text.content, TextKind.YAML))) == []


def shellcheck(content: str) -> list[tuple[str, str]]:
    """What lint says of a script with shellcheck itself."""
    return told(lint([Tree((shell(content),))], only=("shellcheck",)))


DIRECTIVE = "# shellcheck disable=SC2086 # words are meant"
SCRIPT = """\
#!/bin/sh
set -eu
main() {{
  {before}
  one $words
  {after}
  two $words \\
    three
}}
main "$@"
"""


def test_a_directive_covers_the_command_below_it_and_no_other() -> None:
    uncovered = ("SC2086", "a.sh:7:7")
    covered = ("SC2086", "a.sh:5:7")
    undefined = [("SC2154", "a.sh:5:7")]
    assert {*shellcheck(SCRIPT.format(before=":", after=":"))} == {*undefined, covered, uncovered}
    assert {*shellcheck(SCRIPT.format(before=DIRECTIVE, after=":"))} == {*undefined, uncovered}
    assert {*shellcheck(SCRIPT.format(before=DIRECTIVE, after=DIRECTIVE))} == {*undefined}


@pytest.mark.parametrize(
    "content",
    [
        f"{DIRECTIVE}\nf() {{\n  one $1\n\n  two $2\n}}\nf a b\n",
        f"{DIRECTIVE}\nset -eu\none $1\ntwo $2\n",  # before the first command: the whole file
        f"set -eu\ncase $1 in\n{DIRECTIVE}\na)\n  one $1\n  ;;\n*) : ;;\nesac\n",
        f"set -eu\n{DIRECTIVE}\ncat $1 <<E\n$2\nE\n",
        f"set -eu\n{DIRECTIVE}\ncat <<E\n$(one $2)\nE\n",
        f"set -eu\n{DIRECTIVE}\n\n# more to read\none |\n  two $1\n",
    ],
)
def test_a_directive_covers_all_of_a_command(content: str) -> None:
    assert shellcheck(f"#!/bin/sh\n{content}") == []
    assert {code for code, _ in shellcheck(f"#!/bin/sh\n{content.replace(DIRECTIVE, '# a word')}")} == {"SC2086"}


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (f'set -eu\n{DIRECTIVE}\none "$1"\n', "3:1"),
        (f"set -eu\n{DIRECTIVE}\n:\none $1 # gpuaas: disable=GS412 reason: unlike\n", "3:1"),
        ("set -eu\n# shellcheck disable=SC2086,SC2016 # words\none $1\n", "3:1"),
        (f"{DIRECTIVE}\nset -eu\n", "2:1"),
    ],
)
def test_a_directive_for_nothing_is_told(content: str, place: str) -> None:
    assert ("GS402", f"a.sh:{place}") in shellcheck(f"#!/bin/sh\n{content}")


@pytest.mark.parametrize(
    "directive",
    [
        "# shellcheck disable=SC1091 # on the host",  # lint follows no file, so it cannot tell
        "# shellcheck source=/dev/null disable=SC2016 # words",  # with others: shellcheck's own
        "# shellcheck disable=all # words",
        "# shellcheck disable=SC2000-SC2999 # words",
    ],
)
def test_what_cannot_be_judged_is_not_told(directive: str) -> None:
    assert shellcheck(f'#!/bin/sh\nset -eu\n{directive}\none "$1"\n') == []


def test_what_a_directive_covers_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text = f"#!/bin/sh\nf() {{\n  {DIRECTIVE}\n  one $1\n}}\nf a\n"
    told = []
    for damage in (False, False, True):
        directives._parsed.cache_clear()
        if damage:
            [kept] = (tmp_path / "gpuaas-gen/shell-extents").iterdir()
            kept.write_bytes(b"[1")
        told.append(directives.directives(text))
    assert told[0] == told[1] == told[2]
    assert [(one.first, one.last) for one in told[0]] == [(4, 4)]
