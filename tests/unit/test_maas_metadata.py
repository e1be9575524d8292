"""The metadata block that a rendered MAAS script carries."""

from __future__ import annotations

from gpuaas_scripts.renderers.maas_metadata import metadata
from gpuaas_scripts.templates import MaasMetadata


def lines(model: MaasMetadata) -> list[str]:
    return metadata("50-name", model).splitlines()


def test_the_least_block_says_what_decides_the_script() -> None:
    assert lines(MaasMetadata()) == [
        "# --- Start MAAS 1.0 script metadata ---",
        '# name: "50-name"',
        "# script_type: commissioning",
        "# hardware_type: node",
        "# --- End MAAS 1.0 script metadata ---",
    ]


def test_noauto_is_a_tag_and_never_a_field() -> None:
    block = lines(MaasMetadata(noauto=True, tags=("gpuaas",)))
    assert not any(line.startswith("# noauto") for line in block)
    at = block.index("# tags:")
    assert block[at + 1 : at + 3] == ["#   - gpuaas", "#   - noauto"]
    assert lines(MaasMetadata(noauto=True, tags=("noauto",))).count("#   - noauto") == 1


def test_times_stay_text() -> None:
    assert '# timeout: "00:10:00"' in lines(MaasMetadata(timeout="00:10:00"))


def test_booleans_are_told_only_where_they_are_set() -> None:
    assert "# may_reboot: true" in lines(MaasMetadata(may_reboot=True))
    assert not any("may_reboot" in line for line in lines(MaasMetadata()))
