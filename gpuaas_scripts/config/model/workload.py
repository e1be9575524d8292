"""What runs on a node that is not (only) a slice host: drivers, containers, K3s, runners, services."""

from enum import StrEnum
from typing import Annotated

from ..scalars import (
    AbsolutePath,
    ByIdPath,
    Count,
    Fingerprint,
    HttpsUrl,
    KernelArgument,
    Line,
    ModuleName,
    Name,
    PackageName,
    Port,
    Positive,
    SecretRef,
    Sha256,
    Size,
    SysctlKey,
    SystemId,
    Tag,
    Url,
    Version,
)
from .base import Model, doc


class Distribution(StrEnum):
    """Distribution on the deployed host."""

    UBUNTU = "ubuntu"
    DEBIAN = "debian"
    ARCH = "arch"
    ROCKY = "rocky"


class OperatingSystem(Model, frozen=True):
    """What is installed."""

    distribution: Annotated[Distribution | None, doc("distribution")] = None
    release: Annotated[Version | None, doc('release in quotes, such as "24.04"; none for a rolling one')] = None


class KernelModules(StrEnum):
    """Flavour of the NVIDIA kernel modules."""

    OPEN = "open"
    PROPRIETARY = "proprietary"


class GpuDriver(Model, frozen=True):
    """NVIDIA driver and CUDA on the host."""

    package: Annotated[PackageName | None, doc("driver package")] = None
    modules: Annotated[KernelModules | None, doc("open (Turing and later) or proprietary kernel modules")] = None
    cuda: Annotated[Version | None, doc('CUDA toolkit in quotes, such as "12.6"')] = None
    persistenced: Annotated[bool | None, doc("run nvidia-persistenced")] = None
    power_limits: Annotated[dict[Name, int], doc("GPU name to power limit in watts")] = {}


class Repository(Model, frozen=True):
    """A signed apt repository; its key has a keyring of its own, and only the pinned key is accepted."""

    url: Annotated[HttpsUrl | None, doc("base URL")] = None
    suite: Annotated[Line | None, doc("suite, or a path ending in '/' for a flat repository")] = None
    components: Annotated[tuple[Line, ...], doc("components; none for a flat repository")] = ()
    key_url: Annotated[HttpsUrl | None, doc("URL of the signing key")] = None
    key_fingerprint: Annotated[Fingerprint | None, doc("fingerprint that the fetched key must have")] = None


class Containers(Model, frozen=True):
    """Container engine of the host."""

    engine: Annotated[Name | None, doc("docker, containerd or podman")] = None
    nvidia_toolkit: Annotated[bool | None, doc("install NVIDIA's container toolkit and register the runtime")] = None
    default_runtime: Annotated[Name | None, doc("default runtime of the engine")] = None


class Kubernetes(Model, frozen=True):
    """Membership in a cluster."""

    distribution: Annotated[Name | None, doc("k3s")] = None
    version: Annotated[Line | None, doc("version to install")] = None
    server: Annotated[Url | None, doc("URL of the server to join")] = None
    token: Annotated[SecretRef | None, doc("join token, by reference")] = None
    install_url: Annotated[HttpsUrl | None, doc("where the binary comes from")] = None
    install_sha256: Annotated[Sha256 | None, doc("digest that the binary must have")] = None
    labels: Annotated[dict[Line, Line], doc("node labels")] = {}
    taints: Annotated[tuple[Line, ...], doc("node taints, key=value:Effect")] = ()


class RunnerKind(StrEnum):
    """Forge that a runner serves."""

    GITHUB_ARC = "github-arc"
    GITLAB = "gitlab"


class Runner(Model, frozen=True):
    """A CI runner that the host carries."""

    kind: Annotated[RunnerKind | None, doc("forge")] = None
    scale_set: Annotated[Name | None, doc("name of the scale set or runner, which jobs ask for")] = None
    url: Annotated[Url | None, doc("URL that it registers with")] = None
    token: Annotated[SecretRef | None, doc("registration token, by reference")] = None
    image: Annotated[Line | None, doc("job image")] = None
    devices: Annotated[tuple[AbsolutePath, ...], doc("host devices mounted into jobs, such as /dev/dri")] = ()
    privileged: Annotated[bool | None, doc("run jobs privileged")] = None
    run_as_root: Annotated[bool | None, doc("run jobs as root")] = None
    concurrency: Annotated[Positive | None, doc("jobs at once")] = None
    namespace: Annotated[Name | None, doc("Kubernetes namespace of the runner")] = None
    min_runners: Annotated[Count | None, doc("runners kept ready while no job asks for one")] = None
    max_runners: Annotated[Positive | None, doc("upper limit of runners at once")] = None
    gpu_resource: Annotated[Line | None, doc("Kubernetes resource name of the GPU, such as nvidia.com/gpu")] = None
    gpu_count: Annotated[Count | None, doc("GPUs a job")] = None
    node_selector: Annotated[dict[Line, Line], doc("labels of the nodes that run the jobs")] = {}
    tolerations: Annotated[tuple[Line, ...], doc("taints that jobs tolerate")] = ()


class Service(Model, frozen=True):
    """A service of the host, such as an inference server."""

    package: Annotated[PackageName | None, doc("package, where it comes as one")] = None
    port: Annotated[Port | None, doc("TCP port")] = None
    enabled: Annotated[bool, doc("start at boot")] = True


class NodeAgent(Model, frozen=True):
    """The control plane's agent on the host."""

    node_id: Annotated[Line | None, doc("id of the node in the control plane")] = None
    url: Annotated[HttpsUrl | None, doc("where the binary comes from")] = None
    sha256: Annotated[Sha256 | None, doc("digest that the binary must have")] = None
    version: Annotated[Line | None, doc("version it must report")] = None
    enrolment: Annotated[SecretRef | None, doc("enrolment secret, by reference")] = None


class Share(Model, frozen=True):
    """A host share on a disk that slices do not own."""

    mount: Annotated[AbsolutePath | None, doc("mount point")] = None
    disk: Annotated[ByIdPath | None, doc("device by identity")] = None


class Storage(Model, frozen=True):
    """Disks of the host."""

    os_disk: Annotated[ByIdPath | None, doc("the OS disk by identity; no slot may name it")] = None
    os_disk_serial: Annotated[
        Line | None, doc("serial of the OS disk as MAAS shows it; commissioning results show it beside the path")
    ] = None
    shares: Annotated[tuple[Share, ...], doc("declared share mounts")] = ()
    former_shares: Annotated[
        tuple[AbsolutePath, ...],
        doc("mount points of former shares on slice disks: the storage transition may disable and unmount them"),
    ] = ()


class HugepageSize(StrEnum):
    """Size of huge pages."""

    M2 = "2M"
    G1 = "1G"


class Hugepages(Model, frozen=True):
    """Huge pages reserved at boot; opt-in, since they change the whole host."""

    size: Annotated[HugepageSize, doc("page size")] = HugepageSize.G1
    count: Annotated[Positive | None, doc("number of pages; unset: none are reserved")] = None
    reserve: Annotated[Size | None, doc("memory that must be left to the host")] = None


class Kernel(Model, frozen=True):
    """Kernel settings of the deployed host."""

    arguments: Annotated[tuple[KernelArgument, ...], doc("further kernel arguments")] = ()
    modules: Annotated[tuple[ModuleName, ...], doc("modules loaded at boot")] = ()
    sysctl: Annotated[dict[SysctlKey, Line], doc("sysctl key to value")] = {}
    hugepages: Annotated[Hugepages, doc("huge pages")] = Hugepages()
    reboot_if_required: Annotated[
        bool, doc("let the bootstrap reboot the host, once, where kernel arguments take effect only then")
    ] = False


class Maas(Model, frozen=True):
    """The node in MAAS."""

    system_id: Annotated[SystemId | None, doc("system id")] = None
    tags: Annotated[tuple[Tag, ...], doc("further tags")] = ()
