"""Tables of the stand-in's BIOS: attributes, families of attributes, and rules. Data, written for the stand-in.

A line is `path|name|title|shape|default`; a shape is a list of values, `int LOW..HIGH`, `str MIN..MAX [PATTERN]`
or `password`; `!` before it: never writable; `planted`: holds a value that must never be shown.
"""

from __future__ import annotations

from dataclasses import dataclass

PLANTED = "planted-9f86d081884c7d65"
"""Part of every secret that the stand-in holds; tests search outputs for it."""

_PROFILES = "PerfPerWattOptimizedDapc,PerfPerWattOptimizedOs,PerfOptimized,Custom"

TABLE = f"""
SysInformation|SystemModelName|System Model Name|!str 0..80|stand-in
SysInformation|SystemBiosVersion|System BIOS Version|!str 0..48|0.0.0
SysInformation|SystemServiceTag|System Service Tag|!str 0..7|STANDIN
SysInformation|SystemManufacturer|System Manufacturer|!str 0..80|Dell Inc.
MemSettings|SysMemSize|System Memory Size|!str 0..48|2 TB
MemSettings|MemTest|System Memory Testing|Enabled,Disabled|Disabled
MemSettings|MemOpMode|Memory Operating Mode|OptimizerMode,FaultResilientMode,NUMAFaultResilientMode|OptimizerMode
MemSettings|FRMPercent|Fault Resilient Share|FRM_25_Percent,FRM_12_5_Percent|FRM_25_Percent
MemSettings|NodeInterleave|Node Interleaving|Enabled,Disabled|Disabled
MemSettings|AdddcSetting|ADDDC Setting|Enabled,Disabled|Disabled
MemSettings|CorrEccSmi|Correctable Error Logging|Enabled,Disabled|Enabled
MemSettings|MemoryTraining|Memory Training|MemoryTrainingFast,MemoryTrainingOnce,MemoryTrainingEnable|MemoryTrainingFast
ProcSettings|LogicalProc|Logical Processor|Enabled,Disabled|Disabled
ProcSettings|CpuInterconnectBusSpeed|Interconnect Speed|MaxDataRate,16GTps,14GTps|MaxDataRate
ProcSettings|ProcVirtualization|Virtualization Technology|Enabled,Disabled|Disabled
ProcSettings|KernelDmaProtection|Kernel DMA Protection|Enabled,Disabled|Disabled
ProcSettings|DirectoryMode|Directory Mode|Enabled,Disabled|Enabled
ProcSettings|ProcAdjCacheLine|Adjacent Line Prefetch|Enabled,Disabled|Enabled
ProcSettings|ProcHwPrefetcher|Hardware Prefetcher|Enabled,Disabled|Enabled
ProcSettings|DcuStreamerPrefetcher|DCU Streamer Prefetcher|Enabled,Disabled|Enabled
ProcSettings|DcuIpPrefetcher|DCU IP Prefetcher|Enabled,Disabled|Enabled
ProcSettings|SubNumaCluster|Sub NUMA Cluster|2-Way,4-Way,Disabled|Disabled
ProcSettings|MadtCoreEnumeration|MADT Core Order|RoundRobin,Linear|RoundRobin
ProcSettings|UpiPrefetch|UPI Prefetch|Enabled,Disabled|Enabled
ProcSettings|XptPrefetch|XPT Prefetch|Enabled,Disabled|Enabled
ProcSettings|LlcPrefetch|LLC Prefetch|Enabled,Disabled|Disabled
ProcSettings|DeadLineLlcAlloc|Dead Line LLC Alloc|Enabled,Disabled|Enabled
ProcSettings|DirectoryAtoS|Directory AtoS|Enabled,Disabled|Disabled
ProcSettings|ProcX2Apic|x2APIC Mode|Enabled,Disabled|Disabled
ProcSettings|ProcAvxP1|AVX P1|Normal,Level1,Level2|Normal
ProcSettings|ProcCores|Cores per Processor|All,2,4,8,16,32,48|All
ProcSettings|CpuPaLimit|Limit CPU Physical Address|Enabled,Disabled|Enabled
ProcSettings|ControlledTurbo|Controlled Turbo|Disabled,Enabled,Custom|Disabled
ProcSettings|ControlledTurboMinusBin|Controlled Turbo Bins|int 0..10|0
ProcSettings|ProcCoreSpeed|Core Speed|!str 0..48|1.90 GHz
SataSettings|EmbSata|Embedded SATA|AhciMode,RaidMode,Off|AhciMode
SataSettings|SecurityFreezeLock|Security Freeze Lock|Enabled,Disabled|Enabled
NvmeSettings|NvmeMode|NVMe Mode|NonRaid,Raid|NonRaid
BootSettings|BootMode|Boot Mode|Bios,Uefi|Uefi
BootSettings|BootSeqRetry|Boot Sequence Retry|Enabled,Disabled,Reset|Enabled
BootSettings|GenericUsbBoot|Generic USB Boot|Enabled,Disabled|Disabled
BootSettings|HddPlaceholder|Disk Placeholder|Enabled,Disabled|Disabled
BootSettings|SetBootOrderEn|Boot Devices to Enable|str 0..512|
OneTimeBoot|OneTimeBootMode|One-Time Boot Mode|Disabled,OneTimeUefiBootSeq|Disabled
OneTimeBoot|OneTimeUefiBootSeqDev|One-Time Device|str 0..512|
IntegratedDevices|UsbPorts|USB Ports|AllOn,OnlyBackPortsOn,AllOff|AllOn
IntegratedDevices|UsbManagedPort|iDRAC Direct USB Port|On,Off|On
IntegratedDevices|EmbVideo|Embedded Video|Enabled,Disabled|Enabled
IntegratedDevices|SriovGlobalEnable|SR-IOV Global Enable|Enabled,Disabled|Disabled
IntegratedDevices|OsWatchdogTimer|OS Watchdog|Enabled,Disabled|Disabled
IntegratedDevices|MmioAbove4Gb|Memory Mapped I/O above 4 GB|Enabled,Disabled|Enabled
IntegratedDevices|MemoryMappedIOH|I/O Base Address|56TB,12TB,512GB|56TB
IntegratedDevices|PCIRootDeviceUnhide|Unhide Root Device|Enabled,Disabled|Disabled
SerialCommSettings|SerialComm|Serial Communication|OnNoConRedir,OnConRedir,Off|OnConRedir
SerialCommSettings|FailSafeBaud|Baud Rate|115200,57600,19200,9600|115200
SerialCommSettings|ConTermType|Terminal Type|Vt100Vt220,Ansi|Vt100Vt220
SerialCommSettings|RedirAfterBoot|Redirect after Boot|Enabled,Disabled|Enabled
SysProfileSettings|SysProfile|System Profile|{_PROFILES}|PerfPerWattOptimizedDapc
SysProfileSettings|ProcPwrPerf|CPU Power Management|SysDbpm,OsDbpm,MaxPerf|SysDbpm
SysProfileSettings|MemFrequency|Memory Frequency|MaxPerf,4400MHz,4000MHz|MaxPerf
SysProfileSettings|ProcTurboMode|Turbo Boost|Enabled,Disabled|Enabled
SysProfileSettings|ProcC1E|C1E|Enabled,Disabled|Enabled
SysProfileSettings|ProcCStates|C States|Enabled,Disabled,Autonomous|Enabled
SysProfileSettings|MemPatrolScrub|Patrol Scrub|Extended,Standard,Disabled|Standard
SysProfileSettings|MemRefreshRate|Refresh Rate|1x,2x|1x
SysProfileSettings|UncoreFrequency|Uncore Frequency|DynamicUFS,MaxUFS|DynamicUFS
SysProfileSettings|EnergyPerformanceBias|Energy Bias|MaxPower,BalancedPerformance,LowPower|BalancedPerformance
SysProfileSettings|MonitorMwait|Monitor Mwait|Enabled,Disabled|Enabled
SysProfileSettings|PcieAspmL1|PCIe ASPM L1|Enabled,Disabled|Enabled
SysProfileSettings|WorkloadProfile|Workload Profile|NotConfigured,HpcProfile,VtOptimizedProfile|NotConfigured
SysSecurity|AesNi|CPU AES-NI|!str 0..16|Enabled
SysSecurity|SHA256SystemPassword|Hash of the System Password|str 0..64 planted|{PLANTED}-system-hash
SysSecurity|SHA256SystemPasswordSalt|Salt of the System Password|str 0..32 planted|{PLANTED}-salt
SysSecurity|SHA256SetupPassword|Hash of the Setup Password|str 0..64 planted|{PLANTED}-setup-hash
SysSecurity|SHA256SetupPasswordSalt|Salt of the Setup Password|str 0..32 planted|{PLANTED}-setup
SysSecurity|SysPassword|System Password|password|
SysSecurity|SetupPassword|Setup Password|password|
SysSecurity|PasswordStatus|Password Status|Unlocked,Locked|Unlocked
SysSecurity|TpmSecurity|TPM Security|Off,On|On
SysSecurity|TpmCommand|TPM Command|None,Activate,Deactivate,Clear|None
SysSecurity|IntelTxt|Intel TXT|Off,On|Off
SysSecurity|MemoryEncryption|Memory Encryption|MultipleKeys,SingleKey,Disabled|Disabled
SysSecurity|PwrButton|Power Button|Enabled,Disabled|Enabled
SysSecurity|AcPwrRcvry|AC Power Recovery|Last,On,Off|Last
SysSecurity|AcPwrRcvryDelay|AC Recovery Delay|Immediate,Random,User|Immediate
SysSecurity|AcPwrRcvryUserDelay|User Defined Delay (120s to 600s)|int 120..600|120
SysSecurity|UefiVariableAccess|UEFI Variable Access|Standard,Controlled|Standard
SysSecurity|SecureBoot|Secure Boot|Enabled,Disabled|Disabled
SysSecurity|SecureBootPolicy|Secure Boot Policy|Standard,Custom|Standard
MiscSettings|AssetTag|Asset Tag|str 0..63 ^[ -~]{{0,63}}$|
MiscSettings|NumLock|Keyboard NumLock|On,Off|On
MiscSettings|ErrPrompt|F1/F2 Prompt on Error|Enabled,Disabled|Disabled
MiscSettings|ForceInt10|Load Legacy Video ROM|Enabled,Disabled|Disabled
MiscSettings|PowerCycleRequest|Power Cycle Request|None,FullPowerCycle|None
"""

_RULED_BY_PROFILE = (
    "ProcPwrPerf",
    "MemFrequency",
    "ProcTurboMode",
    "ProcC1E",
    "ProcCStates",
    "MemPatrolScrub",
    "MemRefreshRate",
    "UncoreFrequency",
    "EnergyPerformanceBias",
    "MonitorMwait",
    "PcieAspmL1",
)

DEPENDENCIES = (
    "\n".join(f"{name} ReadOnly=true if SysProfile!=Custom" for name in _RULED_BY_PROFILE)
    + """
ProcPwrPerf CurrentValue=MaxPerf if SysProfile==PerfOptimized
ProcPwrPerf CurrentValue=SysDbpm if SysProfile==PerfPerWattOptimizedDapc
ProcPwrPerf CurrentValue=OsDbpm if SysProfile==PerfPerWattOptimizedOs
ProcTurboMode CurrentValue=Enabled if SysProfile==PerfOptimized or SysProfile==PerfPerWattOptimizedDapc
ProcC1E CurrentValue=Disabled if SysProfile==PerfOptimized
ProcCStates CurrentValue=Disabled if SysProfile==PerfOptimized
UncoreFrequency CurrentValue=MaxUFS if SysProfile==PerfOptimized
ControlledTurbo ReadOnly=true if ProcPwrPerf!=MaxPerf or ProcTurboMode==Disabled
ControlledTurbo CurrentValue=Disabled if ProcTurboMode==Disabled or ProcPwrPerf==SysDbpm or ProcPwrPerf==OsDbpm
ControlledTurboMinusBin ReadOnly=true if ControlledTurbo==Disabled or ControlledTurbo==Custom
WorkloadProfile ReadOnly=true if SysProfile!=Custom
ProcX2Apic CurrentValue=Disabled if ProcVirtualization==Disabled
ProcX2Apic ReadOnly=true if ProcVirtualization==Disabled
KernelDmaProtection CurrentValue=Disabled if ProcVirtualization==Disabled
KernelDmaProtection ReadOnly=true if ProcVirtualization==Disabled
IntelTxt CurrentValue=Off if ProcVirtualization==Disabled or TpmSecurity==Off
IntelTxt ReadOnly=true if ProcVirtualization==Disabled or TpmSecurity==Off or TpmCommand==Clear
TpmCommand ReadOnly=true if TpmSecurity==Off
SecureBoot ReadOnly=true if BootMode==Bios or ForceInt10==Enabled
SecureBoot CurrentValue=Disabled if BootMode==Bios
ForceInt10 ReadOnly=true if SecureBoot==Enabled
BootMode ReadOnly=true if SecureBoot==Enabled or NvmeMode==Raid
SecureBootPolicy ReadOnly=true if BootMode==Bios
AcPwrRcvryDelay ReadOnly=true if AcPwrRcvry==Off
AcPwrRcvryUserDelay ReadOnly=true if AcPwrRcvryDelay!=User or AcPwrRcvry==Off
SubNumaCluster CurrentValue=Disabled if NodeInterleave==Enabled
SubNumaCluster ReadOnly=true if NodeInterleave==Enabled
FRMPercent ReadOnly=true if MemOpMode==OptimizerMode
OneTimeUefiBootSeqDev ReadOnly=true if OneTimeBootMode!=OneTimeUefiBootSeq
ConTermType ReadOnly=true if SerialComm==Off
FailSafeBaud ReadOnly=true if SerialComm==Off
RedirAfterBoot ReadOnly=true if SerialComm==Off or SerialComm==OnNoConRedir
"""
)


@dataclass(frozen=True, slots=True)
class Family:
    """Lines repeated with `@` as a number (or letter); `per_slot`: as often as the chassis has slots."""

    lines: str
    rules: str = ""
    count: int = 1
    letters: bool = False
    per_slot: bool = False


_HTTP_TEXTS = ("Address", "Gateway", "Dns1", "Dns2", "Uri", "v6Address", "v6Gateway", "v6Dns1", "v6Dns2", "v6Uri")
_HTTP_SWITCHES = ("VlanEnDis", "DhcpEnDis", "DnsDhcpEnDis", "v6DnsDhcpEnDis", "v6AutoConfig", "TlsMode")
_HTTP = "NetworkSettings/HttpDev@Settings|HttpDev@"

FAMILIES = (
    Family(
        "ProcSettings|Proc@Id|Processor @ Identity|!str 0..48|6-CF-2\n"
        "ProcSettings|Proc@Brand|Processor @ Brand|!str 0..48|Stand-in CPU\n"
        "ProcSettings|Proc@L2Cache|Processor @ Level 2 Cache|!str 0..48|56x2 MB\n"
        "ProcSettings|Proc@L3Cache|Processor @ Level 3 Cache|!str 0..48|300 MB\n"
        "ProcSettings|Proc@Microcode|Processor @ Microcode|!str 0..48|0x1\n"
        "ProcSettings|Proc@NumCores|Processor @ Cores|!int 0..512|56",
        count=2,
    ),
    Family(
        "SataSettings|SataPort@|Port @|Auto,Off|Auto\n"
        "SataSettings|SataPort@Model|Port @ Model|!str 0..40|Unknown\n"
        "SataSettings|SataPort@DriveType|Port @ Drive Type|!str 0..40|Unknown Device\n"
        "SataSettings|SataPort@Capacity|Port @ Capacity|!str 0..40|N/A",
        "SataPort@ ReadOnly=true if EmbSata==RaidMode or EmbSata==Off",
        count=14,
        letters=True,
    ),
    Family(
        "NetworkSettings|PxeDev@EnDis|PXE Device @|Enabled,Disabled|Disabled\n"
        "NetworkSettings/PxeDev@Settings|PxeDev@Interface|Interface @|NIC.Slot.1-1,NIC.Slot.2-1|NIC.Slot.1-1\n"
        "NetworkSettings/PxeDev@Settings|PxeDev@Protocol|Protocol @|IPv4,IPv6|IPv4\n"
        "NetworkSettings/PxeDev@Settings|PxeDev@VlanEnDis|VLAN @|Enabled,Disabled|Disabled\n"
        "NetworkSettings/PxeDev@Settings|PxeDev@VlanId|VLAN ID @|int 1..4094|1\n"
        "NetworkSettings/PxeDev@Settings|PxeDev@VlanPriority|VLAN Priority @|int 0..7|0",
        "\n".join(
            f"PxeDev@{name} {effect}=true if PxeDev@EnDis==Disabled"
            for name in ("Interface", "Protocol", "VlanEnDis")
            for effect in ("ReadOnly", "Hidden")
        )
        + "\nPxeDev@VlanId ReadOnly=true if PxeDev@VlanEnDis==Disabled or PxeDev@EnDis==Disabled"
        + "\nPxeDev@VlanPriority ReadOnly=true if PxeDev@VlanEnDis==Disabled or PxeDev@EnDis==Disabled",
        count=16,
    ),
    Family(
        "NetworkSettings|HttpDev@EnDis|HTTP Device @|Enabled,Disabled|Disabled\n"
        + "\n".join(f"{_HTTP}{name}|HTTP @ {name}|str 0..255|" for name in _HTTP_TEXTS)
        + "\n"
        + "\n".join(f"{_HTTP}{name}|HTTP @ {name}|Enabled,Disabled|Disabled" for name in _HTTP_SWITCHES),
        "\n".join(
            f"HttpDev@{name} {effect}=true if HttpDev@EnDis==Disabled"
            for name in (*_HTTP_TEXTS, *_HTTP_SWITCHES)
            for effect in ("ReadOnly", "Hidden")
        ),
        count=4,
    ),
    Family(
        "NetworkSettings/IscsiDev1Settings|IscsiDev1Con@EnDis|Connection @|Enabled,Disabled|Disabled\n"
        "NetworkSettings/IscsiDev1Settings|IscsiDev1Con@ChapName|CHAP Name @|str 0..127|\n"
        f"NetworkSettings/IscsiDev1Settings|IscsiDev1Con@ChapSecret|CHAP Secret @|str 0..64 planted|{PLANTED}-chap\n"
        f"NetworkSettings/IscsiDev1Settings|IscsiDev1Con@RevChapSecret|Reverse @|str 0..64 planted|{PLANTED}-reverse",
        "IscsiDev1Con@ChapName ReadOnly=true if IscsiDev1Con@EnDis==Disabled",
        count=2,
    ),
    Family(
        "IntegratedDevices/SlotDisablement|Slot@|Slot @|Enabled,Disabled,BootDriverDisabled|Enabled\n"
        "IntegratedDevices/SlotBifurcation|Slot@Bif|Slot @ Bifurcation|DefaultBifurcation,x16,x8x8,x4x4x4x4|x16\n"
        "IntegratedDevices/SlotBifurcation|Slot@Aspm|Slot @ ASPM|Auto,L1,Disabled|Auto\n"
        "IntegratedDevices/SlotBifurcation|Slot@LinkSpeed|Slot @ Link Speed|Auto,Gen3,Gen4,Gen5|Auto\n"
        "IntegratedDevices/SlotBifurcation|Slot@HotPlug|Slot @ Hot Plug|Enabled,Disabled|Enabled",
        "Slot@Bif ReadOnly=true if Slot@==Disabled\n"
        "Slot@LinkSpeed ReadOnly=true if Slot@==Disabled\n"
        "Slot@HotPlug ReadOnly=true if Slot@==Disabled\n"
        "Slot@Aspm ReadOnly=true if Slot@==Disabled or PcieAspmL1==Disabled\n"
        "Slot@Aspm CurrentValue=Disabled if PcieAspmL1==Disabled",
        per_slot=True,
    ),
    Family(
        "MemSettings/MemoryMapOut|Dimm@MapOut|Map out DIMM @|Enabled,Disabled|Disabled\n"
        "MemSettings/MemoryMapOut|Dimm@Info|DIMM @|!str 0..64|64 GB",
        count=32,
    ),
    Family("BootSettings|SetBootOrderFqdd@|Boot Order @|str 0..512|", count=16),
    Family("SysProfileSettings|WorkloadOption@|Workload Option @|int 0..255|0", count=16),
)
