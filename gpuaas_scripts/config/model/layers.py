"""The files of site-configs/: site, hardware class, profile. A node file is a NodeConfig."""

from typing import Annotated

from ..scalars import AbsolutePath, Line, MaasName, Name, SecretRef, UnitName, Url
from .base import Model, doc
from .hardware import Hardware
from .node import NodeConfig, Role


class MaasRegion(Model, frozen=True):
    """The MAAS region of a site."""

    url: Annotated[Url | None, doc("URL of the region, such as http://10.0.0.2:5240/MAAS/")] = None
    cli_profile: Annotated[Name | None, doc("login of the maas command line tool to reuse")] = None
    api_key: Annotated[SecretRef | None, doc("API key, by reference")] = None
    ca_file: Annotated[
        AbsolutePath | None, doc("CA certificates (PEM) that the region's certificate is checked with")
    ] = None


class PolicyRule(Model, frozen=True):
    """A rule of the site's own, for lint: text that must not stand in what is rendered."""

    pattern: Annotated[Line | None, doc("regular expression (Python's) that no line may match")] = None
    scope: Annotated[
        Line | None, doc("which artifacts, by path below generated/<site>: nodes/*/root/etc/netplan/*")
    ] = None
    message: Annotated[Line | None, doc("what is wrong with it, and what to do instead")] = None


class Policy(Model, frozen=True):
    """What lint asks of the site, apart from what it asks of all."""

    switch_off: Annotated[
        dict[Line, Line], doc("built-in policy rules that are switched off: code, such as GS490, to reason")
    ] = {}
    rules: Annotated[tuple[PolicyRule, ...], doc("the site's own rules")] = ()


class SiteFile(Model, frozen=True):
    """sites/<site>.yaml."""

    description: Annotated[Line | None, doc("what the site is, for people")] = None
    maas: Annotated[MaasRegion, doc("MAAS region")] = MaasRegion()
    scripts: Annotated[tuple[MaasName, ...], doc("MAAS scripts of the site (templates of scope site)")] = ()
    policy: Annotated[Policy, doc("rules of lint")] = Policy()
    defaults: Annotated[NodeConfig, doc("values for all nodes of the site")] = NodeConfig()
    profiles: Annotated[dict[Name, NodeConfig], doc("values for the site's nodes of one profile")] = {}


class HardwareFile(Model, frozen=True):
    """hardware/<class>.yaml."""

    description: Annotated[Line | None, doc("what the class is, for people")] = None
    hardware: Annotated[Hardware, doc("facts of the class")] = Hardware()
    defaults: Annotated[NodeConfig, doc("values for all nodes of the class")] = NodeConfig()


class Artifacts(Model, frozen=True):
    """Which templates a profile uses."""

    scripts: Annotated[tuple[MaasName, ...], doc("host scripts, by template name")] = ()
    units: Annotated[tuple[UnitName, ...], doc("systemd units, by template name")] = ()
    files: Annotated[tuple[Name, ...], doc("files, by template name")] = ()


class ProfileFile(Model, frozen=True):
    """profiles/<profile>.yaml."""

    description: Annotated[Line | None, doc("what nodes of the profile are for")] = None
    role: Annotated[Role | None, doc("kind of profile; decides which rules apply")] = None
    artifacts: Annotated[Artifacts, doc("templates that are rendered for nodes of the profile")] = Artifacts()
    defaults: Annotated[NodeConfig, doc("values for all nodes of the profile")] = NodeConfig()
