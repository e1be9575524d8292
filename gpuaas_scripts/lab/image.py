"""The image of the lab: a Debian made by mmdebstrap from packages alone, built once per recipe.

Or, with `base`, an image that the user names (`ubuntu:24.04`) with the same packages put on top by
apt. Sources: mmdebstrap(1), apt-get(8), apt-ftparchive(1), apt-secure(8).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.engine import Engine
from gpuaas_scripts.run import base_env, run

SUITE = "trixie"
DEFAULT_MIRROR = "http://deb.debian.org/debian"
MIRROR_VARIABLE = "GPUAAS_LAB_MIRROR"
BUILD_TIMEOUT = 1800.0


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# What a host has before any of our scripts runs (and what the tests themselves need).
INSTALLED = _words("""
    systemd systemd-sysv systemd-resolved dbus udev cloud-init netplan.io
    iproute2 iputils-ping iptables openvswitch-switch ethtool udhcpc dhcpcd-base tcpdump netcat-openbsd
    openssh-server sudo kmod pciutils util-linux fdisk parted e2fsprogs dosfstools xfsprogs mdadm lvm2 cryptsetup-bin
    nvme-cli dmidecode procps busybox mksh bash dash jq python3
    curl ca-certificates gpg gpg-agent apt apt-utils initramfs-tools grub2-common
""")
# What can be installed inside a running container, from the repository in the image.
AVAILABLE = _words("""
    dnsmasq openvswitch-switch driverctl rdma-core ibverbs-utils infiniband-diags
    cloud-image-utils libvirt-clients libvirt-daemon-system ovmf qemu-system-x86 qemu-utils virtinst
""")

_SCRIPT = Path(__file__).parent / "repository.sh"
# Options of the build machine's apt that reach a mirror; nothing of them stays in the image.
_APT_OPTION = re.compile(r'(Acquire::(?:https?::.*|ftp::.*|Retries|Check-Date|Check-Valid-Until)) "(.+)";')


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image that is there: its tag, the base it was made from, and the seconds its build took (0: it was there)."""

    tag: str
    base: str
    build_seconds: float = 0.0


def recipe_hash(base: str | None = None) -> str:
    """The recipe in 12 hex digits: suite or base, the packages, and the script that finishes the image."""
    recipe = "\n".join([base or SUITE, " ".join(INSTALLED), " ".join(AVAILABLE), _SCRIPT.read_text(encoding="utf-8")])
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where locks and half-built images live: `$XDG_CACHE_HOME/gpuaas-gen`, `~/.cache/gpuaas-gen`."""
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gpuaas-gen"


def ensure(
    engine: Engine,
    *,
    base: str | None = None,
    mirror: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> ImageRef:
    """The image for the current recipe, built when it is not there yet; two builds at once are one.

    `base` names an image of Debian's family that has apt; without it the image is made from Debian
    packages. `mirror` is a Debian mirror's URL (default: `$GPUAAS_LAB_MIRROR`, the build machine's
    own on Debian, deb.debian.org). `progress` gets lines of text (default: stderr).
    Raises GpuaasError when the build fails.
    """
    say = progress or _to_stderr
    tag = f"gpuaas-lab:{recipe_hash(base)}"
    with _lock(tag, say):
        if engine.call("image", "inspect", tag, check=False).returncode == 0:
            return ImageRef(tag, base or SUITE)
        started = time.monotonic()
        say(f"building the test image {tag} from {base or 'Debian ' + SUITE} (once, about a minute) …")
        if base:
            _build_on_base(engine, tag, base)
        else:
            _build_from_packages(engine, tag, mirror or host_mirror(), say)
        seconds = time.monotonic() - started
        say(f"built {tag} in {seconds:.0f} s")
        return ImageRef(tag, base or SUITE, seconds)


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@contextlib.contextmanager
def _lock(tag: str, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of one image; the kernel frees it when this process ends, however it ends."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{tag.replace(':', '-')}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that builds {tag} …")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def host_mirror(environ: Mapping[str, str] = os.environ) -> str:
    """The Debian mirror to build from: `$GPUAAS_LAB_MIRROR`, else the one this Debian uses, else deb.debian.org."""
    if environ.get(MIRROR_VARIABLE):
        return environ[MIRROR_VARIABLE]
    release = _os_release(Path("/etc/os-release"))
    if release.get("ID") != "debian":
        return DEFAULT_MIRROR
    done = run(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)"], timeout=60, check=False)
    return pick_mirror(done.stdout, release.get("VERSION_CODENAME", ""))


def pick_mirror(targets: str, codename: str) -> str:
    """The mirror of this release's component main; `targets` has lines "URL release component"."""
    for line in targets.splitlines():
        words = line.split()
        if len(words) == 3 and words[1:] == [codename, "main"] and re.match(r"https?://", words[0]):
            return words[0].rstrip("/")
    return DEFAULT_MIRROR


def _os_release(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines() if "=" in line)
    return {key: value.strip("\"'") for key, _, value in pairs}


def apt_options(dump: str) -> list[str]:
    """mmdebstrap options that pass on how this machine's apt reaches mirrors; `dump` is `apt-config dump`."""
    found = [_APT_OPTION.fullmatch(line) for line in dump.splitlines()]
    return [f'--aptopt={match[1]} "{match[2]}"' for match in found if match]


def _build_from_packages(engine: Engine, tag: str, mirror: str, say: Callable[[str], None]) -> None:
    dump = run(["apt-config", "dump", "Acquire"], timeout=30).stdout
    script = shlex.quote(_SCRIPT.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="build-", dir=cache_folder()) as folder:
        tar = Path(folder) / "root.tar"
        run(
            [
                *("mmdebstrap", "--variant=minbase", "--mode=root", f"--include={','.join(INSTALLED)}"),
                *apt_options(dump),
                f'--customize-hook=chroot "$1" sh -c {script} repository.sh {" ".join(AVAILABLE)} >&2',
                "--skip=cleanup/apt",
                *(SUITE, str(tar), mirror),
            ],
            timeout=BUILD_TIMEOUT,
            env=base_env("http_proxy", "https_proxy", "no_proxy"),
        )
        say(f"importing {tar.stat().st_size // 2**20} MiB …")
        engine.call("import", "--change", "LABEL gpuaas-lab-image=1", str(tar), tag, timeout=BUILD_TIMEOUT)


def _build_on_base(engine: Engine, tag: str, base: str) -> None:
    """Put the packages on an image that the user named. Needs a network; never tried so far."""
    if not re.fullmatch(r"[A-Za-z0-9][\w./:@-]*", base):
        raise GpuaasError(f"{base!r} is no image name", hint="like ubuntu:24.04")
    lines = [
        f"FROM {base}",
        "LABEL gpuaas-lab-image=1",
        f"RUN apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "
        f"{' '.join(INSTALLED)}",
        "COPY repository.sh /tmp/repository.sh",
        f"RUN sh /tmp/repository.sh {' '.join(AVAILABLE)} && rm /tmp/repository.sh",
    ]
    with tempfile.TemporaryDirectory(prefix="build-", dir=cache_folder()) as folder:
        (Path(folder) / "Containerfile").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (Path(folder) / "repository.sh").write_bytes(_SCRIPT.read_bytes())
        file = str(Path(folder) / "Containerfile")
        engine.call("build", "-t", tag, "-f", file, folder, timeout=BUILD_TIMEOUT, stream_stderr=True)
