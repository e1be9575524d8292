"""The commented files that `gpuaas-gen init` starts with; each one validates as it is.

Values that are only examples stand in comments, so that nothing made up ends on a machine.
"""

from __future__ import annotations

from .model import Role

_MISSING = """\
# A value that nobody may invent and that is not known yet is written to-be-approved; what needs it is withheld.
"""


def site(name: str) -> str:
    """sites/<name>.yaml."""
    return f"""\
# Site {name}: one MAAS region or a part of one. Its nodes are the files of site-configs/nodes/{name}/.
# Values for nodes, lowest layer first: hardware class, profile, this file's `defaults`, this file's section for a
# profile, node. Mappings merge; text, numbers and lists replace; null takes back what the layers below set.
{_MISSING}
description: site {name}

# maas:
#   url: http://192.0.2.2:5240/MAAS/
#   api_key: env:MAAS_API_KEY        # a reference (env:NAME or file:/path), never the key itself

# MAAS scripts of the site, by template: commissioning and testing.
# scripts:
#   - 50-gpuaas-slice-firmware-preflight

# Values for all nodes of the site.
# defaults:
#   network:
#     bridge:
#       address: 192.0.2.1/25
#     management:
#       network: 198.51.100.0/24

# Values for the site's nodes of one profile.
# profiles:
#   slice-vm:
#     slice: {{vcpus: 8, memory: 64GiB}}
"""


def hardware(name: str) -> str:
    """hardware/<name>.yaml."""
    return f"""\
# Hardware class {name}: what a chassis is, told once for all nodes that say `hardware_class: {name}`.
# Take the values from a machine of the class, not from a data sheet: lspci -nn, /sys/class/dmi/id, lscpu.
{_MISSING}
description: hardware class {name}

hardware:
  # By these two a script knows the class when it runs.
  dmi:
    sys_vendor: to-be-approved       # cat /sys/class/dmi/id/sys_vendor
    product_name: to-be-approved     # cat /sys/class/dmi/id/product_name
  # bmc_kind: idrac9
  # cpu: {{vendor: intel, sockets: 2, threads: 192}}
  # memory: 2048GiB
  # gpus:
  #   - {{name: NVIDIA H200 SXM, id: "10de:2335", count: 8}}
  # nvme: {{count: 9}}                 # the OS disk included

# Values for all nodes of the class.
# defaults:
#   kernel:
#     modules: [vfio_pci]
"""


def profile(name: str) -> str:
    """profiles/<name>.yaml."""
    roles = ", ".join(role for role in Role)
    return f"""\
# Profile {name}: what a node is for. In MAAS it is the tag gpuaas-profile-{name}.
{_MISSING}
description: nodes of profile {name}

# Decides which rules apply: {roles}.
role: {Role.BARE_METAL}

# What is rendered for nodes of the profile, by template (a folder of templates/, or one that comes with the program).
artifacts:
  scripts: []
  units: []
  files: []

# Values for all nodes of the profile.
# defaults:
#   packages: [nvme-cli]
"""


def node(name: str, site_name: str, profile_name: str, hardware_class: str) -> str:
    """nodes/<site>/<name>.yaml; without a hardware class ('') the key is left as a comment."""
    shown = f"hardware_class: {hardware_class}" if hardware_class else "# hardware_class: NAME    # a file of hardware/"
    return f"""\
# Node {name} of site {site_name}: what differs from its hardware class, profile and site.
{_MISSING}
profile: {profile_name}
{shown}

# hostname: {name}                   # the name of this file, where it is not set
# maas:
#   system_id: a4mkx3
# bmc:
#   address: 198.51.100.11
#   redfish: {{username: admin, password: "env:BMC_PASSWORD"}}    # a reference, never the password itself
# network:
#   uplink: {{interface: eno1}}

# Approved slots of a slice host. Disks by identity (ls -l /dev/disk/by-id): kernel names move between boots.
# slots:
#   - gpu: "0000:1b:00.0"
#     nvme: /dev/disk/by-id/nvme-eui.000000000000000100a075244a103331
"""


def script(name: str) -> str:
    """templates/scripts/<name>/script.yaml of a host script."""
    return f"""\
# Script {name}: composed of these settings, the library fragments and body.sh. A profile that lists it under
# `artifacts: scripts:` installs it on its nodes.
description: Says which site the machine belongs to

scope: profile
install:
  path: /usr/local/sbin/{name}
  mode: "0755"

# Library fragments, lib/<name>.sh, in this order. Their functions begin with the fragment's name.
fragments: [log]

# Constants of the script: each one has to be used by the body. Keys: gpuaas-gen schema node.
settings:
  SITE_NAME:
    from: site.name
    description: name of the site
"""


def body() -> str:
    """templates/scripts/<name>/body.sh, to go with `script`."""
    return """\
# Plain POSIX shell, functions only; main is called by the last line of the composed script.
# Look first, change only what is missing, read back what was changed.

main() {
  log_info "this machine belongs to site $SITE_NAME"
}
"""
