"""A change in a process of its own, which ends itself with SIGKILL at one request; started by the tests.

Arguments: URL, CA file, folder of journals, plan file, `after` or `before`, number of the request. `after`
counts all requests and kills when the answer is there, `before` counts those that are no GET and kills
before it is sent. Number -1: never. The password comes in GPUAAS_TEST_PASSWORD.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from gpuaas_scripts.bios.plan import from_json
from gpuaas_scripts.secrets import Secret
from gpuaas_scripts.sinks.bios_apply import apply
from gpuaas_scripts.sinks.bios_journal import Journal, ResetWish, Wishes
from gpuaas_scripts.sinks.bios_run import Pace
from gpuaas_scripts.sinks.bmc import Limits, Target, Tls
from gpuaas_scripts.sinks.interrupt import run_async
from gpuaas_scripts.sinks.redfish_bmc import RedfishBmc
from gpuaas_scripts.sinks.redfish_wire import RedfishWire


def arm(mode: str, number: int) -> None:
    """Let the process die at the request with this number."""
    once, counted = RedfishWire.once, [0]

    async def dying(self: RedfishWire, method: str, *words: Any, **more: Any) -> Any:  # noqa: ANN401
        counts = mode == "after" or method != "GET"
        mine = counts and counted[0] == number
        counted[0] += counts
        if mine and mode == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        reply = await once(self, method, *words, **more)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return reply

    RedfishWire.once = dying  # type: ignore[method-assign]


async def change(url: str, ca: str, folder: str, plan_file: str) -> None:
    limits = Limits(patience=0.5, attempts=3, pause=0.02)
    password = Secret(os.environ["GPUAAS_TEST_PASSWORD"])
    target = Target("host-1", url, "root", password, Tls(ca_file=Path(ca)), limits)
    plan = from_json(Path(plan_file).read_bytes())
    with Journal.create(Path(folder), plan, Wishes(reset=ResetWish.FORCE), url) as journal:
        async with RedfishBmc(target, journal.watch) as bmc:
            result = await apply(journal, bmc, Pace(poll=0.02))
    print(result.end)


if __name__ == "__main__":
    arm(sys.argv[5], int(sys.argv[6]))
    run_async(lambda: change(*sys.argv[1:5]))
