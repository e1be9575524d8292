"""Errors and findings: the two ways in which something can be said to be wrong.

A *finding* is one problem in what the user wrote, with the place it is about. Findings are
collected, never raised one by one. A *GpuaasError* ends a verb; the CLI catches it once and
shows it without a traceback. Every other exception is a defect of this program and keeps its
traceback.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class ExitCode(IntEnum):
    """Exit codes of `gpuaas-gen`, the same for every verb."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    DRIFT = 3
    REMOTE = 4


class Severity(StrEnum):
    """How bad a finding is: an error keeps a verb from going on, a warning is shown."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a source file. `line` and `column` count from 1; 0 means the file as a whole.

    `length` is the number of characters the caret line underlines.
    """

    file: str
    line: int = 0
    column: int = 0
    length: int = 1

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem: a stable code, what is wrong, where, and how to go on.

    `also` names further places that take part (the other slot that holds the same GPU). With
    `secret`, the source line holds a likely secret and is never shown.
    """

    code: str
    severity: Severity
    message: str
    location: Location
    hint: str = ""
    also: tuple[Location, ...] = ()
    secret: bool = False

    def __str__(self) -> str:
        return f"{self.location}: {self.severity}: {self.message} [{self.code}]"


class GpuaasError(Exception):
    """Root of all errors that are shown to the user without a traceback.

    `hint` says how to go on; `exit_code` is the verb's exit status.
    """

    def __init__(self, message: str, *, hint: str = "", exit_code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code = exit_code


class FindingsError(GpuaasError):
    """A verb cannot go on because of findings; it carries all of them."""

    def __init__(self, message: str, findings: Iterable[Finding] = (), *, exit_code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message, exit_code=exit_code)
        self.findings: tuple[Finding, ...] = tuple(findings)
