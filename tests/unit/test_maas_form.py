"""Forms reach MAAS as they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gpuaas_scripts.lab.maas_http import parse_form
from gpuaas_scripts.sinks.maas_form import multipart

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(st.sampled_from(["script", "tags", "add", "50-a+b=c:d_x"]), texts)))
def test_values_arrive_byte_for_byte(values: list[tuple[str, str]]) -> None:
    fields, files = parse_form(*multipart(values))
    assert not files
    wanted: dict[str, list[str]] = {}
    for name, value in values:
        wanted.setdefault(name, []).append(value)
    assert fields == wanted


def test_lines_that_look_like_a_boundary() -> None:
    for value in ("--\r\n--x--\r\n", "\r\n\r\n--", "Content-Disposition: form-data; name=y\r\n\r\n", "a\rb\nc\r\n"):
        assert parse_form(*multipart([("script", value)]))[0] == {"script": [value]}


def test_a_name_cannot_end_its_quotes() -> None:
    kind, body = multipart([('a"; filename="b\r\nX: y', "v")])
    assert parse_form(kind, body)[1] == {}
    assert b'name="a%22; filename=%22b%0D%0AX: y"' in body
