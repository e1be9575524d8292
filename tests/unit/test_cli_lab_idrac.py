"""`gpuaas-gen lab idrac`: what it serves, says and writes, and how it ends."""

from __future__ import annotations

import signal
import socket
import ssl
import stat
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from support import gen_packaged

pytestmark = pytest.mark.process

GEN = str(Path(sys.executable).with_name("gpuaas-gen"))


def test_it_serves_until_it_is_ended(tmp_path: Path) -> None:
    words = [GEN, "lab", "idrac", "--folder", str(tmp_path / "lab"), "--port", "0", "--count", "2"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = [process.stdout.readline().rstrip("\n") for _ in range(7)]
        assert said[0].startswith("2 stand-in iDRACs at https://127.0.0.1:")
        assert stat.S_IMODE((tmp_path / "lab" / "password").stat().st_mode) == 0o600
        for line in said:
            if line.startswith("  gpuaas-gen bios plan --root"):
                ran = gen_packaged(*line.split()[1:])
                assert (ran.code, len(ran.out.splitlines())) == (3, 2)
        env = dict(word.split("=", 1) for word in said[3].split()[1:])
        assert gen_packaged(*said[4].split()[1:], env=env).code == 3
        path, *command = said[6].split()
        folder = path.removeprefix("PATH=").removesuffix(":$PATH")
        assert (Path(folder) / "racadm").is_file()
        assert command[1:3] == ["bios", "plan"]
        context = ssl.create_default_context(cafile=str(tmp_path / "lab" / "tls" / "idrac.pem"))
        body = b'{"UserName": "root", "Password": "%s"}' % env["IDRAC_PASSWORD"].encode()
        place = f"https://{env['IDRAC_HOST']}/redfish/v1/SessionService/Sessions"
        with urlopen(Request(place, body), context=context) as answer:
            assert answer.status == 201
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert err == "Ctrl-C ends it\nwarning: 1 session(s) were still open\n"


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = gen_packaged("lab", "idrac", "--folder", str(tmp_path / "lab"), "--port", str(port))
    assert ran.code == 2
    assert f"port {port} of 127.0.0.1" in ran.err
    assert "give another one with --port, or 0" in ran.err
