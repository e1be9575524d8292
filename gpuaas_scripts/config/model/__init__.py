"""Typed, frozen models of the configuration files."""

from .hardware import Hardware
from .layers import HardwareFile, ProfileFile, SiteFile
from .node import NodeConfig, Role

__all__ = ["Hardware", "HardwareFile", "NodeConfig", "ProfileFile", "Role", "SiteFile"]
