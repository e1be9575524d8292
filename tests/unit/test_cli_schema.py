"""The JSON Schemas say of a file what reading it says: in both colours, for every key of every kind."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, get_args, get_origin

import msgspec
import pytest
from jsonschema import Draft202012Validator
from support import FILES, gen, only_own_templates

from gpuaas_scripts.cli.schema import KINDS as NAMES
from gpuaas_scripts.config import check, source
from gpuaas_scripts.config.scalars import KINDS as SCALARS
from gpuaas_scripts.config.scalars import TO_BE_APPROVED
from gpuaas_scripts.json_schema import KINDS, schema

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PLACES = {
    "site": "site-configs/sites/*.yaml",
    "node": "site-configs/nodes/*/*.yaml",
    "hardware": "site-configs/hardware/*.yaml",
    "profile": "site-configs/profiles/*.yaml",
    "script": "templates/scripts/*/script.yaml",
    "unit": "templates/units/*/unit.yaml",
    "file": "templates/files/*/file.yaml",
}


def valid(name: str, data: object) -> bool:
    """What the schema says."""
    return bool(Draft202012Validator(schema(name)).is_valid(data))


def read(name: str, data: object) -> bool:
    """What reading the file says: no GS1xx."""
    return not check.problems(check.strip(data)[0], KINDS[name].model)


def leaves(kind: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Every single value that a model can hold: its path and type."""
    plain = check.plain(kind)
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        for key, hint in check.fields(plain).items():
            yield from leaves(hint, (*path, key))
    elif get_origin(plain) is tuple:
        yield from leaves(get_args(plain)[0], (*path, 0))
    elif get_origin(plain) is dict:
        key_hint, hint = get_args(plain)
        yield from leaves(hint, (*path, str(example(key_hint))))
    else:
        yield path, kind


def example(hint: object) -> object:
    """A value that the type takes: from its own examples."""
    plain = check.plain(hint)
    if plain in SCALARS:
        return SCALARS[plain].example
    if plain is bool:
        return True
    if plain is int:
        return 1280 if "1280" in str(hint) else 1
    if isinstance(plain, type) and issubclass(plain, str) and hasattr(plain, "__members__"):
        return str(next(iter(plain.__members__.values())))
    found = re.search(r"examples=\[(.*?)\]\)", str(hint))
    return json.loads(found[1].replace("'", '"')) if found else "text"


def document(path: tuple[str | int, ...], value: object) -> object:
    """A document with one value."""
    for part in reversed(path):
        value = [value] if isinstance(part, int) else {part: value}
    return value


@pytest.mark.parametrize("name", KINDS)
def test_the_metaschema_accepts_it(name: str) -> None:
    found = schema(name)
    Draft202012Validator.check_schema(found)
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert KINDS[name].place in found["title"]
    assert found["description"]


@pytest.mark.parametrize("name", KINDS)
def test_every_key_has_a_description_and_every_reference_a_target(name: str) -> None:
    found = schema(name)
    for part in (found, *found["$defs"].values()):
        for key, inner in part.get("properties", {}).items():
            assert inner.get("description"), key
    targets = set(re.findall(r'"#/\$defs/([^"]+)"', json.dumps(found)))
    assert targets == set(found["$defs"])


@pytest.mark.parametrize("name", KINDS)
def test_patterns_are_those_of_editors(name: str) -> None:
    text = json.dumps(schema(name))
    assert "\\\\Z" not in text
    assert "(?P" not in text


@pytest.mark.parametrize("name", KINDS)
def test_it_says_the_same_as_reading_of_every_key(name: str) -> None:
    verdicts = {True: 0, False: 0}
    validator = Draft202012Validator(schema(name))
    for path, hint in leaves(KINDS[name].model):
        values: list[object] = [example(hint), None, {"a": 1}, [], "", "\n", 7, -1, 10**9, True, "!?", "A B"]
        values += [TO_BE_APPROVED] if KINDS[name].layer else []
        for value in values:
            data = document(path, value)
            expected = read(name, data)
            assert validator.is_valid(data) is expected, (path, value)
            verdicts[expected] += 1
        misspelt = document((*path[:-1], "zz-unknown"), example(hint))
        assert validator.is_valid(misspelt) is read(name, misspelt), path
    assert verdicts[True] > 5
    assert verdicts[False] > 5


@pytest.mark.parametrize("name", KINDS)
def test_every_example_is_valid(name: str) -> None:
    for path, hint in leaves(KINDS[name].model):
        data = document(path, example(hint))
        assert valid(name, data), (path, data)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("data", [[], "text", None, 1, {"zz-unknown": 1}])
def test_what_is_no_such_file_is_refused(name: str, data: object) -> None:
    assert not valid(name, data)


@pytest.mark.parametrize(
    ("name", "data", "good"),
    [
        ("node", {"network": {"bridge": {"address": "10.0.0.1/24"}}}, True),
        ("node", {"network": {"bridge": {"address": "10.0.0.1"}}}, False),
        ("node", {"network": {"bridge": {"address": "10.0.0.256/24"}}}, False),
        ("node", {"network": {"bridge": {"address": "10.0.0.1/33"}}}, False),
        ("node", {"network": {"bridge": {"address": "010.0.0.1/24"}}}, False),
        ("node", {"network": {"dhcp": {}}}, False),
        ("node", {"network": {"bridge": {"dhcp": {"lease": "12h"}}}}, True),
        ("node", {"network": {"bridge": {"dhcp": {"lease": "0h"}}}}, False),
        ("node", {"slice": {"memory": "64GiB"}}, True),
        ("node", {"slice": {"memory": "64GB"}}, False),
        ("node", {"network": None, "slots": TO_BE_APPROVED, "bmc": TO_BE_APPROVED}, True),
        ("node", {"slots": [TO_BE_APPROVED]}, True),
        ("node", {"slots": [None]}, False),
        ("node", {"slots": [{"gpu": None, "nvme": TO_BE_APPROVED}]}, True),
        ("node", {"slots": {"gpu": "0000:1b:00.0"}}, False),
        ("node", {"kernel": {"sysctl": {"net.ipv4.ip_forward": "1"}}}, True),
        ("node", {"kernel": {"sysctl": {"net.ipv4.ip_forward": None}}}, True),
        ("node", {"kernel": {"sysctl": {"Net": "1"}}}, False),
        ("node", {"bmc": {"ipmi": {"password": "env:BMC_PASSWORD"}}}, True),
        ("node", {"bmc": {"ipmi": {"password": "hunter2"}}}, False),
        ("site", {"profiles": {"slice-vm": {"slice": {"vcpus": 8}}}}, True),
        ("site", {"profiles": {"slice-vm": {"slice": {"vcpu": 8}}}}, False),
        ("site", {"profiles": {"Slice": {}}}, False),
        ("hardware", {"hardware": {"gpus": [{"id": "10de:2335", "count": 8}]}}, True),
        ("hardware", {"hardware": {"gpus": [{"id": "10DE:2335"}]}}, False),
        ("profile", {"role": "slice-host", "artifacts": {"units": ["a.service"]}}, True),
        ("profile", {"role": "slice_host"}, False),
        ("script", {"settings": {"A": {"from": "site.name", "optional": True}}}, True),
        ("script", {"settings": {"A": {"form": "site.name"}}}, False),
        ("script", {"scope": "sites"}, False),
        ("unit", {"enable": True}, True),
        ("unit", {"enable": "yes"}, False),
        ("file", {"mode": "0600"}, True),
        ("file", {"mode": "600"}, False),
    ],
)
def test_it_says_the_same_as_reading_of_examples(name: str, data: object, good: bool) -> None:
    assert valid(name, data) is good
    assert read(name, data) is good


@pytest.mark.parametrize("name", KINDS)
def test_the_files_of_this_repository_validate(name: str) -> None:
    places: list[Path] = sorted(ROOT.glob(PLACES[name]))
    assert places
    for place in places:
        document = source.read(place, place.name)
        errors = list(Draft202012Validator(schema(name)).iter_errors(document.data))
        assert not errors, (place, errors)


def test_the_files_of_the_tests_validate() -> None:
    seen = set()
    for name, pattern in PLACES.items():
        folder = re.compile(pattern.replace(".", r"\.").replace("*", "[^/]*"))
        for path, text in FILES.items():
            if folder.fullmatch(path):
                seen.add(name)
                assert valid(name, source.parse(text, path).data), path
    assert seen == set(PLACES)


@pytest.mark.parametrize("name", KINDS)
def test_the_verb_prints_the_schema_and_nothing_else(name: str, tmp_path: Path) -> None:
    with only_own_templates():
        ran = gen("schema", name, root=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == schema(name)


def test_the_verb_knows_all_kinds() -> None:
    assert tuple(KINDS) == NAMES
    ran = gen("schema", "nodes")
    assert (ran.code, ran.out) == (2, "")
    assert "'hardware'" in ran.err
