"""gpuaas-gen explain: values, layers, uses, overriders."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support import gen, repository

from gpuaas_scripts.config import query, source
from gpuaas_scripts.config.keys import UnknownKeyError
from gpuaas_scripts.config.plain import as_data, leaves, value_at

if TYPE_CHECKING:
    from pathlib import Path

    from support import Repository

pytestmark = pytest.mark.process  # shfmt reads the scripts' syntax

PROFILE = "site-configs/profiles/worker.yaml"
SITE = "site-configs/sites/lab.yaml"
N1, N2 = "site-configs/nodes/lab/n1.yaml", "site-configs/nodes/lab/n2.yaml"
DEFAULT = ("model default", None, "value")


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return repository(tmp_path)


def explain(repo: Repository, *arguments: str) -> list[dict[str, Any]]:
    """The answers as data; nothing else may be on stdout."""
    ran = gen("explain", *arguments, "--site", "lab", "--json", root=repo.root)
    assert ran.code == 0, ran.err
    answers: list[dict[str, Any]] = json.loads(ran.out)
    return answers


def one(repo: Repository, *arguments: str) -> dict[str, Any]:
    answers = explain(repo, *arguments)
    assert len(answers) == 1
    return answers[0]


def layers(answer: dict[str, Any]) -> list[tuple[str, str | None, str]]:
    """Layer, place and kind of statement, highest first."""
    return [
        (said["layer"], f"{said['file']}:{said['line']}:{said['column']}" if said["file"] else None, said["says"])
        for said in answer["layers"]
    ]


def test_a_value_with_all_layers_below_it(repo: Repository) -> None:
    answer = one(repo, "network.bridge.name", "--node", "n1")
    assert answer["value"] == "br-lab"
    assert layers(answer) == [
        ("site's section for the profile", f"{SITE}:12:30", "value"),
        ("profile", f"{PROFILE}:9:20", "value"),
        DEFAULT,
    ]
    assert [said["value"] for said in answer["layers"]] == ["br-lab", "br-profile", "ovsbr0"]


@pytest.mark.parametrize(
    ("layer", "file", "text"),
    [
        ("node", N1, "kernel: {modules: [from_node]}\n"),
        ("site's section for the profile", SITE, ""),
        ("site", SITE, ""),
        ("profile", PROFILE, ""),
        ("hardware class", "site-configs/hardware/box.yaml", ""),
    ],
)
def test_every_layer_can_decide_and_the_lower_ones_are_overridden(
    repo: Repository, layer: str, file: str, text: str
) -> None:
    order = ["hardware class", "profile", "site", "site's section for the profile", "node"]
    wanted = order[: order.index(layer) + 1]
    settings = {
        "hardware class": ("site-configs/hardware/box.yaml", "defaults: {kernel: {modules: [from_class]}}\n"),
        "profile": (PROFILE, "  kernel: {modules: [from_profile]}\n"),
    }
    for name, (path, line) in settings.items():
        if name in wanted:
            repo.write(path, repo.read(path) + line)
    if "site" in wanted:
        repo.edit(SITE, "defaults:\n", "defaults:\n  kernel: {modules: [from_site]}\n")
    if "site's section for the profile" in wanted:
        repo.edit(SITE, "  worker:\n", "  worker:\n    kernel: {modules: [from_section]}\n")
    if text:
        repo.write(file, repo.read(file) + text)
    answer = one(repo, "kernel.modules", "--node", "n1")
    assert [said["layer"] for said in answer["layers"]] == [*reversed(wanted), "model default"]
    assert answer["layers"][0]["file"] == file
    assert answer["value"] == answer["layers"][0]["value"]


def test_a_null_is_shown_as_unset(repo: Repository) -> None:
    answer = one(repo, "network.tmfifo.address", "--node", "n1")
    assert answer["value"] is None
    assert layers(answer) == [("site", f"{SITE}:9:23", "unset"), ("profile", f"{PROFILE}:10:23", "value"), DEFAULT]
    text = gen("explain", "network.tmfifo.address", "--site", "lab", "--node", "n1", root=repo.root).out
    assert "network.tmfifo.address of node n1: not set" in text
    assert "unset (null), so the model default stands" in text


def test_a_null_above_the_key_unsets_it_too(repo: Repository) -> None:
    repo.edit(N1, "network:\n", "network:\n  bridge: null\n")
    answer = one(repo, "network.bridge.name", "--node", "n1")
    assert answer["value"] == "ovsbr0"
    assert layers(answer)[0] == ("node", f"{N1}:3:11", "unset")


def test_a_list_replaces_what_lower_layers_say_of_its_items(repo: Repository) -> None:
    repo.edit(SITE, "defaults:\n", "defaults:\n  slots: [{numa: 0}, {numa: 0}, {numa: 0}]\n")
    answer = one(repo, "slots[0].numa", "--node", "n2")
    assert answer["value"] is None
    assert layers(answer) == [("node", f"{N2}:6:5", "hidden"), ("site", f"{SITE}:5:18", "value"), DEFAULT]
    answer = one(repo, "slots[2].numa", "--node", "n2")
    assert answer["value"] is None
    assert layers(answer)[:2] == [("node", f"{N2}:6:3", "hidden"), ("site", f"{SITE}:5:40", "value")]
    assert one(repo, "slots[2].numa", "--node", "n1")["value"] == 0


def test_a_mapping_shows_the_origin_of_each_value_below_it(repo: Repository) -> None:
    answer = one(repo, "network", "--node", "n2")
    found = {leaf["key"]: (leaf["value"], layers(leaf)[0]) for leaf in answer["below"]}
    assert found["network.bridge.name"] == ("br-lab", ("site's section for the profile", f"{SITE}:12:30", "value"))
    assert found["network.bridge.address"] == ("10.20.0.1/24", ("site", f"{SITE}:7:23", "value"))
    assert found["network.bridge.nat"] == (True, DEFAULT)
    assert found["network.uplink.interface"] == ("eno2", ("node", f"{N2}:3:23", "value"))
    assert found["network.fabric.address"] == ("to-be-approved", ("node", f"{N2}:4:21", "value"))
    assert found["network.tmfifo.address"] == (None, ("site", f"{SITE}:9:23", "unset"))
    assert answer["to_be_approved"] is True
    assert answer["value"]["bridge"] == {
        "name": "br-lab",
        "datapath": "system",
        "address": "10.20.0.1/24",
        "nat": True,
    }


def test_a_null_for_a_mapping_is_no_value_of_its_own(repo: Repository) -> None:
    repo.edit(N1, "network:\n", "network:\n  bridge: null\n  dns: null\n")
    keys = [leaf["key"] for leaf in one(repo, "network", "--profile", "worker", "--node", "n1")["below"]]
    assert "network.dns" in keys
    assert "network.bridge.name" in keys
    assert "network.bridge" not in keys


def test_slots_one_by_one_and_all(repo: Repository) -> None:
    answer = one(repo, "slots[1].gpu", "--node", "n2")
    assert (answer["value"], layers(answer)[0]) == ("0000:3d:00.0", ("node", f"{N2}:7:11", "value"))
    below = one(repo, "slots", "--node", "n2")["below"]
    assert [leaf["key"] for leaf in below] == [
        "slots[0].gpu",
        "slots[0].vf",
        "slots[1].gpu",
        "slots[1].vf",
        "slots[1].numa",
    ]


def test_a_value_to_be_approved_is_said_to_be(repo: Repository) -> None:
    answer = one(repo, "network.fabric.address", "--node", "n2")
    assert answer["value"] == "to-be-approved"
    assert answer["to_be_approved"] is True
    assert one(repo, "network.fabric.address", "--node", "n1")["to_be_approved"] is False
    repo.edit(N2, "fabric: {address: to-be-approved}", "fabric: to-be-approved")
    assert one(repo, "network.fabric.address", "--node", "n2")["to_be_approved"] is True


def test_parts_of_an_address(repo: Repository) -> None:
    for part, value in (("ip", "10.20.0.1"), ("network", "10.20.0.0/24"), ("prefixlen", 24)):
        answer = one(repo, f"network.bridge.address.{part}", "--node", "n1")
        assert answer["value"] == value
        assert layers(answer)[0] == ("site", f"{SITE}:7:23", "value")


def test_facts_of_the_class_and_of_the_site(repo: Repository) -> None:
    answer = one(repo, "hardware.gpus[0].id", "--node", "n1")
    assert (answer["subject"], answer["name"], answer["value"]) == ("hardware_class", "box", "10de:2335")
    assert layers(answer)[0] == ("hardware class", "site-configs/hardware/box.yaml:5:28", "value")
    answer = one(repo, "site.maas.api_key")
    assert (answer["subject"], answer["value"]) == ("site", "env:LAB_MAAS_KEY")
    assert layers(answer)[0] == ("site", f"{SITE}:2:53", "value")
    assert one(repo, "site.name")["value"] == "lab"
    assert one(repo, "site.profiles.worker.network.bridge.name")["value"] == "br-lab"


def test_a_node_without_a_class_has_no_facts(repo: Repository) -> None:
    repo.edit(SITE, "  hardware_class: box\n", "")
    ran = gen("explain", "hardware.memory", "--site", "lab", "--node", "n1", root=repo.root)
    assert ran.code == 2
    assert "has no hardware class" in ran.err


def test_the_host_name_comes_from_the_file_where_nothing_sets_it(repo: Repository) -> None:
    assert layers(one(repo, "hostname", "--node", "n1"))[0][0] == "name of the node's file"
    repo.write(N1, repo.read(N1) + "hostname: other\n")
    found = [layer for layer, *_ in layers(one(repo, "hostname", "--node", "n1"))]
    assert found == ["node", "name of the node's file", "model default"]


def test_dots_in_names_of_free_mappings(repo: Repository) -> None:
    repo.write(N1, repo.read(N1) + 'kernel: {sysctl: {net.ipv4.ip_forward: "1"}}\n')
    answer = one(repo, "kernel.sysctl.net.ipv4.ip_forward", "--node", "n1")
    assert (answer["value"], layers(answer)[0][0]) == ("1", "node")
    assert [leaf["key"] for leaf in one(repo, "kernel.sysctl", "--node", "n1")["below"]] == [
        "kernel.sysctl.net.ipv4.ip_forward"
    ]


def test_without_node_and_profile_each_profile_and_who_overrides_it(repo: Repository) -> None:
    bare, worker = explain(repo, "network.uplink.interface")
    assert (bare["name"], worker["name"]) == ("bare", "worker")
    assert bare["overridden_by"] == []
    assert worker["value"] == "eno1"
    assert [entry["node"] for entry in worker["overridden_by"]] == ["n2"]
    assert worker["overridden_by"][0]["values"][0]["value"] == "eno2"
    text = gen("explain", "network.uplink.interface", "--site", "lab", root=repo.root).out
    assert "  overridden on 1 node\n    n2  network.uplink.interface  eno2  " in text


def test_a_class_that_decides_counts_as_an_override(repo: Repository) -> None:
    repo.write(
        "site-configs/hardware/box.yaml",
        repo.read("site-configs/hardware/box.yaml") + "defaults: {kernel: {modules: [from_class]}}\n",
    )
    worker = explain(repo, "kernel.modules", "--profile", "worker")[0]
    assert worker["value"] is None
    assert [entry["node"] for entry in worker["overridden_by"]] == ["n1", "n2"]


def test_a_profile_alone_and_a_node_as_if_it_had_it(repo: Repository) -> None:
    assert one(repo, "network.bridge.name", "--profile", "worker")["value"] == "br-lab"
    assert one(repo, "network.bridge.name", "--node", "n3")["value"] == "ovsbr0"
    answer = one(repo, "network.bridge.name", "--node", "n3", "--profile", "worker")
    assert (answer["subject"], answer["value"]) == ("node", "br-lab")
    assert layers(one(repo, "profile", "--node", "n3", "--profile", "worker"))[0][0] == "--profile"


def test_uses_name_templates_settings_and_artifacts(repo: Repository) -> None:
    assert one(repo, "network.bridge.name", "--node", "n1")["used_by"] == [
        {
            "template": "scripts/lab-hello",
            "settings": ["BRIDGE_NAME"],
            "artifacts": ["profiles/worker/root/usr/local/sbin/lab-hello"],
        }
    ]
    assert [use["template"] for use in one(repo, "network", "--node", "n1")["used_by"]] == [
        "files/lab-fabric",
        "scripts/lab-hello",
    ]
    assert one(repo, "network.bridge.name", "--node", "n3")["used_by"] == []
    assert one(repo, "network.uplink.interface", "--node", "n1")["used_by"] == []


def test_uses_know_the_columns_of_tables_and_parts_of_addresses(repo: Repository) -> None:
    assert [use["settings"] for use in one(repo, "hardware.dmi.product_name")["used_by"]] == [["HARDWARE_CLASSES"]]
    assert [use["settings"] for use in one(repo, "hardware.dmi")["used_by"]] == [["HARDWARE_CLASSES"]]
    assert one(repo, "hardware.memory")["used_by"] == []
    repo.edit("templates/files/lab-fabric/file.yaml", "from: network.fabric.address,", "from: slots, columns: [vf],")
    assert [use["settings"] for use in one(repo, "slots[1].vf", "--node", "n2")["used_by"]] == [["ADDRESS"]]
    assert one(repo, "slots[1].gpu", "--node", "n2")["used_by"] == []
    repo.edit("templates/files/lab-fabric/file.yaml", "from: slots, columns: [vf],", "from: network.bridge.address.ip,")
    assert [use["settings"] for use in one(repo, "network.bridge.address", "--node", "n2")["used_by"]] == [["ADDRESS"]]


def test_a_template_that_takes_a_whole_mapping_uses_what_is_below(repo: Repository) -> None:
    repo.write(N1, repo.read(N1) + 'kernel: {sysctl: {net.ipv4.ip_forward: "1"}}\n')
    repo.edit("templates/files/lab-fabric/file.yaml", "from: network.fabric.address,", "from: kernel.sysctl,")
    found = one(repo, "kernel.sysctl.net.ipv4.ip_forward", "--node", "n1")["used_by"]
    assert [use["settings"] for use in found] == [["ADDRESS"]]
    assert one(repo, "kernel.modules", "--node", "n1")["used_by"] == []


def test_uses_follow_values_into_node_env(repo: Repository) -> None:
    repo.write(
        "templates/scripts/lab-hello/script.yaml",
        repo.read("templates/scripts/lab-hello/script.yaml")
        + "node_env:\n  GPUAAS_UPLINK: {from: network.uplink.interface, description: the way out}\n",
    )
    repo.edit(
        "templates/scripts/lab-hello/body.sh", 'hello_say "$BRIDGE_NAME"', 'hello_say "$BRIDGE_NAME$GPUAAS_UPLINK"'
    )
    uses = one(repo, "network.uplink.interface", "--node", "n1")["used_by"]
    assert uses == [
        {
            "template": "scripts/lab-hello",
            "settings": ["GPUAAS_UPLINK"],
            "artifacts": ["nodes/n1/root/etc/gpuaas/node.env"],
        }
    ]


def test_uses_that_are_no_templates_setting(repo: Repository) -> None:
    assert [use["template"] for use in one(repo, "packages", "--node", "n1")["used_by"]] == ["user-data/profile"]
    assert [use["template"] for use in one(repo, "profile", "--node", "n1")["used_by"]] == ["node.env"]


def test_many_nodes_are_counted_in_the_text(repo: Repository) -> None:
    for number in range(10, 30):
        repo.write(f"site-configs/nodes/lab/n{number}.yaml", repo.read(N1).replace("0.1/16", f"0.{number}/16"))
    out = gen("explain", "network.fabric.address", "--site", "lab", "--profile", "worker", root=repo.root).out
    assert "nodes/*/root/etc/lab/fabric (22 nodes)" in out


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("network.bridge.adress", "did you mean 'address'?"),
        ("netwrk", "did you mean 'network'?"),
        ("hardware.memry", "did you mean 'memory'?"),
        ("site.mas", "did you mean 'maas'?"),
        ("slots.gpu", "is a list"),
        ("slots[x]", "is a list"),
        ("slots[0", "is a list"),
        ("slots[0].gpus", "did you mean 'gpu'?"),
        ("slots[0]gpu", "unknown key"),
        ("network.bridge.name.x", "nothing stands below 'network.bridge.name'"),
        ("network.bridge.address.mask", "nothing stands below"),
        ("network.", "unknown key"),
        ("network..bridge", "unknown key"),
        (".network", "unknown key"),
        ("", "unknown key"),
        ("hardware.", "unknown key"),
        ("hostname[0]", "nothing stands below"),
        ("kernel.sysctl.", "nothing stands below"),
    ],
)
def test_an_unknown_key_is_wrong_usage_with_a_suggestion(repo: Repository, key: str, says: str) -> None:
    ran = gen("explain", key, "--site", "lab", "--node", "n1", root=repo.root)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err


def test_unknown_profile(repo: Repository) -> None:
    ran = gen("explain", "hostname", "--site", "lab", "--profile", "wurker", root=repo.root)
    assert (ran.code, ran.out) == (2, "")
    assert "did you mean 'worker'?" in ran.err


def test_the_whole_configuration_of_a_node(repo: Repository) -> None:
    ran = gen("explain", "--site", "lab", "--node", "n2", root=repo.root)
    assert ran.code == 0
    data = source.parse(ran.out, "out").data
    assert data["network"]["fabric"]["address"] == "to-be-approved"
    assert data["network"]["bridge"]["name"] == "br-lab"
    assert data["network"]["bridge"]["nat"] is True
    assert data["hardware"]["gpus"] == [{"name": "Some GPU", "id": "10de:2335", "count": 2}]
    assert "address" not in data["network"]["tmfifo"]
    as_json = gen("explain", "--site", "lab", "--node", "n2", "--json", root=repo.root)
    assert json.loads(as_json.out) == data


def test_the_whole_configuration_of_a_profile(repo: Repository) -> None:
    data = source.parse(gen("explain", "--site", "lab", "--profile", "worker", root=repo.root).out, "out").data
    assert data["packages"] == ["htop"]
    assert "hardware" not in data


def test_the_whole_configuration_of_nothing_is_wrong_usage(repo: Repository) -> None:
    ran = gen("explain", "--site", "lab", root=repo.root)
    assert ran.code == 2
    assert "--node or --profile" in ran.err


def test_findings_elsewhere_are_mentioned_and_do_not_matter(repo: Repository) -> None:
    repo.edit("site-configs/nodes/lab/n3.yaml", "bare", "bear")
    ran = gen("explain", "network.bridge.name", "--site", "lab", "--node", "n1", root=repo.root)
    assert ran.code == 0
    assert "site lab has 1 error (gpuaas-gen validate --site lab)" in ran.err
    assert "br-lab" in ran.out
    ran = gen("explain", "hostname", "--site", "lab", "--node", "n3", root=repo.root)
    assert ran.code == 2
    assert "site-configs/nodes/lab/n3.yaml:1:10: error[GS111]" in ran.err
    assert "node n3 cannot be explained" in ran.err


def test_find_gives_path_and_part() -> None:
    assert query.find("slots[12].nvme").path == ("slots", 12, "nvme")
    assert query.find("hardware.gpus[0].id").path == ("gpus", 0, "id")
    assert query.find("network.bridge.address.ip").part == "ip"
    assert query.find("network.fabric.network").part == ""
    assert query.find("services.api.port").path == ("services", "api", "port")
    with pytest.raises(UnknownKeyError):
        query.find("services.api.prt")


def test_children_of_a_mapping() -> None:
    assert "network.bridge" in query.children("network")
    assert {"network", "hardware", "site"} <= set(query.children(""))
    assert query.children("hostname") == []
    assert query.children("nowhere") == []


def test_plain_data_and_its_leaves() -> None:
    data = {"a": {"b": [1, 2]}, "c": [{"d": "x"}, {"e": True}]}
    paths = list(leaves(data, ("r",)))
    assert paths == [("r", "a", "b"), ("r", "c", 0, "d"), ("r", "c", 1, "e")]
    assert [value_at({"r": data}, path) for path in paths] == [[1, 2], "x", True]
    assert value_at({"r": "to-be-approved"}, ("r", "a", 1)) == "to-be-approved"
    assert value_at(data, ("c", 9, "d")) is None
    assert as_data({"a": (1, 2), "b": {}, "c": None}, [("d",), ("b", "e")]) == {
        "a": [1, 2],
        "b": {"e": "to-be-approved"},
        "d": "to-be-approved",
    }
