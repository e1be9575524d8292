"""Compose, check and deliver the scripts that commission bare-metal GPU servers.

The library in three calls:

    from gpuaas_scripts import load_site, plan, render

    site = load_site("maas280", "path/to/repository")
    for rendered in render(plan(site)):
        print(rendered.artifact.path, len(rendered.content))

`load_site` and `plan` raise `FindingsError` with every problem at once, each with its place.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "Artifact",
    "Finding",
    "FindingsError",
    "GpuaasError",
    "Plan",
    "Rendered",
    "Site",
    "__version__",
    "load_site",
    "plan",
    "render",
    "user_data",
]

_PLACES = {
    "Artifact": "artifacts",
    "Finding": "errors",
    "FindingsError": "errors",
    "GpuaasError": "errors",
    "Plan": "artifacts",
    "Rendered": "renderers",
    "Site": "config.site",
    "load_site": "config.site",
    "plan": "planner",
    "render": "renderers",
    "user_data": "renderers",
}

if TYPE_CHECKING:
    from .artifacts import Artifact, Plan
    from .config.site import Site, load_site
    from .errors import Finding, FindingsError, GpuaasError
    from .planner import plan
    from .renderers import Rendered, render, user_data


def __getattr__(name: str) -> object:
    """Import a public name when it is asked for, so that `gpuaas-gen --help` stays instant."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
