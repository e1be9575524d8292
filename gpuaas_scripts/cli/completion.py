"""`gpuaas-gen completion`: the completion script of a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .console import Console, verb

if TYPE_CHECKING:
    from pathlib import Path

_VARIABLE = "_GPUAAS_GEN_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@verb
def command(console: Console, explicit_root: Path | None, shell: str) -> None:
    """Print the completion script of a shell: verbs, options, sites, nodes, profiles and keys.

    \b
    Examples:
      gpuaas-gen completion bash > ~/.local/share/bash-completion/completions/gpuaas-gen
      gpuaas-gen completion zsh > ~/.zfunc/_gpuaas-gen        # a folder of $fpath
      gpuaas-gen completion fish > ~/.config/fish/completions/gpuaas-gen.fish
    """
    from click.shell_completion import ShellComplete, get_completion_class

    from .main import group

    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click knows the three shells
    # ShellComplete.source, not the class's own: bash's starts a bash only to look at its version
    console.data(ShellComplete.source(found(group, {}, "gpuaas-gen", _VARIABLE)).rstrip("\n"))
