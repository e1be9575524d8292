"""`gpuaas-gen`: finds the verb, runs it, and turns errors into text and exit codes."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

from .. import __version__
from ..errors import ExitCode, FindingsError, GpuaasError

VERBS = {
    "render": "Write generated/<site>, or say what would change.",
    "validate": "Find every problem of a site's configuration.",
    "lint": "Check what is rendered, or any file, with many tools.",
    "test": "Run the shell tests of rendered scripts in containers.",
    "explain": "Show a value, which file set it, and what uses it.",
    "show": "List the artifacts of a site or node.",
    "user-data": "Print a node's assembled user data.",
    "upload": "Make MAAS hold what the repository says.",
    "drift": "Compare MAAS with the repository, for a nightly job.",
    "revert": "Put an earlier content of a script back into MAAS.",
    "commission": "Have MAAS commission a machine with our scripts.",
    "results": "Judge what machines reported in commissioning.",
    "deploy": "Have MAAS install a node with its user data.",
    "doctor": "Try a site's credentials: MAAS, BMCs, secrets.",
    "bios": "Plan and change BIOS settings, on one host or a fleet.",
    "bench": "Compare what benchmark captures measured.",
    "lab": "Start a stand-in of a MAAS or of BMCs, to try things with.",
    "schema": "Print the JSON Schema of a configuration file.",
    "init": "Write a commented starter file.",
    "completion": "Print the completion script of a shell.",
}
"""Verbs with their one-line help, told here so that --help imports none of them."""


class _Lazy(click.Group):
    """A group that imports a verb's module when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = import_module(f"{__package__}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-") and not ctx.resilient_parsing:
            from ..config.check import suggestion

            ctx.fail(f"no verb {args[0]!r}; {suggestion(args[0], VERBS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 1 findings, 2 wrong usage or configuration, 3 drift or changes pending, "
    "4 a remote end failed. Data goes to stdout, everything else to stderr.",
)
@click.version_option(__version__, prog_name="gpuaas-gen")
def group() -> None:
    """Compose, check and deliver the scripts that commission bare-metal GPU servers.

    \b
    Examples:
      gpuaas-gen render --site maas280
      gpuaas-gen validate --all
      gpuaas-gen explain network.bridge.address --site maas280 --node j22u11
    """


def main(arguments: list[str] | None = None) -> None:
    """Run `gpuaas-gen`; always ends in SystemExit."""
    if arguments is None:
        gc.disable()  # a process of our own is short, and what it makes holds no cycles worth looking for
    if isinstance(sys.stdout, TextIOWrapper):  # a terminal that lacks a character must not end the program
        sys.stdout.reconfigure(errors="backslashreplace")
    code = run(arguments)
    if arguments is None:
        gc.freeze()  # Python looks once more when it ends
    sys.exit(code)


def run(arguments: list[str] | None = None) -> int:
    """Run `gpuaas-gen` and return its exit code; exceptions other than a file's keep their traceback."""
    try:
        result: Any = group.main(arguments, prog_name="gpuaas-gen", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("stopped", err=True)
        return ExitCode.USAGE
    except BrokenPipeError:  # the reader of our output went away, such as `| head`
        sys.stdout = None
        return ExitCode.OK
    except GpuaasError as error:
        _tell(error)
        return error.exit_code
    except OSError as error:
        if error.filename is None:
            raise
        _tell(GpuaasError(f"{error.filename}: {error.strerror}"))
        return ExitCode.USAGE
    return result if isinstance(result, int) else ExitCode.OK


def _tell(error: GpuaasError) -> None:
    from .console import Console

    console = Console.current()
    if isinstance(error, FindingsError):
        console.findings(error.findings)
    console.error(str(error), error.hint)
