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
        "Settings that nobody reads mislead reviewers. Use it in the body, or remove it from script.yaml.",
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
    "GS410": Code(
        "a shell cannot parse the script",
        "On a host whose /bin/sh is that shell, the script ends with a syntax error before or in the middle of its "
        "work. Write what all POSIX shells understand, or name the right shell in the first line.",
    ),
    "GS411": Code(
        "a template is laid out otherwise",
        "Templates are laid out by shfmt with two blanks, so that a diff shows what changed and nothing else. "
        "Run `gpuaas-gen lint --fix`.",
    ),
    "GS412": Code(
        "a line is indented unlike the rest",
        "The file keeps to a layout of its own, but not here, which misleads about what belongs to what. "
        "Indent the line like the rest.",
    ),
    "GS420": Code(
        "a MAAS script without metadata",
        "MAAS takes it under the name that the upload gives; through the API it becomes a testing script. An update "
        "that removes the metadata leaves the old values in MAAS. Add the block.",
    ),
    "GS421": Code(
        "the metadata cannot be read",
        "A line without #, a missing end or broken YAML: MAAS refuses the script. Mend the block at the place shown.",
    ),
    "GS422": Code(
        "metadata that MAAS ignores",
        "The marker is not one of version 1.0, the block holds no mapping, or another block stands before it: MAAS "
        "takes the script and not what the block says. Write one block with the exact marker lines.",
    ),
    "GS423": Code(
        "a field that MAAS does not know",
        "MAAS ignores unknown fields without a word: with `type` for `script_type` a script becomes a testing script, "
        "with `noauto: true` it still runs everywhere. Correct the name.",
    ),
    "GS424": Code(
        "a field stands twice",
        "YAML keeps the last value; MAAS never sees the others, such as five of six download addresses. "
        "Keep one, and make a list of several values.",
    ),
    "GS425": Code(
        "the first line is not #!/",
        "MAAS refuses a script that does not begin with exactly #!/, and takes an empty file that no machine can run. "
        "Begin with `#!/bin/sh`.",
    ),
    "GS426": Code(
        "MAAS cannot store the content",
        "A NUL character makes MAAS answer 500, bytes that are no UTF-8 are replaced without a word, and above 10 MB "
        "its web server refuses the upload. Write plain text, and download large files.",
    ),
    "GS427": Code(
        "two scripts of one name",
        "MAAS holds one script of a name: what is uploaded last replaces the other. Give each its own name.",
    ),
    "GS428": Code(
        "a name that MAAS does not take",
        "MAAS refuses names with other characters, all digits or `none`, fails on a number, and cannot find a script "
        "with a slash again. Use letters, digits and @%+=:,._- as in 50-site-check.",
    ),
    "GS429": Code(
        "a reserved name",
        "The name is one of MAAS's own scripts or like them, or ends like the files in which MAAS keeps output. "
        "Take another name.",
    ),
    "GS430": Code(
        "names that are in each other's way",
        "MAAS finds the script that a parameter is for by searching its name in the parameter's, so that what is meant "
        "for the one reaches the other, or is refused. No name may contain another: rename one.",
    ),
    "GS431": Code(
        "a title or description that is no text",
        "MAAS shows what YAML made of it (`yes` becomes True, `1.10` becomes 1.1), and refuses a title above 255 "
        "characters. Put it in quotes, or shorten it.",
    ),
    "GS432": Code(
        "a boolean that is none",
        "Of texts, MAAS reads only `false` as false: 'no', 'off' and '0' are true. Write true or false without quotes.",
    ),
    "GS433": Code(
        "a kind that MAAS does not know",
        "MAAS refuses the script for an unknown script_type, hardware_type or parallel. Take one of the values named.",
    ),
    "GS434": Code(
        "a timeout that means something else",
        "MAAS reads 00:10 as ten seconds, 0600 as 384, 0 as no limit, and takes negative values; the machine gets five "
        'minutes more than it says. Write "00:10:00", 600 or PT10M.',
    ),
    "GS435": Code(
        "a tag that does not do what it says",
        "Tags are texts in a list or with commas between them; those of the hardware type and `destructive` are set by "
        "MAAS; `noauto` is the one that keeps a script out of every commissioning. Correct it.",
    ),
    "GS436": Code(
        "packages that are not installed",
        "MAAS acts on apt, snap and url only, and each entry is one package. A text instead of a mapping stops the "
        "machine's runner before any script. Write `packages: {apt: [one, two]}`.",
    ),
    "GS437": Code(
        "hardware that no machine has",
        "MAAS compares for_hardware letter by letter with the machine's identifiers; it takes many that can never "
        "match, and the script never runs. Write them in lower case and without blanks around them.",
    ),
    "GS438": Code(
        "results that MAAS does not take",
        "MAAS refuses the script unless `results` is a list of names, or a mapping of names to title and description. "
        "Correct it.",
    ),
    "GS440": Code(
        "parameters that break every commissioning",
        "MAAS takes a list or a text here, and then answers 500 to every call that commissions any machine, until the "
        "script is removed. Write a mapping of names.",
    ),
    "GS441": Code(
        "a parameter that MAAS refuses later",
        "MAAS does not look at parameters when a script is uploaded, but refuses each run that selects it; without "
        "the tag noauto that is the commissioning of every machine. Correct the field.",
    ),
    "GS442": Code(
        "a default that MAAS refuses later",
        "A default is text, one of the choices, and never given for a runtime; a required parameter of a script that "
        "runs by itself needs one. Otherwise MAAS refuses the run. Correct it.",
    ),
    "GS443": Code(
        "an argument that does not reach the script",
        "The format lacks what MAAS asks for, holds what the runner does not know ({mac} for {mac_address}), or names "
        "another option than the script reads. Then the run is refused or fails with status 2. Correct the format.",
    ),
    "GS444": Code(
        "a value that is split at its blanks",
        "The machine's runner splits rendered arguments at blanks and knows no quotes, so one value becomes several "
        "arguments. Use values without blanks.",
    ),
    "GS445": Code(
        "a boolean that is passed as a flag",
        "The runner passes a boolean with its value, also when it is false; a script that only looks whether the flag "
        "is there does the opposite. Write --name={input}, and look at the value.",
    ),
    "GS446": Code(
        "a password among the arguments",
        "Arguments can be read by every process of the machine, and end up in logs and in MAAS's results. "
        "Let the script fetch the secret.",
    ),
    "GS447": Code(
        "file and script have different names",
        "MAAS refuses an upload whose part is called otherwise than the metadata says, and an update by the file's "
        "name renames the script that is there. Give both one name.",
    ),
    "GS448": Code(
        "a restart that MAAS does not expect",
        "Without may_reboot, MAAS takes a machine that restarts for lost and fails its commissioning. "
        "Add `may_reboot: true`.",
    ),
    "GS450": Code(
        "a change on every commissioning",
        "Without the tag noauto (or for_hardware) a commissioning script runs on every machine whenever it is "
        "commissioned: this one changes firmware or disks there. Add the tag noauto.",
    ),
    "GS451": Code(
        "destruction that is not declared",
        "Without `destructive: true` MAAS does not warn, and lets a testing script run on deployed machines. Add it.",
    ),
    "GS452": Code(
        "a preflight that does not run by itself",
        "With the tag noauto a script runs only where somebody names it, so that machines pass unchecked. "
        "Remove the tag.",
    ),
    "GS453": Code(
        "restarts on every commissioning",
        "The script may restart the machine and is not kept out of the automatic set, so that every commissioning may "
        "take a restart longer. Add the tag noauto, or for_hardware.",
    ),
    "GS454": Code(
        "a hardware type that changes the order",
        "Scripts of cpu, memory, storage, network and gpu run before all scripts of node, whatever their names. "
        "Take node where the number in the name shall count.",
    ),
    "GS455": Code(
        "results declared and reported differ",
        "MAAS shows a result that is not declared without a title, and one that is never reported not at all. "
        "Declare what the body reports.",
    ),
    "GS456": Code(
        "a field without a value",
        "MAAS takes it for absent, so that an update keeps the old value. Give it a value, or leave the key out.",
    ),
    "GS457": Code(
        "a field that does nothing here",
        "MAAS looks at it for another script type only. Remove it.",
    ),
    "GS458": Code(
        "a results file that MAAS does not read so",
        "MAAS knows the keys status, results and link_connected, and the statuses passed, failed, degraded, timedout "
        "and skipped; with another status it drops the whole file. Correct what the script writes.",
    ),
    "GS459": Code(
        "no script_type",
        "Uploaded through the API, a script without it becomes a testing script and is never commissioned with. "
        "Add `script_type: commissioning`, testing or release.",
    ),
    "GS460": Code(
        "cloud-init's schema refuses a value",
        "cloud-init writes a warning into its log and goes on with the value as it is, or without the module that it "
        "is for: the machine comes up and lacks what was asked. Write the value as the message says.",
    ),
    "GS461": Code(
        "a key that cloud-init does not know",
        "cloud-init ignores the key with everything below it; only a line in its log tells. Correct the name.",
    ),
    "GS462": Code(
        "a command that runs otherwise than it reads",
        "A list is one program and its arguments, without a shell; a text is a line of shell in which a failure in the "
        "middle is lost, and which no check of scripts sees. Write a list, or put the lines into a script.",
    ),
    "GS463": Code(
        "something is needed that is not there yet",
        "The command ends with `not found`, or the file is not written, and with it those that follow; cloud-init goes "
        "on. Add the package, correct the path, or let the file be written at the end with `defer: true`.",
    ),
    "GS464": Code(
        "a file's content that a reviewer cannot read",
        "Base64, folded and quoted texts hide what the machine gets, and change line breaks and backslashes. "
        "Write the text as a block, `content: |`.",
    ),
    "GS465": Code(
        "a file is written twice",
        "cloud-init writes the entries in order, so the machine has the last one only. Keep one, or append.",
    ),
    "GS466": Code(
        "permissions that are not what they look like",
        "YAML turns 0644 into 420 and 644 into mode 1204, and what cloud-init cannot read becomes 0644, which "
        'everybody can read. Write the mode in quotes, such as "0600".',
    ),
    "GS467": Code(
        "large user data",
        "What is above the limit is not sent; what is near it is stored in MAAS's database and read on every boot. "
        "Let the host fetch large files, pinned by checksum.",
    ),
    "GS468": Code(
        "cloud-init does not see what the text is",
        "Without its first line, its MIME headers or a known type, cloud-init ignores the text or a part of it; the "
        "machine boots unprepared. Write the first line or header that the hint names.",
    ),
    "GS469": Code(
        "parts of user data lose something when merged",
        "By its merge rule, the later part replaces what an earlier one says, or is dropped where both say something. "
        "Set it in one part, or declare a rule that appends.",
    ),
    "GS470": Code(
        "systemd complains about a unit",
        "`systemd-analyze verify` said so, with the units of the host in place. systemd ignores the line or refuses "
        "the whole unit at boot, and only the journal tells. Correct it as the message says.",
    ),
    "GS471": Code(
        "a unit starts a program that nobody installs",
        "At boot the unit fails with 203/EXEC. Correct the path, or add the script or package that brings the program.",
    ),
    "GS472": Code(
        "units wait for each other",
        "systemd breaks the cycle at boot by not starting one of them, and not always the same. Take one of the "
        "After= or Before= lines out.",
    ),
    "GS473": Code(
        "a service that may do nearly everything",
        "Whoever takes the service over has what root has. The number is systemd's own, from 0 (shut in) to 10. "
        "Add protections that it can live with; `systemd-analyze security UNIT` lists them.",
    ),
    "GS474": Code(
        "a unit file's form is wrong",
        "systemd ignores a section or line that it does not know, hands shell signs to the program as arguments, "
        "takes a comment behind a value for a part of it, and reads drop-ins only where they end in .conf.",
    ),
    "GS475": Code(
        "a netplan file is wrong, or a trap",
        "`netplan apply` refuses the file, and at the next boot the host is without its network; or an interface does "
        "not come up as written, or holds up the boot. Write what the message says.",
    ),
    "GS476": Code(
        "a dnsmasq file is wrong",
        "dnsmasq refuses to start at an unknown option or a bad value, and guests get no address. Or it would answer "
        "where it should not. Correct the line; `dnsmasq --test` tells the same on the host.",
    ),
    "GS477": Code(
        "a grub.d file does more, or less, than append",
        "update-grub sources the file as root under `set -e`: a failing command stops it and the host boots with old "
        "arguments; an assignment drops what others set. Only append to GRUB_CMDLINE_LINUX.",
    ),
    "GS478": Code(
        "a sysctl setting that will not take effect",
        "systemd-sysctl warns in the journal and goes on, so the kernel keeps its default. Correct the name or value.",
    ),
    "GS479": Code(
        "a file about kernel modules is wrong",
        "kmod ignores lines that it does not know, and takes words for names of modules; the module is loaded without "
        "its options, or not at all. Write what modprobe.d(5) or modules-load.d(5) asks for.",
    ),
    "GS480": Code(
        "a udev rule is wrong",
        "udev ignores the rule, or the rest of it, with a line in the journal; the device has another name or mode "
        "than meant. `=` assigns and `==` compares.",
    ),
    "GS481": Code(
        "a data file cannot be read as written",
        "Its reader refuses the file, or keeps one of two equal keys and says nothing. Mend it at the place shown.",
    ),
    "GS482": Code(
        "node.env does not hold what scripts read",
        "Every host script of the profile checks the file before it does anything, and ends with an error. "
        "Write each value as NAME='value', all names, and the marker as the last line.",
    ),
    "GS485": Code(
        "a private key stands in a file",
        "Whoever reads the repository, MAAS's database or the machine's user data has it. Make a new key, and let the "
        "host fetch it.",
    ),
    "GS486": Code(
        "a token stands in a file",
        "It has the form of a token of a known service. Revoke it, and refer to it as env:NAME or file:/path.",
    ),
    "GS487": Code(
        "a password stands in a file",
        "A password, its hash or a token is written out in an assignment, an option or a URL. Change it, and refer to "
        "it instead. A value that is none is switched off in line, with the reason.",
    ),
    "GS488": Code(
        "random text that looks like a secret",
        "Long text of mixed letters and digits without order is mostly a key. Refer to it instead; where it is none, "
        "switch the finding off in line and say what it is.",
    ),
    "GS489": Code(
        "a secret of the site stands in a file",
        "The value that a secret's reference of this site has here is found in what is rendered. Find out which "
        "setting carries it, refer to it instead, and change it.",
    ),
    "GS490": Code(
        "devices given to VFIO by their ID",
        "vfio-pci takes every device of that vendor and device ID at boot, the boot NVMe of the same model included; "
        "the host does not come up. Bind each device by its address.",
    ),
    "GS491": Code(
        "a download is run at once",
        "Whatever the server sends runs as root, a file cut off in the middle included. Download to a file, compare "
        "its checksum with a pinned one, then run it.",
    ),
    "GS492": Code(
        "packages that nobody signed",
        "apt installs what anybody on the way has put there. Give the repository's key a keyring of its own and name "
        "it with signed-by; `apt-key` trusts a key for every repository.",
    ),
    "GS493": Code(
        "a repository's key is not pinned",
        "The key is fetched and trusted as it comes, so whoever answers can sign packages. Compare the whole "
        "fingerprint, or write the key itself.",
    ),
    "GS494": Code(
        "a file that everybody on the host can read",
        "netplan files hold keys and addresses, node.env the node's values; scripts refuse a readable node.env, and "
        "netplan warns. Give the file mode 0600.",
    ),
    "GS495": Code(
        "a disk to be overwritten is named by the kernel",
        "Kernel names such as /dev/nvme0n1 are given in the order of discovery: after the next boot it may be the OS "
        "disk. Name it by /dev/disk/by-id/.",
    ),
    "GS496": Code(
        "a download is not pinned by a checksum",
        "What is used is whatever the server has that day. Write its SHA-256 into the configuration and compare it "
        "before the file is used.",
    ),
    "GS497": Code(
        "kernel options of VFIO or huge pages on a MAAS tag",
        "MAAS gives them to every machine of the tag, while it is commissioned and tested, too, where memory is "
        "missing then or disks are gone. Put them into the profile's grub.d file.",
    ),
    "GS498": Code(
        "a rule of the site's own",
        "The site file asks under `policy.rules` that the pattern does not stand in what is rendered, and says why. "
        "Change the source, or the rule.",
    ),
    "GS499": Code(
        "a setting under `policy` has no effect",
        "The code is no rule that can be switched off, the reason is missing, or the site's own rule is incomplete. "
        "Correct it in the site file.",
    ),
}
"""Every code that the program gives."""
