"""Merging of layers: laws that hold for all values, and where a value comes from."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuaas_scripts.config import check
from gpuaas_scripts.config.layers import Layer, LayerName, SourceFile, merge, merge_all, origin, settings
from gpuaas_scripts.config.scalars import TO_BE_APPROVED

if TYPE_CHECKING:
    from pathlib import Path

Raw: TypeAlias = Any
"""Raw values: what a YAML file holds."""

KEYS = st.sampled_from(["a", "b", "c", "d"])
SCALARS = st.one_of(st.integers(0, 3), st.booleans(), st.sampled_from(["x", "y", ""]), st.just(TO_BE_APPROVED))
LISTS = st.lists(st.one_of(SCALARS, st.dictionaries(KEYS, SCALARS, max_size=2)), max_size=3)


def mappings(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Mappings of mappings of few keys, so that layers meet."""
    values = st.recursive(leaf, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=6)
    return st.dictionaries(KEYS, values, max_size=4)


LAYERS = mappings(st.one_of(SCALARS, LISTS, st.none()))
PLAIN = mappings(st.one_of(SCALARS, LISTS))
TYPED: st.SearchStrategy[dict[str, Any]] = st.deferred(
    lambda: st.fixed_dictionaries(
        {}, optional={"a": SCALARS, "b": LISTS, "c": TYPED, "d": st.dictionaries(KEYS, SCALARS, max_size=2)}
    )
)
"""Layers of one model: what is a mapping in one of them is none of another kind in the others."""


def leaves(value: Raw, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Raw]:
    """Paths of all values that are no mappings, and of empty mappings."""
    if not isinstance(value, dict) or (not value and path):
        return {path: value}
    return {at: leaf for key, below in value.items() for at, leaf in leaves(below, (*path, key)).items()}


def at(value: Raw, path: tuple[str, ...]) -> Raw:
    """The value at a path; None where there is none."""
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


@given(LAYERS, LAYERS)
def test_merge_leaves_its_inputs_as_they_were(below: dict[str, Any], above: dict[str, Any]) -> None:
    """Parts are shared, and never written to."""
    before = copy.deepcopy((below, above))
    merge(below, above)
    assert (below, above) == before


@given(LAYERS, LAYERS)
def test_writing_to_a_new_level_does_not_reach_the_inputs(below: dict[str, Any], above: dict[str, Any]) -> None:
    """The top level of the result is new, even where nothing was merged."""
    before = copy.deepcopy((below, above))
    result = merge(below, above)
    result.clear()
    assert (below, above) == before


@given(LAYERS, PLAIN)
def test_the_higher_layer_wins(below: dict[str, Any], above: dict[str, Any]) -> None:
    """Each value that the higher layer says is the result's."""
    result = merge(below, above)
    for path, value in leaves(above).items():
        if value != {}:
            assert at(result, path) == value


@given(PLAIN, LAYERS)
def test_what_the_higher_layer_does_not_name_stays(below: dict[str, Any], above: dict[str, Any]) -> None:
    """A value survives unless the higher layer says something at its path, or above it something but a mapping."""
    result = merge(below, above)
    for path, value in leaves(below).items():
        named = any(
            at(above, path[:depth]) is not None or _holds_null(above, path[:depth])
            for depth in range(1, len(path) + 1)
            if not isinstance(at(above, path[:depth]), dict)
        )
        if not named and value != {} and not isinstance(at(above, path), dict):
            assert at(result, path) == value


def _holds_null(value: Raw, path: tuple[str, ...]) -> bool:
    holder = at(value, path[:-1])
    return isinstance(holder, dict) and path[-1] in holder and holder[path[-1]] is None


@given(TYPED, TYPED, TYPED)
def test_merging_is_associative(one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]) -> None:
    """Layers of one model may be merged in any grouping, while none of them unsets."""
    assert merge(merge(one, two), three) == merge(one, merge(two, three))


@given(LAYERS, LAYERS, LAYERS)
def test_merging_from_the_bottom_is_the_same_with_a_base(
    one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]
) -> None:
    """`merge_all` is `merge` from the lowest; nulls included, a base of lower layers may be kept."""
    assert merge_all([one, two, three]) == merge(merge_all([one, two]), three)


@given(LAYERS)
def test_an_empty_layer_says_nothing(layer: dict[str, Any]) -> None:
    """Above any layer, an empty one changes nothing; merging a layer with itself neither, once nulls are gone."""
    assert merge(layer, {}) == layer
    clean = merge({}, layer)
    assert merge(clean, layer) == clean


@given(LAYERS)
def test_no_null_is_left(layer: dict[str, Any]) -> None:
    """Over nothing, a null unsets nothing and is gone itself, at any depth."""
    assert None not in leaves(merge({}, layer)).values()


@given(PLAIN, KEYS, KEYS)
def test_null_unsets(below: dict[str, Any], key: str, inner: str) -> None:
    """A null takes the key away, with all below it; a later layer may set it again."""
    assert merge(below, {key: None}) == {name: value for name, value in below.items() if name != key}
    assert inner not in merge(below, {key: {inner: None}})[key]
    assert merge_all([below, {key: None}, {key: {inner: 1}}])[key] == {inner: 1}


def test_mappings_merge_and_all_else_replaces() -> None:
    """The rule, by example."""
    below = {"m": {"a": 1, "b": {"c": 2}}, "l": [1, 2], "s": "x", "t": {"a": 1}}
    above = {"m": {"b": {"d": 3}}, "l": [], "s": {"a": 1}, "t": "y"}
    assert merge(below, above) == {"m": {"a": 1, "b": {"c": 2, "d": 3}}, "l": [], "s": {"a": 1}, "t": "y"}


@given(LAYERS)
def test_strip_takes_out_nulls_and_markers(layer: dict[str, Any]) -> None:
    """What is left holds neither; a marker's path leads to a marker, or to a list that holds one."""
    before = copy.deepcopy(layer)
    clean, marked = check.strip(layer)
    assert layer == before
    assert all(value is not None and value != TO_BE_APPROVED for value in leaves(clean).values())
    for path in marked:
        value: Any = layer
        for part in path:
            value = value[part]
        assert value == TO_BE_APPROVED or TO_BE_APPROVED in value


@given(PLAIN)
def test_strip_keeps_everything_else(layer: dict[str, Any]) -> None:
    """Without markers nothing changes."""
    plain = merge_all([layer])
    if not check.strip(plain)[1]:
        assert check.strip(plain)[0] == plain


def test_strip_in_lists() -> None:
    """A null item stays, since it is a problem there; a marked item marks the list, a marked key its path."""
    raw = {"slots": [{"gpu": TO_BE_APPROVED, "vf": None}, None], "packages": ["git", TO_BE_APPROVED]}
    clean, marked = check.strip(raw)
    assert clean == {"slots": [{}, None], "packages": ["git"]}
    assert marked == [("slots", 0, "gpu"), ("packages",)]


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Layer, ...]:
    """A profile's defaults, a site's defaults and section, a node; lowest first."""
    texts = {
        "profile.yaml": "role: gateway\ndefaults:\n  network: {uplink: {interface: eno1}}\n  packages: [git, make]\n"
        "  kernel: {sysctl: {vm.swappiness: '1'}}\n",
        "site.yaml": "defaults:\n  network:\n    uplink: null\nprofiles:\n  p:\n    network: {dns: [192.0.2.53]}\n",
        "node.yaml": "profile: p\nnetwork:\n  uplink:\n    gateway: 192.0.2.1\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    files = {name: SourceFile(name, tmp_path / name) for name in texts}
    return (
        Layer(LayerName.PROFILE, files["profile.yaml"], ("defaults",)),
        Layer(LayerName.SITE, files["site.yaml"], ("defaults",)),
        Layer(LayerName.SITE_PROFILE, files["site.yaml"], ("profiles", "p")),
        Layer(LayerName.NODE, files["node.yaml"]),
    )


def test_data_of_a_layer(layers: tuple[Layer, ...]) -> None:
    """A layer is what stands below its prefix; nothing where the file has no such key."""
    assert layers[2].data() == {"network": {"dns": ["192.0.2.53"]}}
    assert Layer(LayerName.SITE_PROFILE, layers[2].file, ("profiles", "other")).data() == {}


def test_settings_tells_each_layer_highest_first(layers: tuple[Layer, ...]) -> None:
    """Each layer that says something of the key, a null above it included, with its place."""
    found = settings(layers, ("network", "uplink", "interface"))
    assert [(one.layer.name, one.value, str(one.location)) for one in found] == [
        (LayerName.SITE, None, "site.yaml:3:13"),
        (LayerName.PROFILE, "eno1", "profile.yaml:3:33"),
    ]
    assert [one.value for one in settings(layers, ("packages", 1))] == ["make"]
    assert settings(layers, ("hostname",)) == []


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("network", "uplink", "gateway"), "node.yaml:4:14"),
        (("network", "uplink", "interface"), "site.yaml:3:13"),
        (("network", "dns", 0), "site.yaml:6:21"),
        (("packages", 1), "profile.yaml:4:19"),
        (("packages", 2), "profile.yaml:4:13"),
        (("kernel", "sysctl", "kernel.panic"), "profile.yaml:5:20"),
        (("network", "uplink", "mac"), "site.yaml:3:13"),
        (("network", "fabric", "mtu"), "node.yaml:3:3"),
        (("bmc", "address"), "node.yaml:1:1"),
    ],
)
def test_origin(layers: tuple[Layer, ...], path: tuple[str | int, ...], place: str) -> None:
    """The highest layer that says something of the key; where none does, the nearest mapping, or the node's file."""
    assert str(origin(layers, path)) == place


def test_origin_of_a_key(layers: tuple[Layer, ...]) -> None:
    """With `key`, the place of the key instead of the value."""
    assert str(origin(layers, ("network", "uplink", "gateway"), key=True)) == "node.yaml:4:5"
