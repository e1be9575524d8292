"""Quoting: what each format's function writes, and what it refuses.

The shells and systemd read it in test_quote_shells.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gpuaas_scripts.renderers import quote
from gpuaas_scripts.renderers.quote import QuoteError

Quoter = Callable[[str], str]

# All text but NUL and surrogates: what a process's argument or environment can hold.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


def environment(value: str) -> str:
    return quote.systemd_environment("NAME", value)


def assignment(value: str) -> str:
    return quote.posix_assignment("NAME", value)


def udev_match(value: str) -> str:
    return quote.udev_value(value, match=True)


EVERY_FORMAT: list[Quoter] = [
    quote.posix,
    assignment,
    quote.kernel_argument,
    quote.module_name,
    quote.systemd_exec_argument,
    environment,
    quote.systemd_text,
    quote.udev_value,
    udev_match,
    quote.sysctl_value,
    quote.ini_value,
    quote.dnsmasq_value,
]
LINE_FORMATS: list[Quoter] = [quote.systemd_text, quote.sysctl_value, quote.ini_value, quote.dnsmasq_value]


@pytest.mark.parametrize("quoter", EVERY_FORMAT)
@pytest.mark.parametrize("value", ["a\0b", "a\ud800b", "\udcff"])
def test_no_format_carries_nul_or_a_lone_surrogate(quoter: Quoter, value: str) -> None:
    with pytest.raises(QuoteError, match=r"cannot hold .*allowed"):
        quoter(value)


@settings(deadline=None)
@given(TEXT)
@example("'")
@example("")
@example("-n a'b\n\\'\r\n")
def test_posix_is_one_single_quoted_word(value: str) -> None:
    quoted = quote.posix(value)
    assert quoted.startswith("'")
    assert quoted.endswith("'")
    assert shlex.split(quoted) == [value]


def test_posix_says_where() -> None:
    with pytest.raises(QuoteError, match=r"NUL \(character 3\)"):
        quote.posix("ab\0")
    with pytest.raises(QuoteError, match=r"lone surrogate U\+DCFF \(character 2\)"):
        quote.posix("é\udcff")


def test_posix_assignment() -> None:
    assert quote.posix_assignment("GPUAAS_A1", "it's") == "GPUAAS_A1='it'\\''s'"


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A\n", "É", "A=", "A١"])
@pytest.mark.parametrize("quoter", [quote.posix_assignment, quote.systemd_environment])
def test_bad_variable_names(quoter: Callable[[str, str], str], name: str) -> None:
    with pytest.raises(QuoteError, match="is not a variable name; it must be letters"):
        quoter(name, "x")


@pytest.mark.parametrize(
    "value",
    [
        "iommu=pt",
        "hugepages=0:4,1:4",
        "vfio-pci.ids=10de:2335",
        "console=ttyS0,115200n8",
        "root=/dev/disk/by-id/x@1+2%3",
    ],
)
def test_kernel_arguments(value: str) -> None:
    assert quote.kernel_argument(value) == value


@pytest.mark.parametrize(
    "character", [" ", "\t", "\n", '"', "'", "$", "`", "\\", ";", "&", "|", "{", "#", "*", "!", "é"]
)
def test_kernel_arguments_refused(character: str) -> None:
    with pytest.raises(QuoteError, match=r"\(character 2 of .*; allowed are A-Z"):
        quote.kernel_argument(f"a{character}b")
    with pytest.raises(QuoteError, match=r"cannot hold .*\(character 2 of"):
        quote.kernel_argument(f"a{character}")


def test_empty_names() -> None:
    for quoter in (quote.kernel_argument, quote.module_name):
        with pytest.raises(QuoteError, match="cannot be empty; allowed are"):
            quoter("")


def test_module_names() -> None:
    assert quote.module_name("vfio-pci") == "vfio-pci"
    for bad in ("-r", "a b", "a/b", "a\n", "a#b", "é", "a=1"):
        with pytest.raises(QuoteError, match="a kernel module name cannot hold"):
            quote.module_name(bad)


@pytest.mark.parametrize(
    ("value", "argument", "in_environment"),
    [
        ("", '""', '"NAME="'),
        ("plain", '"plain"', '"NAME=plain"'),
        ("50% of $HOME", '"50%% of $$HOME"', '"NAME=50%% of $HOME"'),
        ('say "it\'s"', '"say \\"it\'s\\""', '"NAME=say \\"it\'s\\""'),
        ("a\\", '"a\\\\"', '"NAME=a\\\\"'),
        ("a\n\tb\rc\x01d\x7f", '"a\\n\\tb\\rc\\x01d\\x7f"', '"NAME=a\\n\\tb\\rc\\x01d\\x7f"'),
        (";", '";"', '"NAME=;"'),
        ("ü€😀", '"ü€😀"', '"NAME=ü€😀"'),
    ],
)
def test_systemd_words(value: str, argument: str, in_environment: str) -> None:
    assert quote.systemd_exec_argument(value) == argument
    assert environment(value) == in_environment


def test_systemd_text() -> None:
    assert quote.systemd_text('# 100% of \\x "it\'s" $HOME; ü') == '# 100%% of \\x "it\'s" $HOME; ü'
    with pytest.raises(QuoteError, match="cannot end in a backslash, which continues the line"):
        quote.systemd_text("a\\")


@pytest.mark.parametrize("quoter", [quote.systemd_exec_argument, environment, quote.systemd_text])
def test_systemd_takes_no_noncharacters(quoter: Quoter) -> None:
    for bad in ("\ufdd0", "\ufdef", "\ufffe", "\uffff", "\U0001fffe", "\U0010ffff"):
        with pytest.raises(QuoteError, match=r"noncharacter U\+[0-9A-F]+ \(character 2\)"):
            quoter(f"a{bad}")
    for good in ("\ufdcf", "\ufdf0", "\ufffd", "\U0001fffd", "\U0010fffd"):
        assert good in quoter(f"a{good}")


@pytest.mark.parametrize("quoter", LINE_FORMATS)
def test_line_formats(quoter: Quoter) -> None:
    assert quoter("a b ü") == "a b ü"
    for blank in (" a", "a ", "\u00a0a"):
        with pytest.raises(QuoteError, match="cannot start or end with a blank"):
            quoter(blank)
    for control in ("a\nb", "a\rb", "a\tb", "a\n", "a\x7f"):
        with pytest.raises(QuoteError, match=r"control character U\+00.. \(character 2\); only text on one line"):
            quoter(control)
    with pytest.raises(QuoteError, match="cannot be empty"):
        quoter("")


def test_udev_values() -> None:
    assert quote.udev_value("") == '""'
    assert quote.udev_value("a$b%c*") == '"a$$b%%c*"'
    assert udev_match("a$b%c") == '"a$b%c"'
    for quoter in (quote.udev_value, udev_match):
        for bad in ('a"', "a\\"):
            with pytest.raises(QuoteError, match=r"udev value cannot hold .* \(character 2\); any text without"):
                quoter(bad)
        with pytest.raises(QuoteError, match=r"control character U\+000A"):
            quoter("a\nb")
    for sign in "*?[]|":
        with pytest.raises(QuoteError, match=r"udev match cannot hold .* \(character 2\)"):
            udev_match(f"a{sign}b")


def test_sysctl_values_are_unchanged() -> None:
    assert quote.sysctl_value("|/usr/bin/x %p #1 ;\\") == "|/usr/bin/x %p #1 ;\\"


@pytest.mark.parametrize(("quoter", "signs"), [(quote.ini_value, "#;"), (quote.dnsmasq_value, "#")])
def test_comments(quoter: Quoter, signs: str) -> None:
    for sign in signs:
        assert quoter(f"a{sign}b") == f"a{sign}b"
        for bad in (f"{sign}a", f"a {sign}b"):
            with pytest.raises(QuoteError, match=r"starts a comment; it is allowed inside a word"):
                quoter(bad)
    with pytest.raises(QuoteError, match='cannot hold "'):
        quoter('a"b')


def test_ini_and_dnsmasq_differ() -> None:
    assert quote.dnsmasq_value("10.100.0.10,10.100.0.20,12h ;'") == "10.100.0.10,10.100.0.20,12h ;'"
    with pytest.raises(QuoteError, match="cannot hold '"):
        quote.ini_value("it's")
    with pytest.raises(QuoteError, match="cannot end in a backslash"):
        quote.ini_value("a\\")
