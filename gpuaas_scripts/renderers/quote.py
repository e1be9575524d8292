"""Quoting: one function per format that a value is written into.

Each function takes text and returns exactly what stands in the file; read by that format's own
reader it is the text again, byte for byte. What a format cannot carry raises `QuoteError`, whose
message says what is wrong, where, and what would be valid: nothing is dropped or replaced.
"""

from __future__ import annotations

import re
from typing import Final


class QuoteError(ValueError):
    """A value that a format cannot carry. The message says what is wrong and what would be valid."""


_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_KERNEL_ARGUMENT: Final = re.compile(r"[A-Za-z0-9_.,:=/@+%-]+")
_MODULE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


def posix(value: str) -> str:
    """`value` as one single-quoted word of POSIX shell; every shell reads it the same.

    Always quoted, so that a reviewer never has to ask whether a value is. Newlines, non-ASCII text,
    backslashes and leading dashes stay as they are (POSIX.1-2017, shell command language, 2.2.2).
    Raises QuoteError for NUL and for lone surrogates, which no shell variable can hold.
    """
    _text(value, "a shell value")
    return "'" + value.replace("'", "'\\''") + "'"


def posix_assignment(name: str, value: str) -> str:
    """`NAME='value'`, for a settings block or an environment file. Raises as `posix` does, and for a bad name."""
    return f"{_variable(name)}={posix(value)}"


def kernel_argument(value: str) -> str:
    """One kernel argument, unchanged, for `GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX …"` in a grub.d file.

    The text is read three times: by the shell inside double quotes, by grub's own script language
    (grub-mkconfig copies it unquoted into grub.cfg) and by the kernel. Only characters that mean
    nothing to any of them are let through; blanks would make two arguments.
    """
    if not _KERNEL_ARGUMENT.fullmatch(value):
        raise QuoteError(_allowed("a kernel argument", value, _KERNEL_ARGUMENT, "A-Z a-z 0-9 and _ . , : = / @ + % -"))
    return value


def module_name(value: str) -> str:
    """A kernel module's name, unchanged, for modules-load.d and modprobe.d."""
    if not _MODULE.fullmatch(value):
        raise QuoteError(_allowed("a kernel module name", value, _MODULE, "A-Z a-z 0-9 _ and, not first, -"))
    return value


# systemd drops a line that holds one of Unicode's noncharacters as "not UTF-8 clean" (its utf8.c, unichar_is_valid).
_NONCHARACTER: Final = re.compile(
    "[\ufdd0-\ufdef"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000))
    + "]"
)

# systemd: words are unquoted and C-unescaped first, then specifiers (%) are replaced, and in Exec
# lines variables ($) last. systemd.syntax(7) Quoting, systemd.unit(5) Specifiers, systemd.service(5) Command lines.
_SYSTEMD: Final = {code: f"\\x{code:02x}" for code in (*range(1, 32), 127)} | {
    ord("\\"): "\\\\",
    ord('"'): '\\"',
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    ord("%"): "%%",
}
_SYSTEMD_EXEC: Final = _SYSTEMD | {ord("$"): "$$"}


def systemd_exec_argument(value: str) -> str:
    """`value` as one double-quoted argument of an `ExecStart=`-like line (systemd.service(5)).

    Not for the first word: the program's path takes prefixes (`@-:+!|`) and does not read `$$`. After
    the prefix `:` systemd leaves `$$` as it stands, so do not combine the two.
    """
    return f'"{_systemd(value, "a systemd argument").translate(_SYSTEMD_EXEC)}"'


def systemd_environment(name: str, value: str) -> str:
    """`"NAME=value"`, one word of an `Environment=` line (systemd.exec(5)): there `$` stands for itself."""
    text = _systemd(value, "a systemd environment value")
    return f'"{_variable(name)}={text.translate(_SYSTEMD)}"'


def systemd_text(value: str) -> str:
    """`value` for a setting that is read to the end of its line, such as `Description=`, with `%` doubled.

    Such a setting knows no quotes and no escapes, so line breaks, control characters, blanks at either end, a
    backslash at the end (it continues the line) and the empty text (it resets the setting) are refused.
    `#` and `;` start a comment only at the start of a line, which is the setting's name here.
    """
    _line(_systemd(value, "a systemd text"), "a systemd text")
    _no_continuation(value, "a systemd text")
    return value.replace("%", "%%")


def udev_value(value: str, *, match: bool = False) -> str:
    """`value` in double quotes for a udev rule (udev(7)): of an assignment, or with `match` of a `==` or `!=`.

    Assignments replace `$` and `%`, which are doubled. Matches are patterns whose signs cannot be
    quoted, so a match with one of `* ? [ ] |` is refused, as are quotes and backslashes everywhere
    (a rule reads only `\\"`, and a backslash at the end would take the closing quote).
    """
    _controls(value, "a udev value")
    _none_of(value, '"\\', "a udev value")
    if match:
        _none_of(value, "*?[]|", "a udev match")
        return f'"{value}"'
    return '"' + value.replace("$", "$$").replace("%", "%%") + '"'


def sysctl_value(value: str) -> str:
    """`value`, unchanged, for `key = value` in sysctl.d(5): one line, not empty, no blank at either end."""
    _line(value, "a sysctl value")
    return value


def ini_value(value: str) -> str:
    """`value`, unchanged, for `key=value` of an INI file whose readers disagree on quotes and comments.

    Only what all of them read alike: one line, no quotes, no backslash at the end, no `#` or `;` at the
    start or after a blank.
    """
    _line(value, "an INI value")
    _none_of(value, "\"'", "an INI value")
    _no_comment(value, "#;", "an INI value")
    _no_continuation(value, "an INI value")
    return value


def dnsmasq_value(value: str) -> str:
    """`value`, unchanged, for `option=value` of dnsmasq.conf: one line, no `"`, no `#` at the start or after a blank.

    Commas and slashes are the option's own syntax and stay (dnsmasq(8), Configuration file).
    """
    _line(value, "a dnsmasq value")
    _none_of(value, '"', "a dnsmasq value")
    _no_comment(value, "#", "a dnsmasq value")
    return value


def comment(value: str) -> str:
    """`value`, unchanged, for a comment that ends with its line: no line break and no other control character."""
    _controls(value, "a comment")
    return value


def _text(value: str, what: str) -> str:
    """`value` if UTF-8 and a C string can hold it."""
    if "\0" in value:
        raise QuoteError(
            f"{what} cannot hold NUL (character {value.index(chr(0)) + 1}); any other character is allowed"
        )
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            code = ord(value[error.start])
            raise QuoteError(
                f"{what} cannot hold the lone surrogate U+{code:04X} (character {error.start + 1}); "
                "only text that UTF-8 can hold is allowed"
            ) from None
    return value


def _systemd(value: str, what: str) -> str:
    """`value` if systemd takes it for text."""
    _text(value, what)
    if not value.isascii() and (found := _NONCHARACTER.search(value)):
        raise QuoteError(
            f"{what} cannot hold the noncharacter U+{ord(found[0]):04X} (character {found.start() + 1}); "
            "any other character is allowed"
        )
    return value


def _variable(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise QuoteError(
            f"{name!r} is not a variable name; it must be letters, digits and underscores "
            "(A-Z a-z 0-9 _), not starting with a digit"
        )
    return name


def _controls(value: str, what: str) -> None:
    _text(value, what)
    if found := _CONTROL.search(value):
        raise QuoteError(
            f"{what} cannot hold the control character U+{ord(found[0]):04X} (character {found.start() + 1}); "
            "only text on one line without tabs is allowed"
        )


def _line(value: str, what: str) -> None:
    """Refuse what a setting read to the end of its line cannot carry."""
    _controls(value, what)
    if not value:
        raise QuoteError(f"{what} cannot be empty; give it a text or leave the setting out")
    if value != value.strip():
        raise QuoteError(f"{what} cannot start or end with a blank, which its reader drops; remove it")


def _none_of(value: str, refused: str, what: str) -> None:
    for position, character in enumerate(value, 1):
        if character in refused:
            raise QuoteError(
                f"{what} cannot hold {character} (character {position}); "
                f"any text without {' '.join(refused)} is allowed"
            )


def _no_comment(value: str, signs: str, what: str) -> None:
    if found := re.search(rf"(?:^|\s)[{signs}]", value):
        raise QuoteError(
            f"{what} cannot hold {found[0][-1]} at its start or after a blank (character {found.end()}), where it "
            "starts a comment; it is allowed inside a word"
        )


def _no_continuation(value: str, what: str) -> None:
    if value.endswith("\\"):
        raise QuoteError(f"{what} cannot end in a backslash, which continues the line; end it in another character")


def _allowed(what: str, value: str, pattern: re.Pattern[str], characters: str) -> str:
    """The message for a value that does not match `pattern`: where it stops, and the allowed characters."""
    if not value:
        return f"{what} cannot be empty; allowed are {characters}"
    matched = pattern.match(value)
    position = matched.end() if matched else 0
    return f"{what} cannot hold {value[position]!r} (character {position + 1} of {value!r}); allowed are {characters}"
