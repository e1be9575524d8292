"""Templates of units and files: strict, every value through a quoting filter."""

from __future__ import annotations

import pytest

from gpuaas_scripts.renderers.jinja import TemplateProblemError, render, used_names
from gpuaas_scripts.renderers.quote import QuoteError
from gpuaas_scripts.templates import SourceText


def source(text: str) -> SourceText:
    return SourceText("templates/files/x/content.j2", text)


def test_a_value_goes_through_its_filter() -> None:
    assert render(source("Description={{ A | systemd_text }}\n"), {"A": "50% done"}) == "Description=50%% done\n"


def test_lists_rows_and_conditions() -> None:
    text = "{% for item in A %}\n{{ item | sysctl }}\n{% endfor %}\n{% if B %}\nyes\n{% endif %}\n"
    assert render(source(text), {"A": ("x", "y"), "B": None}) == "x\ny\n"


def test_environment_takes_its_name() -> None:
    assert render(source("Environment={{ A | systemd_env('NAME') }}\n"), {"A": "a b%"}) == 'Environment="NAME=a b%%"\n'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x\n{{ A }}\n", 2),  # no filter
        ("x\ny\n{{ UNKNOWN | sysctl }}\n", 3),
        ("{{ NONE | sysctl }}\n", 1),
        ("{{ LIST | sysctl }}\n", 1),
        ("x\n{% if %}\n", 2),
        ("{{ A | nofilter }}\n", 1),
        ("{% if UNKNOWN %}x{% endif %}\n", 1),
    ],
)
def test_problems_name_the_line(text: str, line: int) -> None:
    with pytest.raises(TemplateProblemError) as caught:
        render(source(text), {"A": "a", "NONE": None, "LIST": ("a",)})
    assert caught.value.line == line


def test_a_value_that_the_format_cannot_hold_is_a_quote_error() -> None:
    with pytest.raises(QuoteError):
        render(source("{{ A | sysctl }}\n"), {"A": "two\nlines"})


def test_used_names() -> None:
    assert used_names(source("{{ A | sysctl }}{% for b in B %}{{ b | sysctl }}{% endfor %}")) == {"A", "B"}
