"""`gpuaas-gen schema`: JSON Schema of the files that people write."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from .console import Console, verb

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("site", "node", "hardware", "profile", "script", "unit", "file")
"""As json_schema.KINDS, told here so that --help does not import the models."""


@click.command("schema")
@click.argument("kind", type=click.Choice(KINDS))
@verb
def command(console: Console, explicit_root: Path | None, kind: str) -> None:
    """Print the JSON Schema (draft 2020-12) of a kind of file.

    Editors with YAML support check and complete files that begin with a line such as

    \b
      # yaml-language-server: $schema=../../.schemas/site.json

    with the path from the file to the schema. `gpuaas-gen init` writes that line where the schema is there.

    \b
    Examples:
      mkdir -p .schemas
      gpuaas-gen schema site > .schemas/site.json
      gpuaas-gen schema node > .schemas/node.json
    """
    from ..json_schema import schema

    console.data(json.dumps(schema(kind), indent=2))
