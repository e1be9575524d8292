"""All codes of findings: what each means and what to do. Codes are stable; a retired one is never given anew.

GS0xx: reading the files; GS1xx: values and names; GS2xx: what fits together, and what is missing;
GS3xx: templates; GS4xx: lint of what is rendered.
"""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """A code's meaning: a short title, and two or three sentences that say what to do."""

    title: str
    explanation: str


CODES: dict[str, Code] = {
    "GS001": Code(
        "the file cannot be read as YAML",
        "The file is not UTF-8, or its YAML is broken at the place shown. "
        "Mend the syntax there; nothing else of the file is checked before.",
    ),
    "GS002": Code(
        "the file holds no mapping",
        "A configuration file holds `key: value` lines at its top level; this one is empty or holds something else. "
        "Write at least one key, or delete the file.",
    ),
    "GS003": Code(
        "a key stands twice",
        "YAML would keep the last of the two and say nothing. Keep one of them; here the first one counts.",
    ),
    "GS004": Code(
        "YAML reads the text as something else",
        "Without quotes, YAML 1.1 turns this text into a number, a boolean, a date or null (`0644`, `0x10de`, "
        "`12:34:56`, `on`, `1.10`). Quote it where text is meant; write numbers in decimal, booleans as true or false.",
    ),
    "GS005": Code(
        "a value is missing",
        "The key has no value, which may be an oversight. Write the value; `null` unsets what a layer below set.",
    ),
    "GS006": Code(
        "anchors, aliases and merge keys are not used",
        "They hide where a value comes from. Write the value out; what several nodes share belongs into the site, "
        "profile or class file.",
    ),
    "GS007": Code("tags are not used", "YAML tags change how a value is read. Remove the tag."),
    "GS010": Code(
        "the file's name is not right",
        "Files of site-configs/ end in .yaml and are named after the node, class or profile they describe. "
        "Another file there would be ignored, so it is refused. Rename or remove it.",
    ),
    "GS101": Code(
        "unknown key",
        "The key does not exist at this place; it would be ignored, so it is refused. "
        "The hint names the closest one and all that exist.",
    ),
    "GS102": Code(
        "a key of the wrong form",
        "Here keys can be chosen, but they have a form, such as a sysctl key or a name. Write it as the message says.",
    ),
    "GS103": Code(
        "a value of the wrong type",
        "A list, mapping, text, number or boolean stands where another is wanted. Write it as the message says; "
        "quotes make text of a number, and no quotes a number of text.",
    ),
    "GS104": Code(
        "a value of the wrong form",
        "The text does not look like what is wanted: an address, a disk identity, a unit name, one of a closed set. "
        "The message says what would be valid, with an example.",
    ),
    "GS105": Code(
        "a secret stands in the file",
        "Secrets are references only: `env:NAME` or `file:/absolute/path`. Move the value there, and change it: "
        "it is in the history of the file. It is not shown here.",
    ),
    "GS110": Code(
        "a node without a profile",
        "The profile decides what a node gets. Add `profile: NAME` to the node, or to the site's defaults.",
    ),
    "GS111": Code(
        "a profile or hardware class that does not exist",
        "No file has that name. Correct the name, or add the file that the hint names.",
    ),
    "GS201": Code(
        "a required value is not set",
        "An artifact needs the key, and no layer sets it. Set it; where nobody may invent the value yet, write "
        "`to-be-approved`: what needs it is then withheld instead.",
    ),
    "GS202": Code(
        "the user data is withheld",
        "It embeds artifacts that need values marked `to-be-approved`. Write the approved values.",
    ),
    "GS210": Code(
        "a value is to be approved",
        "The key is marked `to-be-approved`; what needs it is withheld and listed. Write the approved value.",
    ),
    "GS212": Code(
        "a device in two slots",
        "Two slots name the same GPU, NVMe device or MAC address, and two slices cannot share it. "
        "Give each slot its own.",
    ),
    "GS213": Code(
        "a fabric device in several slots",
        "Slices of these slots cannot run at once. Give each slot its own device; where one slice at a time may use "
        "it, set `slice.fabric_shared: exclusive`, and this becomes a warning.",
    ),
    "GS214": Code(
        "a slot takes the host's own adapter",
        "The device carries the host's uplink or fabric address and would be gone with the first slice. "
        "Pass another device or a virtual function through.",
    ),
    "GS215": Code(
        "a slot names a disk of the host",
        "The disk is the OS disk or that of a declared share, and slice disks are wiped. Take another disk.",
    ),
    "GS216": Code(
        "more slots than GPUs",
        "A slot holds one GPU, and the hardware class has fewer. Take slots out, or mend the class.",
    ),
    "GS217": Code(
        "a slot on a NUMA node that the class lacks",
        "The hardware class has fewer NUMA nodes. Read the GPU's from sysfs, or mend the class.",
    ),
    "GS220": Code(
        "too many huge pages",
        "Huge pages are taken at boot; these would take all of the memory, or what `kernel.hugepages.reserve` keeps "
        "for the host. Reserve fewer.",
    ),
    "GS221": Code(
        "slices need more memory than the host has",
        "All slots together need more than the class's memory. Take slots out, or make slices smaller.",
    ),
    "GS222": Code(
        "slices need more processors than the host has",
        "All slots together have more vCPUs than the class has threads. Take slots out, or make slices smaller.",
    ),
    "GS223": Code(
        "too few huge pages for all slices",
        "Huge pages are on, but do not hold the memory of all slots, so some slices cannot start. "
        "Reserve more, or none.",
    ),
    "GS230": Code(
        "the DHCP range does not fit the bridge",
        "It must start before it ends, lie within host addresses of the bridge's network, and leave the bridge's own "
        "address out.",
    ),
    "GS231": Code(
        "a DHCP reservation does not fit",
        "A reserved address is a host address of the bridge's network, outside of the range and not the bridge's own; "
        "name, MAC and address are reserved once.",
    ),
    "GS232": Code(
        "two networks overlap",
        "Packets for one would be routed into the other. Give each of bridge, tmfifo, fabric, uplink and management "
        "its own range.",
    ),
    "GS233": Code(
        "a peer or gateway that cannot be reached",
        "It must be another host of the network it is reached through. Correct it, or the interface's address.",
    ),
    "GS234": Code(
        "two nodes with one identity",
        "A host name, MAAS system id, BMC, fabric or uplink address belongs to one machine. Give each node its own; "
        "one that stands in a shared file belongs into the node's.",
    ),
    "GS235": Code(
        "two sites claim one MAAS script",
        "Scripts are global to a MAAS region: each site would overwrite the other's. Make the two one site, or name "
        "the script in one of them.",
    ),
    "GS240": Code(
        "BlueField-3 mode not chosen",
        "The two modes exclude each other, and a slice host's network depends on the choice. Set `bf3.mode` to `dpu` "
        "or `nic`; where it is not decided, to `to-be-approved`.",
    ),
    "GS241": Code(
        "BlueField-3 mode at odds with the host",
        "In DPU mode the host cannot use switchdev mode; in NIC mode the tmfifo peer does not answer. "
        "Change the mode, or what is asked of the host.",
    ),
    "GS242": Code(
        "NVSwitch mode not chosen",
        "Passing GPUs of an HGX board through needs a choice: `isolated` or `shared-nvswitch`. Set `nvswitch.mode`; "
        "where it is not decided, to `to-be-approved`.",
    ),
    "GS250": Code(
        "the driver branch does not drive the GPU",
        "The package's branch is older than the GPU, or has dropped it. Take a branch in the range that the hint "
        "names.",
    ),
    "GS251": Code(
        "the kernel modules do not fit",
        "Open modules drive Turing and later, proprietary ones all but Blackwell and later; the package brings one "
        "flavour. Take the other package, or correct `gpu_driver.modules`.",
    ),
    "GS252": Code(
        "CUDA does not build for the GPU",
        "The toolkit does not know the GPU's compute capability yet, or has dropped it. Take another CUDA version.",
    ),
    "GS253": Code(
        "the driver is too old for CUDA",
        "Programs of this CUDA need a later driver branch. Take a later driver, or an earlier CUDA.",
    ),
    "GS254": Code(
        "an unknown driver package",
        "The name is none of the distribution's that are known here, so driver and GPU were not compared. "
        "Check the name; names differ between distributions.",
    ),
    "GS255": Code(
        "the GPUs cannot run the service",
        "No GPU of the class has the compute capability that the service needs. Run another one on these GPUs.",
    ),
    "GS260": Code(
        "a secret in an environment variable",
        "The variable is named like a secret, and its value stands in the file and so in the repository's history. "
        "Put a reference there (env:NAME or file:/path), and change the secret.",
    ),
    "GS301": Code(
        "a template is incomplete",
        "A template folder holds a description (script.yaml, unit.yaml, file.yaml) and its text. Add the missing file.",
    ),
    "GS302": Code(
        "a library fragment does not exist",
        "`fragments` names files of templates/lib/ without their suffix. Correct the name, or add the file.",
    ),
    "GS303": Code(
        "one name for two values of node.env",
        "All scripts of a profile read one node.env, so a name has one source. Give one of the two another name.",
    ),
    "GS304": Code(
        "a template does not exist",
        "A profile or site names a script, unit or file that no template folder has. Correct the name, or add it.",
    ),
    "GS305": Code(
        "a script of the other kind",
        "MAAS scripts are named by a site, host scripts by a profile. Name it at the other place.",
    ),
    "GS306": Code(
        "a template takes an unknown key",
        "`from` names a key of the resolved configuration, `table` is `hardware`. Correct it as the message says.",
    ),
    "GS307": Code(
        "a template does not render",
        "The Jinja text is broken, uses a name that is not declared under `settings`, or writes a value without a "
        "quoting filter. Mend the template at the place shown.",
    ),
    "GS308": Code(
        "a profile lists a template of scope site",
        "Only MAAS scripts are the same for a whole site. Give the template the scope profile or node.",
    ),
    "GS309": Code(
        "two artifacts with one place on the host",
        "The later one would overwrite the earlier one on the host. Give one of them another path.",
    ),
    "GS310": Code(
        "a node's value in what the profile shares",
        "The artifact is the same on all nodes of the profile, but a node sets the key. Set it in the site or the "
        "profile, or give the node a profile of its own.",
    ),
    "GS311": Code(
        "a node's value in what the site shares",
        "A MAAS script is the same for the whole site. Take keys below `site.`, or a table of the hardware classes.",
    ),
    "GS320": Code(
        "a value does not fit the file's format",
        "The format of the target file cannot hold this text. Change the value in the configuration.",
    ),
    "GS330": Code("not valid POSIX shell", "The shell text cannot be parsed. Mend the syntax at the place shown."),
    "GS331": Code(
        "a command outside of a function",
        "Bodies and fragments hold functions only, so that a file cut off anywhere does nothing. "
        "Move the command into a function.",
    ),
    "GS332": Code(
        "a tab or a trailing blank",
        "It would spoil the block form in user data. Use spaces, and none at the end of a line.",
    ),
    "GS333": Code("no function main", "The composed script ends by calling main. Add it to body.sh."),
    "GS334": Code(
        "a function without its file's prefix",
        "Functions of lib/<prefix>.sh are named <prefix>_*, so that a reader finds them. Rename it.",
    ),
    "GS335": Code(
        "a function defined twice",
        "The body would replace a function of a fragment for the fragment's own calls, too. Rename one of the two.",
    ),
    "GS336": Code(
        "a function does not exist",
        "The name has the prefix of a listed fragment, which does not define it. Correct the name.",
    ),
    "GS337": Code("a fragment is not used", "Nothing calls its functions. Take it out of `fragments`."),
    "GS338": Code(
        "a setting is declared and not used",
        "Settings that nobody reads mislead reviewers. Use it in body.sh, or remove it from script.yaml.",
    ),
    "GS339": Code(
        "a variable is neither declared nor set",
        "With `set -u` the script would end here. Declare it under `settings` or `node_env`, or assign it.",
    ),
    "GS340": Code("a setting is set by the body", "Settings are read-only. Assign a variable of another name."),
    "GS341": Code(
        "a fragment reads a setting",
        "Fragments take arguments, so that every script can use them. Pass the value as an argument.",
    ),
    "GS400": Code(
        "a suppression without a reason",
        "A finding is switched off in line only with `reason: …`, so that a reviewer can judge it; without one it is "
        "not switched off. Write the reason.",
    ),
    "GS401": Code(
        "a suppression of a code that cannot be switched off",
        "The code does not exist, is shellcheck's (which has `# shellcheck disable=`), or is about the configuration. "
        "Correct the code; until then nothing is switched off.",
    ),
    "GS402": Code(
        "a suppression that switches nothing off",
        "What it was for is gone, or its code or place is wrong; left alone, it would hide the next such problem. "
        "Remove it, or correct its code and put it on the line or the line above.",
    ),
    "GS403": Code(
        "a shellcheck directive without a reason",
        "`# shellcheck disable=` hides a warning from everybody who reads the script later. Say why it is right here: "
        "after a second # on the line, or in a comment above it.",
    ),
    "GS404": Code(
        "a file cannot be read",
        "The file or folder was named, or stands in a named folder, and cannot be opened, so nothing is known of it. "
        "Give yourself access to it, or name other paths.",
    ),
    "GS405": Code(
        "a file is not UTF-8",
        "MAAS, cloud-init and systemd read these files as UTF-8 and refuse or garble other bytes. Write it in UTF-8.",
    ),
    "GS406": Code(
        "a suppression that cannot be read",
        "It starts like one and goes on differently, so it switches nothing off. "
        "Write `# gpuaas: disable=CODE reason: …`; several codes are separated by commas.",
    ),
}
"""Every code that the program gives."""
