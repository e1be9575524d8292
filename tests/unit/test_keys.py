"""Keys of the resolved configuration, and values as templates get them."""

from __future__ import annotations

import msgspec
import pytest

from gpuaas_scripts.config import check, keys
from gpuaas_scripts.config.model import Hardware, NodeConfig, SiteFile
from gpuaas_scripts.config.model.hardware import Device
from gpuaas_scripts.config.model.slices import Slot


def config(raw: dict[str, object]) -> NodeConfig:
    """A node's configuration from raw data."""
    converted: NodeConfig = check.convert(raw, NodeConfig)
    return converted


NODE = config(
    {
        "hostname": "n1",
        "network": {"bridge": {"address": "10.100.0.1/24", "nat": False, "dhcp": {"lease": "12h"}}},
        "kernel": {"sysctl": {"vm.swappiness": "1"}, "modules": ["vfio"]},
        "slice": {"memory": "64GiB"},
        "services": {"ollama": {"port": 11434}},
        "slots": [{"gpu": "0000:1b:00.0", "vf": 0}, {"gpu": "0000:3b:00.0"}],
    }
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("hostname", "n1"),
        ("network.bridge.name", "ovsbr0"),
        ("network.bridge.nat", False),
        ("network.bridge.address", "10.100.0.1/24"),
        ("network.bridge.address.ip", "10.100.0.1"),
        ("network.bridge.address.network", "10.100.0.0/24"),
        ("network.bridge.address.prefixlen", 24),
        ("network.bridge.dhcp.lease", "12h"),
        ("network.uplink.address.ip", None),
        ("network.mode", "private-nat"),
        ("slice.memory", "64GiB"),
        ("kernel.modules", ("vfio",)),
        ("kernel.sysctl", ("vm.swappiness=1",)),
        ("services.ollama.port", 11434),
        ("services.vllm.port", None),
        ("packages", ()),
    ],
)
def test_value(text: str, value: object) -> None:
    """The value behind a key: text, number or boolean; lists and mappings as tuples; None where nothing is set."""
    assert keys.shape(keys.find(text).read(NODE)) == value


def test_roots() -> None:
    """`site.` and `hardware.` lead to the site's file and the class; all else to the node."""
    assert keys.find("site.name").root == "site"
    assert keys.find("site.maas.url").read(check.convert({"maas": {"url": "http://a/"}}, SiteFile)) == "http://a/"
    assert keys.find("hardware.memory").read(check.convert({"memory": "1TiB"}, Hardware)).mib == 1024 * 1024
    assert keys.find("hardware.memory").read(None) is None
    assert keys.find("hardware.dmi.sys_vendor").path == ("hardware", "dmi", "sys_vendor")
    assert keys.find("network.bridge.address.ip").path == ("network", "bridge", "address")
    assert keys.find("network.bridge.address").path == ("network", "bridge", "address")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("netwrok.bridge", "unknown key 'netwrok.bridge': did you mean 'network'?"),
        ("network.bridge.nam", "did you mean 'name'?"),
        ("network.bridge.name.first", "nothing stands below 'network.bridge.name'"),
        ("network.bridge.address.mask", "nothing stands below 'network.bridge.address'"),
        ("network.bridge.ip", "unknown key"),
        ("site.nodes", "unknown key 'site.nodes'"),
        ("hardware.name", "unknown key 'hardware.name'"),
        ("name", "unknown key 'name'"),
    ],
)
def test_unknown_key(text: str, message: str) -> None:
    """A key that does not exist is told with what does."""
    with pytest.raises(keys.UnknownKeyError, match=message.replace("?", r"\?")):
        keys.find(text)


def test_rows() -> None:
    """A table: a row for each item; absent cells are '-', lists in a cell are joined, booleans are words."""
    assert keys.rows(NODE.slots, ["gpu", "vf", "nvme"]) == (("0000:1b:00.0", "0", "-"), ("0000:3b:00.0", "-", "-"))
    classes = [Hardware(gpus=(Device(id="10de:2335", count=8), Device(id="10de:22a3"))), Hardware()]
    assert keys.rows(classes, ["gpus.id", "gpus.count", "dmi.sys_vendor"]) == (
        ("10de:2335,10de:22a3", "8,-", "-"),
        ("-", "-", "-"),
    )
    attributes = check.convert({"bios": {"attributes": {"A": "On", "B": "Off"}}}, Hardware)
    assert keys.rows([attributes], ["bios.attributes"]) == (("A=On,B=Off",),)
    assert keys.rows([NODE], ["network.bridge.nat"]) == (("false",),)


def test_columns() -> None:
    """Columns are keys of what the rows are made of."""
    keys.columns(Slot, ["gpu", "numa"])
    with pytest.raises(keys.UnknownKeyError, match="'gpus': did you mean 'gpu'"):
        keys.columns(Slot, ["gpus"])


def test_every_field_of_the_model_is_a_key() -> None:
    """No key that `explain` or a template may name is forgotten."""

    def walk(kind: type[msgspec.Struct], prefix: str) -> None:
        for name in kind.__struct_fields__:
            text = f"{prefix}{name}"
            assert keys.find(text).text == text
            value = getattr(kind(), name)
            if isinstance(value, msgspec.Struct):
                walk(type(value), f"{text}.")

    walk(NodeConfig, "")
    walk(Hardware, "hardware.")
    walk(SiteFile, "site.")
