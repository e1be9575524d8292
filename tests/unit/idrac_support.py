"""A stand-in iDRAC with a clock that stands still, and curl as the client that is not ours."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpuaas_scripts.lab.idrac import Clock, Farm, Options, running
from gpuaas_scripts.lab.idrac_bmc import Bmc
from gpuaas_scripts.lab.idrac_control import direct
from gpuaas_scripts.lab.idrac_registry import GENERATIONS
from gpuaas_scripts.lab.idrac_resources import SESSIONS, SETTINGS
from gpuaas_scripts.run import run

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = Options().password
ON_RESET = {"@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"}}


@dataclass(frozen=True)
class Reply:
    """What curl got: its exit status (0, or what kept it from an answer), HTTP status, headers and body."""

    exit: int
    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def ids(self) -> list[str]:
        return [info["MessageId"] for info in self.document["error"]["@Message.ExtendedInfo"]]


@dataclass
class Client:
    """curl towards one stand-in, by basic authentication unless a token is given."""

    farm: Farm
    folder: Path
    index: int = 0
    user: str = "root"
    token: str = ""
    cacert: Path | None = None

    @property
    def bmc(self) -> Bmc:
        return self.farm.bmcs[self.index]

    def direct(self, **wishes: object) -> None:
        """What the lab wants of the stand-in."""
        self.farm.call(lambda: direct(self.bmc, wishes))

    def send(
        self, method: str, path: str, body: object = None, headers: tuple[str, ...] = (), anonymous: bool = False
    ) -> Reply:
        """One request by curl."""
        head, data = self.folder / "head", self.folder / "body"
        head.unlink(missing_ok=True)
        data.unlink(missing_ok=True)
        words = ["curl", "-sS", "-X", method, "--cacert", str(self.cacert or self.farm.certificate.certificate)]
        words += ["-D", str(head), "-o", str(data), "--max-time", "20"]
        if self.token:
            words += ["-H", f"X-Auth-Token: {self.token}"]
        elif not anonymous:
            words += ["-u", f"{self.user}:{PASSWORD}"]
        for header in headers:
            words += ["-H", header]
        if body is not None:
            text = body if isinstance(body, str) else json.dumps(body)
            words += ["-H", "Content-Type: application/json", "--data-binary", text]
        done = run([*words, self.farm.urls[self.index] + path], timeout=30, check=False)
        lines = head.read_text().splitlines() if head.exists() else []
        status = int(lines[0].split()[1]) if lines else 0
        named = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        return Reply(
            done.returncode,
            status,
            {name.casefold(): value for name, value in named.items()},
            data.read_bytes() if data.exists() else b"",
        )

    def get(self, path: str) -> dict[str, Any]:
        """A document; the answer must be 200."""
        reply = self.send("GET", path)
        assert reply.status == 200, reply.body
        return reply.document

    def login(self, user: str = "root", password: str = PASSWORD) -> Reply:
        return self.send("POST", SESSIONS, {"UserName": user, "Password": password}, anonymous=True)

    def patch(self, *, on_reset: bool = False, **attributes: object) -> Reply:
        """PATCH of the settings object, staged only or with a job."""
        return self.send("PATCH", SETTINGS, {**(ON_RESET if on_reset else {}), "Attributes": attributes})


@contextmanager
def standing(folder: Path, generation: str = "16g", **options: object) -> Iterator[Client]:
    """A client of one stand-in whose clock only moves when told; no mistake of the stand-in goes unseen."""
    made = Options(generation=GENERATIONS[generation], **options)  # type: ignore[arg-type]
    with running([made], folder / "tls", Clock(rate=0)) as farm:
        yield Client(farm, folder)
        assert not farm.defects, farm.defects[0]
