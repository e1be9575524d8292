"""The stand-in `racadm`: a program of its own, copied into a folder of PATH by `lab.racadm`. Standard library only.

It reads and writes the JSON file named by GPUAAS_RACADM_STATE, or by STATE below; see `lab.racadm` for its keys.
A job goes one step on with each `jobqueue view`, so that no test waits. It is started hundreds of times: no pathlib
and no typing, which take as long to import as all the rest.
"""
# ruff: noqa: PTH105, PTH123

from __future__ import annotations

import fcntl
import json
import os
import re
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STATE = ""

ERRORS = {
    "RAC947": "Invalid object value specified.",
    "RAC1018": "The specified object or syntax is invalid.",
    "RAC1019": "The specified object is not supported for the current system\n         configuration.",
    "RAC1023": "Unable to create the configuration job.",
    "RAC1025": "The specified object is read-only and cannot be modified due to\n         an object dependency.",
    "RAC1201": "Unable to complete the operation because the server is in the\n         lockdown mode.",
    "RAC1035": "There are no pending values to be cleared.",
    "RAC1038": "Unable to clear pending values for the specified component.",
    "RAC917": "The syntax of the specified command is not correct.",
    "RAC992": "Invalid job.",
}
MESSAGES = {
    "JCP001": ("Scheduled", "Task successfully scheduled.", 0),
    "PR20": ("Running", "Job in progress.", 50),
    "PR19": ("Completed", "Job completed successfully.", 100),
    "PR21": ("Failed", "Job failed.", 100),
    "PR31": ("Completed with Errors", "Job completed with errors.", 100),
    "PR30": ("Scheduled", "Job processing initialization failure.", 1),
}
FAULTS = {
    "login": "ERROR: Login failed - invalid username or password",
    "unreachable": "ERROR: Unable to connect to RAC at specified IP address.",
    "no-local": "ERROR: RACADM is unable to process the requested subcommand because there is no\n"
    "local RAC configuration to communicate with.",
}
CERTIFICATE = "Security Alert: Certificate is invalid - Certificate is not signed by Trusted Third Party"
GOING_ON = "Continuing execution. Use -S option for racadm to stop execution on certificate-related errors."
SETUP = "BIOS.Setup.1-1"
RULE = "-" * 58


class Refused(Exception):  # noqa: N818 - an answer, not a defect
    """Ends the command with a message id."""


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")


def split_target(target: str) -> tuple[str, str]:
    """`BIOS.ProcSettings.LogicalProc` or `BIOS.Setup.1-1#ProcSettings.LogicalProc` to group and object."""
    match = re.fullmatch(r"(?:BIOS|iDRAC)\.(?:Setup\.1-1#)?(\w+)(?:\.(\w+))?", target, re.IGNORECASE)
    if not match:
        raise Refused("RAC1018")
    return match[1], match[2] or ""


def group_of(state: dict[str, Any], name: str) -> tuple[str, dict[str, Any]]:
    """A group whatever its case."""
    for known, objects in state["groups"].items():
        if known.casefold() == name.casefold():
            return known, objects
    raise Refused("RAC1018")


def open_job(state: dict[str, Any]) -> str:
    """Id of the job that has not ended, or nothing."""
    return next((id_ for id_, job in state["jobs"].items() if job["message"] in {"JCP001", "PR20", "PR30"}), "")


def get(state: dict[str, Any], words: list[str]) -> None:
    """`get GROUP` or `get GROUP.OBJECT`."""
    if len(words) != 1:
        raise Refused("RAC917")
    group, only = split_target(words[0])
    known, objects = group_of(state, group)
    names = [name for name in objects if not only or name.casefold() == only.casefold()]
    if not names:
        raise Refused("RAC1018")
    say(f"[Key={SETUP}#{known}]" if known != "Lockdown" else "[Key=iDRAC.Embedded.1#Lockdown.1]")
    for name in names:
        entry = objects[name]
        if entry.get("write_only"):
            say(f"{name}=******** (Write-Only)")
            continue
        mark = "#" if entry.get("read_only") or state["lockdown"] else ""
        pending = f" (Pending Value={entry['pending']})" if "pending" in entry else ""
        say(f"{mark}{name}={entry['value']}{pending}")


def set_(state: dict[str, Any], words: list[str]) -> None:
    """`set GROUP.OBJECT VALUE`."""
    if len(words) != 2:
        raise Refused("RAC917")
    group, name = split_target(words[0])
    known, objects = group_of(state, group)
    found = next((entry for entry in objects if entry.casefold() == name.casefold()), "")
    if not found:
        raise Refused("RAC1018")
    entry = objects[found]
    if known == "Lockdown":
        entry["value"] = {"1": "Enabled", "0": "Disabled"}.get(words[1], words[1])
        state["lockdown"] = entry["value"] == "Enabled"
        say("[Key=iDRAC.Embedded.1#Lockdown.1]\nObject value modified successfully")
        return
    if state["lockdown"]:
        raise Refused("RAC1201")
    if entry.get("unsupported"):
        raise Refused("RAC1019")
    if entry.get("read_only"):
        raise Refused("RAC1025")
    if entry.get("values") and words[1] not in entry["values"]:
        raise Refused("RAC947")
    if open_job(state):
        raise Refused("RAC1038")
    entry["pending"] = words[1]
    say(f"[Key={SETUP}#{known}]\nRAC1017: Successfully modified the object value and the change is in")
    say("         pending state.")


def pending(state: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects with staged values."""
    return [entry for objects in state["groups"].values() for entry in objects.values() if "pending" in entry]


def create(state: dict[str, Any], words: list[str]) -> None:
    """`jobqueue create BIOS.Setup.1-1 [-r TYPE] [-s TIME_NOW]`."""
    options = dict(zip(words[1::2], words[2::2], strict=False))
    if not words or words[0] != SETUP or set(options) - {"-r", "-s", "-e"}:
        raise Refused("RAC917")
    if state["lockdown"]:
        raise Refused("RAC1201")
    if not pending(state) or open_job(state):
        raise Refused("RAC1023")
    state["made"] += 1
    id_ = f"JID_{700000000000 + state['made']}"
    stuck = state["ending"] == "PR30"
    state["jobs"][id_] = {"message": "PR30" if stuck else "JCP001", "reset": "-r" in options}
    say("RAC1024: Successfully scheduled a job.")
    say('Verify the job status using "racadm jobqueue view -i JID_xxxxx" command.')
    say(f"Commit JID = {id_}")
    if "-r" in options:
        say(f"Reboot JID = RID_{700000000000 + state['made']}")


def step(state: dict[str, Any], job: dict[str, Any]) -> None:
    """Let a job go one step on; one that waits for a reset only goes on after it."""
    if job["message"] == "PR20":
        job["message"] = state["ending"]
        for number, entry in enumerate(pending(state)):
            value = entry.pop("pending")
            if state["ending"] == "PR19" or (state["ending"] == "PR31" and number == 0):
                entry["value"] = value
    elif job["message"] == "JCP001" and job["reset"]:
        job["message"] = "PR20"


def view(state: dict[str, Any], words: list[str]) -> None:
    """`jobqueue view [-i JID]`."""
    ids = [words[1]] if words[:1] == ["-i"] and len(words) == 2 else list(state["jobs"]) if not words else [""]
    if any(id_ not in state["jobs"] for id_ in ids):
        raise Refused("RAC992")
    say("-------------------------JOB QUEUE------------------------")
    for id_ in ids:
        job = state["jobs"][id_]
        status, text, percent = MESSAGES[job["message"]]
        say(f"[Job ID={id_}]\nJob Name=Configure: {SETUP}\nStatus={status}\nStart Time=[Now]")
        say(f"Expiration Time=[Not Applicable]\nMessage=[{job['message']}: {text}]")
        say(f"Percent Complete=[{percent}]\n{RULE}")
        step(state, job)


def delete(state: dict[str, Any], words: list[str]) -> None:
    """`jobqueue delete -i JID`."""
    if len(words) != 2 or words[0] != "-i" or words[1] not in state["jobs"]:
        raise Refused("RAC992")
    if state["jobs"][words[1]]["message"] == "PR20":
        raise Refused("RAC1023")
    if words[1] == open_job(state):
        for entry in pending(state):
            del entry["pending"]
    del state["jobs"][words[1]]
    say("RAC1032: 1 job(s) was cancelled by the user.")


def jobqueue(state: dict[str, Any], words: list[str]) -> None:
    """`jobqueue create|view|delete`."""
    actions = {"create": create, "view": view, "delete": delete}
    if not words or words[0] not in actions:
        raise Refused("RAC917")
    actions[words[0]](state, words[1:])


def clearpending(state: dict[str, Any], words: list[str]) -> None:
    """`clearpending BIOS.Setup.1-1`."""
    if words != [SETUP]:
        raise Refused("RAC917")
    if open_job(state):
        raise Refused("RAC1038")
    if not pending(state):
        raise Refused("RAC1035")
    for entry in pending(state):
        del entry["pending"]
    say("RAC1036: Successfully cleared pending attribute(s) for the group\n         specified.")


def serveraction(state: dict[str, Any], words: list[str]) -> None:
    """`serveraction powercycle|hardreset|graceshutdown…`: a scheduled job may run now."""
    if len(words) != 1 or words[0] not in {"powercycle", "hardreset", "powerup", "powerdown", "graceshutdown"}:
        raise Refused("RAC917")
    for job in state["jobs"].values():
        job["reset"] = True
    say("Server power operation initiated successfully")


def getversion(_state: dict[str, Any], _words: list[str]) -> None:
    """`getversion`."""
    say(" Bios Version             = 2.4.4\n iDRAC Version            = 7.10.50.00")


def getsysinfo(state: dict[str, Any], _words: list[str]) -> None:
    """`getsysinfo`."""
    info = state["groups"]["SysInformation"]
    say("System Information:\nSystem Model            = " + info["SystemModelName"]["value"])
    say("System BIOS Version     = " + info["SystemBiosVersion"]["value"])
    say(f"Power Status            = {state.get('power', 'ON')}")


def help_(state: dict[str, Any], words: list[str]) -> None:
    """`help BIOS.GROUP.OBJECT`."""
    group, name = split_target(words[0] if len(words) == 1 else "")
    entry = group_of(state, group)[1].get(name)
    if entry is None:
        raise Refused("RAC1018")
    values = ";".join(f"{value} - {value}" for value in entry.get("values", []))
    say(f"{name:<25} -- Setting {name} of the server.\nUsage                     -- {values or 'String'};")
    say("Required License          -- RACADM\nDependency                -- NA")


COMMANDS = {
    "get": get,
    "set": set_,
    "jobqueue": jobqueue,
    "clearpending": clearpending,
    "serveraction": serveraction,
    "getversion": getversion,
    "getsysinfo": getsysinfo,
    "help": help_,
}


def remote(words: list[str]) -> tuple[list[str], set[str]]:
    """The command without the options of remote racadm, and those options."""
    options: set[str] = set()
    while words and words[0].startswith("-"):
        name = words.pop(0)
        options.add(name)
        if name in {"-r", "-u", "-p"} and words:
            words.pop(0)
    return words, options


def command(state: dict[str, Any], words: list[str]) -> int:
    """One command; its exit status."""
    words, options = remote(words)
    if "-i" in options:
        sys.stdout.write(state.get("prompts", ""))
        state["given"] = [line.strip() != "" for line in (sys.stdin.readline(), sys.stdin.readline())]
    if "-r" in options and not state["trusted"] and "--nocertwarn" not in options:
        say(CERTIFICATE)
        if "-S" in options:
            return 1
        say(GOING_ON)
    if state["fault"] == "library":
        say("ERROR: RAC1170 : Unable to find the SSL library in the default path.")
        return 0
    if state["fault"] in FAULTS:
        say(FAULTS[state["fault"]])
        return 1
    if state["fault"] == "garbage":
        say("Segmentation fault (core dumped)")
        return 0
    if state["fault"] == "hang":
        time.sleep(3600)
    try:
        if not words or words[0] not in COMMANDS:
            raise Refused("RAC917")
        COMMANDS[words[0]](state, words[1:])
    except Refused as refusal:
        id_ = str(refusal)
        say(f"ERROR: {id_} : {ERRORS[id_]}" if id_ in {"RAC947", "RAC917"} else f"{id_}: {ERRORS[id_]}")
        return int(state["refusal_status"])
    return int(state["success_status"])


def write(path: str, state: dict[str, Any]) -> None:
    """Put the state into its file, in one step."""
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(json.dumps(state))
    os.replace(f"{path}.new", path)


def main() -> int:
    """Run the command of the argument list against the state file."""
    path = os.environ.get("GPUAAS_RACADM_STATE") or STATE
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open(path, encoding="utf-8") as file:
            state = json.load(file)
        state["calls"].append(sys.argv[1:])
        write(path, state)  # a command that hangs has been called all the same
        status = command(state, list(sys.argv[1:]))
        write(path, state)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
