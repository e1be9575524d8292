"""Renders Jinja templates of units and files: strict, and every value through a quoting filter.

A filter returns `Quoted`; an expression that is anything else is refused, so that no value
reaches a file unquoted.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jinja2
import jinja2.meta

from . import quote
from .script import shell_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..config.keys import Value
    from ..templates import SourceText


class Quoted(str):
    """Text that went through a quoting filter."""

    __slots__ = ()


class TemplateProblemError(Exception):
    """A template that cannot be rendered: what is wrong, and in which of its lines."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def render(body: SourceText, values: Mapping[str, Value]) -> str:
    """Render a template with its declared settings; raises TemplateProblemError or QuoteError."""
    try:
        template = _compiled(body.text)
        return template.render(values)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateProblemError(error.message or "syntax error", error.lineno) from None
    except (jinja2.UndefinedError, jinja2.TemplateRuntimeError, TypeError) as error:
        raise TemplateProblemError(str(error), _line_of(error)) from None


def used_names(body: SourceText) -> set[str]:
    """Names of the settings that a template uses; raises TemplateProblemError."""
    try:
        return jinja2.meta.find_undeclared_variables(_environment().parse(body.text))
    except jinja2.TemplateSyntaxError as error:
        raise TemplateProblemError(error.message or "syntax error", error.lineno) from None


@lru_cache(maxsize=256)
def _compiled(text: str) -> jinja2.Template:
    return _environment().from_string(text)


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(  # noqa: S701 - no HTML; every value goes through a filter of its format
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_only_quoted,
    )
    filters: dict[str, Callable[[str], str]] = {
        "systemd_text": quote.systemd_text,
        "systemd_exec": quote.systemd_exec_argument,
        "sysctl": quote.sysctl_value,
        "udev": quote.udev_value,
        "dnsmasq": quote.dnsmasq_value,
        "kernel_arg": quote.kernel_argument,
        "module": quote.module_name,
    }
    environment.filters = {name: _quoting(function) for name, function in filters.items()}
    environment.filters["systemd_env"] = _systemd_env
    return environment


def _quoting(function: Callable[[str], str]) -> Callable[[Any], Quoted]:
    def apply(value: Any) -> Quoted:  # noqa: ANN401 - what a template holds
        if isinstance(value, (jinja2.Undefined, tuple)) or value is None:
            raise TypeError(f"the filter takes one set value, not {value!r}")
        return Quoted(function(shell_text(value)))

    return apply


def _systemd_env(value: Any, name: str) -> Quoted:  # noqa: ANN401 - what a template holds
    return _quoting(lambda text: quote.systemd_environment(name, text))(value)


def _only_quoted(value: Any) -> Any:  # noqa: ANN401 - jinja's hook
    if isinstance(value, Quoted):
        return value
    if isinstance(value, jinja2.Undefined):
        str(value)  # raises what StrictUndefined says
    raise TypeError(f"value {value!r} goes through no quoting filter")


def _line_of(error: BaseException) -> int:
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
