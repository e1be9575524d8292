"""Tries an IPMI login with `ipmitool`: asks for the power state, and changes nothing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from ..run import CommandError, base_env, mask, run
from ..secrets import Secret

PACKAGE = "ipmitool"
_VARIABLE = "IPMI_PASSWORD"  # the name of a variable, no password
_TIMEOUT_S = 45.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the attempt; `text` is the BMC's answer, or what went wrong, in one line."""

    works: bool
    text: str


def installed() -> bool:
    """Whether there is an `ipmitool`."""
    return shutil.which("ipmitool") is not None


def power_state(address: str, user: str, password: Secret) -> Answer:
    """Log in as an operator, which is what MAAS does, and ask for the power state.

    The password goes by the environment: arguments are seen by everybody on this machine.
    """
    words = ["ipmitool", "-I", "lanplus", "-L", "OPERATOR", "-N", "5", "-R", "2", "-H", address, "-U", user, "-E"]
    text = password.reveal()
    try:
        done = run(
            [*words, "chassis", "power", "status"],
            timeout=_TIMEOUT_S,
            env={**base_env(), _VARIABLE: text},
            check=False,
            secrets=(text,),
        )
    except CommandError as error:
        return Answer(False, mask(str(error).splitlines()[0], (text,)))
    said = [line.strip() for line in (done.stdout or done.stderr).splitlines() if line.strip()]
    shown = mask(said[-1], (text,)) if said else "no output"
    works = done.returncode == 0 and done.stdout.strip().startswith("Chassis Power is")
    return Answer(works, shown if works else f"{shown} (exit status {done.returncode})")
