# 50-gpuaas-slice-firmware-preflight on a machine where everything is right: every check is seen PASS,
# then with exactly its thing broken.
# host: j22u05-after-bios
# script: 50-gpuaas-slice-firmware-preflight

load helpers

SCRIPT=50-gpuaas-slice-firmware-preflight
GPU=/sys/devices/pci0000:1b/0000:1b:00.0
BF3=/sys/devices/pci0000:bc/0000:bc:00.0
FABRIC=/sys/devices/pci0000:1a/0000:1a:00.0

setup() {
    host_reset
    export RESULT_PATH=$BATS_TEST_TMPDIR/result.yaml
}

teardown() {
    [ ! -e /dev/kvm.away ] || mv /dev/kvm.away /dev/kvm
    [ ! -e /usr/local/bin/racadm.away ] || mv /usr/local/bin/racadm.away /usr/local/bin/racadm
    rm -f /dev/nvme1n1p1 /dev/nvme9n1 /usr/local/bin/wipefs
    ! mountpoint -q "$BATS_TEST_TMPDIR/mnt" || umount "$BATS_TEST_TMPDIR/mnt"
}

preflight() {
    rm -f "${RESULT_PATH:-}"
    run_script "$SCRIPT"
    [ "$status" -eq 0 ] || fail "exit status $status: $stderr"
}

# How many lines have that status, in the variable `count`. (These helpers run after each of a hundred runs: bash alone.)
count_of() {
    local mark=" status=$1 check=" rest
    rest=${output//"$mark"/}
    count=$(((${#output} - ${#rest}) / ${#mark}))
}

# judged CHECK STATUS KEY: that check has the status and says what to do; the verdict is the same, with KEY=1.
judged() {
    local field line text
    assert_evidence "$1" "$2"
    find_field "$1" remediation
    [ -n "$field" ]
    assert_evidence summary "$2"
    [[ "${output##*$'\n'} " == *" $3=1 "* ]]
    text=$'\n'$(<"$RESULT_PATH")$'\n'
    for line in 'status: degraded' "  verdict: \"$2\"" "  $3: \"1\""; do
        [[ $text == *$'\n'"$line"$'\n'* ]] || fail "no line '$line' in: $text"
    done
}

# only_fails CHECK: nothing else is FAIL, and the verdict says so.
only_fails() {
    local count
    count_of FAIL
    [ "$count" -eq 2 ] || fail "not only $1 is FAIL: $output"
    judged "$1" FAIL failures
}

# only_warns CHECK: nothing is FAIL, only this check is WARN, and the verdict is WARN.
only_warns() {
    local count
    count_of FAIL
    [ "$count" -eq 0 ] || fail "not only $1 is WARN: $output"
    count_of WARN
    [ "$count" -eq 2 ] || fail "not only $1 is WARN: $output"
    judged "$1" WARN warnings
}

# results KEY=VALUE...: those values of the YAML written for MAAS, as YAML reads it.
results() {
    python3 -c 'import sys, yaml, functools
read = yaml.load(open(sys.argv[1]), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
for word in sys.argv[2:]:
    key, _, wanted = word.partition("=")
    found = functools.reduce(lambda node, name: node[name], key.split("."), read)
    found == wanted or sys.exit(f"{key}: {found!r}, not {wanted!r}")' "$RESULT_PATH" "$@"
}

stands_on() {
    assert_evidence "$1" SKIP "stands on $2, which is *"
}

@test "a machine where everything is right: every check PASS, the verdict PASS" {
    preflight
    for check in cpu_vendor smt kernel_log kernel_lockdown racadm bmc_lockdown bios_settings bios_pending \
        cpu_virtualization kvm_module kvm_device iommu_table gpu_count gpu_link gpu_numa nvswitch_count \
        bf3_count bf3_link bf3_sriov fabric_count fabric_link fabric_numa nvme_count nvme_identity os_disk nvme_raw; do
        assert_evidence "$check" PASS
    done
    assert_evidence iommu_groups SKIP '*asks for no IOMMU*'
    [ "$(tail -n 1 <<<"$output" | cut -d' ' -f1-3)" = "GPUAAS_SLICE_SUMMARY status=PASS check=summary" ]
    [ "$(evidence_summary failures)" -eq 0 ]
    [ "$(evidence_summary warnings)" -eq 0 ]
    results status=passed results.verdict=PASS results.iommu=SKIP results.{firmware,kvm,gpu,bf3,fabric,nvme}=PASS \
        "results.hardware_class=$(evidence_field summary detail | sed 's/hardware class //')"
}

@test "the inventory: one line a device, with all that there is to know of it" {
    preflight
    while IFS= read -r line; do grep -qFx -- "$line" <<<"$output" || fail "no line: $line"; done <<'LINES'
GPUAAS_SLICE_FIRMWARE status=INFO check=hardware_class detail=dell-xe9680l-lab
GPUAAS_SLICE_FIRMWARE status=INFO check=bios_version detail=2.7.5
GPUAAS_SLICE_FIRMWARE status=INFO check=hugepages detail=node1 page_size=2048kB count=0
GPUAAS_SLICE_FIRMWARE status=INFO check=bios_attribute detail=LogicalProc current=Enabled pending='' wanted=Enabled
GPUAAS_SLICE_GPU status=INFO check=gpu detail=0000:bb:00.0 id=10de:2335 numa=1 link_width=16/16 link_speed=32.0\ GT/s\ PCIe/32.0\ GT/s\ PCIe driver=none sriov_totalvfs=none sriov_numvfs=none
GPUAAS_SLICE_GPU status=INFO check=nvswitch detail=0000:a3:00.0 id=10de:22a3 numa=1 link_width=2/2 link_speed=16.0\ GT/s\ PCIe/16.0\ GT/s\ PCIe driver=none sriov_totalvfs=none sriov_numvfs=none
GPUAAS_SLICE_BF3 status=INFO check=bf3 detail=0000:bc:00.1 id=15b3:a2dc numa=1 link_width=16/16 link_speed=32.0\ GT/s\ PCIe/32.0\ GT/s\ PCIe driver=mlx5_core sriov_totalvfs=16 sriov_numvfs=0
GPUAAS_SLICE_FABRIC status=INFO check=fabric detail=0000:18:00.0 id=15b3:1021 numa=0 link_width=16/16 link_speed=32.0\ GT/s\ PCIe/32.0\ GT/s\ PCIe driver=mlx5_core sriov_totalvfs=8 sriov_numvfs=0
GPUAAS_SLICE_NVME status=INFO check=device detail=/dev/disk/by-id/nvme-eui.00000000000000010000000000b055f1 kernel_name=nvme4n1 serial=EXAMPLEBOSS01 model=Dell\ BOSS-N1 bytes=480036847616 pci=0000:01:00.0 numa=0 partitions=nvme4n1p1,nvme4n1p2 mounts=none holders=none signatures=nvme4n1:dos
GPUAAS_SLICE_NVME status=INFO check=device detail=/dev/disk/by-id/nvme-eui.000000000000000100a075244a103483 kernel_name=nvme8n1 serial=EXAMPLE0008 model=Example\ Data\ NVMe\ 3.84TB bytes=3840755982336 pci=0000:68:00.0 numa=1 partitions=none mounts=none holders=none signatures=none
LINES
    for kind in gpu:8 nvswitch:4 bf3:2 fabric:12 device:9 hugepages:4 bios_attribute:3; do
        [ "$(grep -c " status=INFO check=${kind%:*} " <<<"$output")" -eq "${kind#*:}" ] || fail "$kind: $output"
    done
    echo 4 >"$BF3/current_link_width"
    echo 4 >"$BF3/sriov_numvfs"
    rm "$BF3/driver" "$GPU/numa_node"
    preflight
    grep -qF ' check=bf3 detail=0000:bc:00.0 id=15b3:a2dc numa=1 link_width=4/16 ' <<<"$output"
    grep -qF ' check=gpu detail=0000:1b:00.0 id=10de:2335 numa=unknown ' <<<"$output"
    grep -F ' check=bf3 detail=0000:bc:00.0 ' <<<"$output" | grep -qF ' driver=none sriov_totalvfs=16 sriov_numvfs=4'
    assert_evidence bf3_sriov PASS 'virtual functions current/total: 0000:bc:00.0:4/16 0000:bc:00.1:0/16'
    # what is not there gets no line
    rm -r /sys/devices/system/node/node*/hugepages
    preflight
    run ! grep -F ' check=hugepages ' <<<"$output"
}

@test "the YAML holds every evidence line as it was printed" {
    preflight
    python3 -c 'import sys, yaml
print("\n".join(yaml.safe_load(open(sys.argv[1]))["results"]["evidence"]))' "$RESULT_PATH" >"$BATS_TEST_TMPDIR/lines"
    diff "$BATS_TEST_TMPDIR/lines" - <<<"$output"
}

@test "the YAML holds only results that the metadata declares" {
    preflight
    # MAAS's own block of the script, read as YAML
    path=$(script_path "$SCRIPT")
    python3 - "$path" "$RESULT_PATH" <<'PY'
import sys, yaml
text = open(sys.argv[1]).read()
block = text.split("# --- Start MAAS 1.0 script metadata ---\n")[1].split("# --- End MAAS 1.0 script metadata ---")[0]
declared = yaml.safe_load("".join(line.removeprefix("# ") for line in block.splitlines(keepends=True)))["results"]
got = yaml.safe_load(open(sys.argv[2]))["results"]
assert set(got) == set(declared), (set(got) ^ set(declared))
PY
}

@test "it changes nothing: disks are the same byte for byte, racadm is only asked to get" {
    before=$(sha256sum /dev/nvme*n1 /dev/nvme*n1p*)
    preflight
    [ "$(sha256sum /dev/nvme*n1 /dev/nvme*n1p*)" = "$before" ]
    [ -n "$(calls racadm)" ]
    ! calls racadm | grep -v '^get '
    # loaded already: modprobe is not asked
    [ -z "$(calls modprobe)" ]
}

@test "without RESULT_PATH it prints the same and writes nothing" {
    preflight
    with=$output
    rm "$RESULT_PATH"
    unset RESULT_PATH
    run_script "$SCRIPT"
    [ "$status" -eq 0 ]
    [ "$output" = "$with" ]
    [ ! -e "$BATS_TEST_TMPDIR/result.yaml" ]
}

@test "a result file that cannot be written is an error that says where" {
    export RESULT_PATH=$BATS_TEST_TMPDIR/absent/result.yaml
    run_script "$SCRIPT"
    [ "$status" -eq 1 ]
    [[ $stderr == *"cannot write beside $RESULT_PATH"* ]]
}

@test "not root: says so and exits 1" {
    path=$(script_path "$SCRIPT")
    _shell_words
    run --separate-stderr setpriv --reuid 65534 --clear-groups "${shell_words[@]}" "$path"
    [ "$status" -eq 1 ]
    [[ $stderr == *"must run as root, not as user id 65534"* ]]
}

@test "missing commands are named all at once" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    for name in sh dash bash busybox awk find id cat cmp mv rm chmod mktemp readlink timeout tr wc sed; do
        ln -s "$(command -v "$name")" "$BATS_TEST_TMPDIR/bin/$name"
    done
    path=$(script_path "$SCRIPT")
    _shell_words
    run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "${shell_words[@]}" "$path"
    [ "$status" -eq 1 ]
    [[ $stderr == *"missing commands: dmesg modprobe wipefs;"* ]]
}

@test "a class that does not say enough is WARN, never PASS" {
    export GPUAAS_GENERATED=$BATS_TEST_TMPDIR/generated
    mkdir -p "$GPUAAS_GENERATED/$GPUAAS_SITE/maas"
    path=$(GPUAAS_GENERATED=/gpuaas/generated script_path "$SCRIPT")
    changed() {
        sed "/Dell Inc[.]|/s/$1/" "$path" >"$GPUAAS_GENERATED/$GPUAAS_SITE/maas/$SCRIPT.sh"
        ! cmp -s "$path" "$GPUAAS_GENERATED/$GPUAAS_SITE/maas/$SCRIPT.sh"
        preflight
    }
    changed '|intel|/|-|'
    only_warns cpu_vendor
    assert_evidence cpu_virtualization PASS '*vmx*'
    changed '|15b3:1021,15b3:a2dc|10,2|/|-|12|'
    only_warns fabric_count
    changed '|15b3:1021,15b3:a2dc|10,2|/|15b3:1021,15b3:a2dc|-,2|'
    only_warns fabric_count
    changed '|Dell BOSS-N1|/|-|'
    only_warns os_disk
    stands_on nvme_raw os_disk
    changed '|10de:22a3|4|/|-|-|/; s/|9|Dell/|-|Dell/; s/|ProcVirtualization=Enabled,LogicalProc=Enabled,SriovGlobalEnable=Enabled/|-'
    for check in nvswitch_count nvme_count bios_settings bios_pending smt; do assert_evidence "$check" SKIP; done
    changed 'SriovGlobalEnable=Enabled/SomethingNew=Enabled'
    only_warns_both
}

# only_warns_both: an attribute whose racadm group the class does not give was not read.
only_warns_both() {
    assert_evidence bios_settings WARN 'not read: SomethingNew'
    assert_evidence bios_pending WARN 'not read: SomethingNew'
}

# --- firmware ---

@test "cpu_vendor: another vendor than the class has" {
    sed 's/GenuineIntel/SomeoneElse/' /gpuaas/host/proc/cpuinfo >/proc/cpuinfo
    preflight
    only_fails cpu_vendor
    assert_evidence cpu_vendor FAIL '*, but class dell-xe9680l-lab has intel'
}

@test "smt: off is FAIL, unknown is WARN" {
    echo 0 >/sys/devices/system/cpu/smt/active
    preflight
    only_fails smt
    assert_evidence smt FAIL 'sibling threads are off (smt/control: on)'
    rm /sys/devices/system/cpu/smt/active
    preflight
    only_warns smt
    assert_evidence smt WARN 'this kernel does not say *'
}

@test "kernel_log: a line about firmware is FAIL, a log that cannot be read is WARN" {
    answer dmesg no-arguments '[ 1.0] kvm_intel: VMX not enabled (by BIOS) in MSR_IA32_FEAT_CTL'
    preflight
    only_fails kernel_log
    assert_evidence kernel_log FAIL '*VMX not enabled (by BIOS)*'
    answer dmesg no-arguments '' 1
    preflight
    only_warns kernel_log
    printf '' >/run/gpuaas-lab/commands/dmesg/no-arguments
    echo 0 >/run/gpuaas-lab/commands/dmesg/no-arguments.status
    preflight
    only_warns kernel_log
}

@test "kernel_lockdown: on is WARN, a kernel that does not say is SKIP" {
    echo 'none [integrity] confidentiality' >/sys/kernel/security/lockdown
    preflight
    only_warns kernel_lockdown
    rm /sys/kernel/security/lockdown
    preflight
    assert_evidence kernel_lockdown SKIP
    [ "$(evidence_field summary status)" = PASS ]
}

@test "racadm: absent is WARN, and what needs it is SKIP naming it, never PASS" {
    mv /usr/local/bin/racadm /usr/local/bin/racadm.away
    preflight
    only_warns racadm
    assert_evidence racadm WARN '*racadm absent*'
    for check in bmc_lockdown bios_settings bios_pending; do stands_on "$check" racadm; done
}

@test "bmc_lockdown: Enabled is WARN" {
    answer racadm 'get iDRAC.Lockdown' $'[Key=iDRAC.Embedded.1#Lockdown.1]\nSystemLockdown=Enabled'
    preflight
    only_warns bmc_lockdown
}

@test "bios_settings: a wrong value is FAIL" {
    answer racadm 'get BIOS.IntegratedDevices' $'[Key=BIOS.Setup.1-1#IntegratedDevices]\nSriovGlobalEnable=Disabled'
    preflight
    only_fails bios_settings
    assert_evidence bios_settings FAIL 'wrong: SriovGlobalEnable=Disabled'
}

@test "bios_pending: a pending value is WARN, whatever is current" {
    answer racadm 'get BIOS.IntegratedDevices' \
        $'[Key=BIOS.Setup.1-1#IntegratedDevices]\nSriovGlobalEnable=Enabled (Pending Value=Disabled)'
    preflight
    only_warns bios_pending
    assert_evidence bios_settings PASS
    assert_evidence bios_pending WARN 'pending: SriovGlobalEnable=Disabled'
}

@test "a value that is right only after the pending change is FAIL now" {
    answer racadm 'get BIOS.IntegratedDevices' \
        $'[Key=BIOS.Setup.1-1#IntegratedDevices]\nSriovGlobalEnable=Disabled (Pending Value=Enabled)'
    preflight
    assert_evidence bios_settings FAIL
    assert_evidence bios_pending WARN
}

@test "racadm answers in forms that are known: read-only mark, CR line ends" {
    answer racadm 'get BIOS.IntegratedDevices' $'[Key=BIOS.Setup.1-1#IntegratedDevices]\r\n#SriovGlobalEnable=Enabled\r'
    preflight
    assert_evidence bios_settings PASS
    assert_evidence bios_pending PASS
}

@test "an answer of racadm that is not known is WARN, never PASS" {
    for text in '' 'ERROR: RAC1170 : Unable to load libraries' \
        $'[Key=BIOS.Setup.1-1#IntegratedDevices]\nSriovGlobalEnable=Enabled\nSriovGlobalEnable=Disabled'; do
        answer racadm 'get BIOS.IntegratedDevices' "$text"
        preflight
        assert_evidence bios_settings WARN 'not read: SriovGlobalEnable' || fail "for: $text"
        assert_evidence bios_pending WARN || fail "for: $text"
    done
    answer racadm 'get BIOS.IntegratedDevices' $'[Key=BIOS.Setup.1-1#IntegratedDevices]\nSriovGlobalEnable=Enabled' 1
    answer racadm 'get iDRAC.Lockdown' 'ERROR: RAC1018'
    preflight
    assert_evidence bios_settings WARN
    assert_evidence bmc_lockdown WARN
    # more forms, each read alone
    forms=('Sriov=Enabled' $'[Key=x]\nUsbPorts=AllOn' $'[Key=x]\nSriov=' $'[Key=x]\nSriov=Enabled (Something Else=1)'
        $'[Key=x]\nSriov=Enabled (Pending Value=)' $'[Key=x]\n XSriov=Enabled' $'x[Key=x]\nSriov=Enabled')
    # shellcheck disable=SC2016 # for the shell that is tested
    run_functions "$SCRIPT" 'given() { printf "%s\n" "$text"; }
timeout() { shift; "$@"; }
racadm_begin
for text; do
    racadm_attributes given Sriov=Enabled Sriov=Devices
    printf "%s|%s;\n" "$racadm_rows" "$racadm_unread"
done' "${forms[@]}" $'[Key=x]\nSriov=Enabled'
    [ "$output" = "$(printf '| Sriov;\n%.0s' "${forms[@]}")
Sriov|BIOS.Devices|Enabled|Enabled|
|;" ] || fail "$output $stderr"
}

# --- KVM and IOMMU ---

@test "cpu_virtualization: no vmx flag is FAIL, and KVM stands on it" {
    sed 's/ vmx / /' /gpuaas/host/proc/cpuinfo >/proc/cpuinfo
    preflight
    only_fails cpu_virtualization
    stands_on kvm_module cpu_virtualization
    stands_on kvm_device kvm_module
    results results.kvm=FAIL
}

@test "cpu_virtualization: a flag that only contains the name does not count" {
    sed 's/ vmx / vmxoff xvmx /' /gpuaas/host/proc/cpuinfo >/proc/cpuinfo
    preflight
    only_fails cpu_virtualization
}

@test "kvm_module: modprobe that fails, or claims success, is FAIL" {
    rm -r /sys/module/kvm_intel
    answer modprobe kvm_intel "modprobe: ERROR: could not insert 'kvm_intel': Operation not supported" 1
    preflight
    only_fails kvm_module
    assert_evidence kvm_module FAIL '*Operation not supported*'
    stands_on kvm_device kvm_module
    answer modprobe kvm_intel '' 0
    preflight
    only_fails kvm_module
    assert_evidence kvm_module FAIL '*not loaded*'
    [ "$(calls modprobe | sort -u)" = kvm_intel ]
}

@test "kvm_module: a kernel that comes without it is SKIP: nothing is wrong with the firmware" {
    rm -r /sys/module/kvm_intel
    answer modprobe kvm_intel 'modprobe: FATAL: Module kvm_intel not found in directory /lib/modules/6.8.0' 1
    preflight
    assert_evidence kvm_module SKIP '*judged on the deployed host'
    stands_on kvm_device kvm_module
    [ "$(evidence_field summary status)" = PASS ]
}

@test "kvm_device: missing is FAIL, a plain file is no device" {
    mv /dev/kvm /dev/kvm.away
    preflight
    only_fails kvm_device
    : >/dev/kvm
    preflight
    only_fails kvm_device
}

@test "iommu_table: missing or empty is FAIL, and the groups stand on it" {
    : >/sys/firmware/acpi/tables/DMAR
    preflight
    only_fails iommu_table
    stands_on iommu_groups iommu_table
    rm /sys/firmware/acpi/tables/DMAR
    preflight
    only_fails iommu_table
}

@test "iommu_groups: some are PASS; none are FAIL only where the kernel was asked" {
    mkdir /sys/kernel/iommu_groups/0 /sys/kernel/iommu_groups/1
    preflight
    assert_evidence iommu_groups PASS '2 groups'
    rmdir /sys/kernel/iommu_groups/*
    echo 'ro intel_iommu=off intel_iommu=on,sm_on iommu=pt' >/proc/cmdline
    preflight
    only_fails iommu_groups
    echo 'ro intel_iommu=on intel_iommu=off' >/proc/cmdline
    preflight
    assert_evidence iommu_groups SKIP
}

# --- PCI devices ---

@test "gpu_count: one missing is FAIL, and link and NUMA stand on it" {
    rm /sys/bus/pci/devices/0000:1b:00.0
    preflight
    only_fails gpu_count
    assert_evidence gpu_count FAIL '7 of 8 GPUs with ID 10de:2335: 0000:*'
    stands_on gpu_link gpu_count
    stands_on gpu_numa gpu_count
}

@test "gpu_count: one too many is FAIL" {
    ln -s ../../../devices/pci0000:1b/0000:1b:00.0 /sys/bus/pci/devices/0000:ff:00.0
    preflight
    only_fails gpu_count
    assert_evidence gpu_count FAIL '9 of 8 GPUs*'
}

@test "gpu_link: fewer lanes is FAIL, a lower speed or an unknown one is WARN" {
    echo 8 >"$GPU/current_link_width"
    preflight
    only_fails gpu_link
    assert_evidence gpu_link FAIL '*0000:1b:00.0*'
    echo 16 >"$GPU/current_link_width"
    echo '2.5 GT/s PCIe' >"$GPU/current_link_speed"
    preflight
    only_warns gpu_link
    echo Unknown >"$GPU/current_link_speed"
    preflight
    only_warns gpu_link
    rm "$GPU/current_link_speed"
    preflight
    only_warns gpu_link
}

@test "gpu_numa: no node is FAIL" {
    echo -1 >"$GPU/numa_node"
    preflight
    only_fails gpu_numa
    assert_evidence gpu_numa FAIL 'no NUMA node: 0000:1b:00.0'
    rm "$GPU/numa_node"
    preflight
    only_fails gpu_numa
}

@test "nvswitch_count: one missing is FAIL" {
    rm /sys/bus/pci/devices/0000:a0:00.0
    preflight
    only_fails nvswitch_count
    assert_evidence nvswitch_count FAIL '3 of 4 NVSwitches with ID 10de:22a3: 0000:*'
}

@test "bf3_count: a missing function is FAIL, and link and SR-IOV stand on it" {
    echo 0x0001 >"$BF3/device"
    preflight
    assert_evidence bf3_count FAIL '1 of 2 *'
    stands_on bf3_link bf3_count
    stands_on bf3_sriov bf3_count
    results results.bf3=FAIL
}

@test "bf3_link: fewer lanes is FAIL" {
    echo 4 >"$BF3/current_link_width"
    preflight
    assert_evidence bf3_link FAIL 'fewer lanes than the device has: 0000:bc:00.0'
}

@test "bf3_sriov: no virtual functions offered is FAIL" {
    echo 0 >"$BF3/sriov_totalvfs"
    preflight
    only_fails bf3_sriov
    assert_evidence bf3_sriov FAIL 'no virtual functions offered: 0000:bc:00.0'
    for total in '' many; do
        echo "$total" >"$BF3/sriov_totalvfs"
        preflight
        only_fails bf3_sriov
    done
    rm "$BF3/sriov_totalvfs"
    preflight
    only_fails bf3_sriov
}

@test "fabric_count: a missing one is FAIL; virtual functions do not count" {
    mkdir /sys/bus/pci/devices/0000:1a:00.2
    cp "$FABRIC/vendor" "$FABRIC/device" /sys/bus/pci/devices/0000:1a:00.2/
    ln -s ../0000:1a:00.0 /sys/bus/pci/devices/0000:1a:00.2/physfn
    preflight
    assert_evidence fabric_count PASS 'fabric functions: 10 of *'
    rm /sys/bus/pci/devices/0000:1a:00.0
    preflight
    only_fails fabric_count
    stands_on fabric_link fabric_count
    stands_on fabric_numa fabric_count
}

@test "fabric_count: one kind missing and another surplus do not make up for each other" {
    echo 0xa2dc >"$FABRIC/device"
    preflight
    assert_evidence fabric_count FAIL '9 of 10 *; 3 of 2 *'
    assert_evidence bf3_count FAIL
}

@test "fabric_link and fabric_numa: each broken alone" {
    echo 8 >"$FABRIC/current_link_width"
    preflight
    only_fails fabric_link
    echo 16 >"$FABRIC/current_link_width"
    echo -1 >"$FABRIC/numa_node"
    preflight
    only_fails fabric_numa
}

# --- NVMe ---

@test "nvme_count: one missing is FAIL" {
    rm /sys/block/nvme1n1
    preflight
    only_fails nvme_count
    assert_evidence nvme_count FAIL \
        '8 of 9 whole devices: nvme0n1 nvme2n1 nvme3n1 nvme4n1 nvme5n1 nvme6n1 nvme7n1 nvme8n1*'
}

@test "nvme: a machine without any is FAIL in count, identity and OS disk" {
    rm /sys/block/nvme*
    preflight
    assert_evidence nvme_count FAIL '0 of 9 *'
    [[ $output != *' check=ignored '* ]]
    assert_evidence nvme_identity FAIL 'no NVMe devices'
    assert_evidence os_disk FAIL
    stands_on nvme_raw os_disk
}

@test "nvme_identity: no by-id path, and a serial seen twice" {
    mv /dev/disk/by-id/nvme-eui.000000000000000100a075244a10dcab "$BATS_TEST_TMPDIR/"
    preflight
    only_fails nvme_identity
    assert_evidence nvme_identity FAIL '*nvme1n1*'
    mv "$BATS_TEST_TMPDIR"/nvme-eui.* /dev/disk/by-id/
    cat /sys/block/nvme0n1/device/serial >/sys/block/nvme1n1/device/serial
    preflight
    only_fails nvme_identity
    assert_evidence nvme_identity FAIL 'serial seen before: nvme1n1*'
}

@test "os_disk: none and two are FAIL, and nvme_raw stands on it" {
    boss=$(cat /sys/block/nvme4n1/device/model)
    echo 'Something else' >/sys/block/nvme4n1/device/model
    preflight
    only_fails os_disk
    assert_evidence os_disk FAIL 'no device is a Dell BOSS-N1'
    stands_on nvme_raw os_disk
    echo "$boss" >/sys/block/nvme4n1/device/model
    echo "$boss" >/sys/block/nvme1n1/device/model
    preflight
    only_fails os_disk
    assert_evidence os_disk FAIL '*nvme1n1 nvme4n1*'
}

@test "nvme_raw: a partition, a holder, a signature, swap or a mount is WARN" {
    mkdir /sys/block/nvme1n1/nvme1n1p1
    echo 1 >/sys/block/nvme1n1/nvme1n1p1/partition
    echo 259:90 >/sys/block/nvme1n1/nvme1n1p1/dev
    truncate -s 8192 /dev/nvme1n1p1
    preflight
    only_warns nvme_raw
    # mounted child: the device number of a file system that is really mounted
    mkdir "$BATS_TEST_TMPDIR/mnt"
    mount -t tmpfs share "$BATS_TEST_TMPDIR/mnt"
    mountpoint -d "$BATS_TEST_TMPDIR/mnt" >/sys/block/nvme1n1/nvme1n1p1/dev
    preflight
    grep -F "mounts=nvme1n1p1:$BATS_TEST_TMPDIR/mnt" <<<"$output"
    host_reset
    mkdir -p /sys/block/nvme2n1/holders/md0
    preflight
    only_warns nvme_raw
    grep -F 'holders=nvme2n1:md0' <<<"$output"
    host_reset
    mkswap -q /dev/nvme3n1 2>/dev/null || { truncate -s 1M /dev/nvme3n1; mkswap -q /dev/nvme3n1; }
    preflight
    only_warns nvme_raw
    grep -F 'signatures=nvme3n1:swap' <<<"$output"
    host_reset
    printf 'Filename Type Size Used Priority\n/dev/nvme5n1 partition 1 0 -2\n' >/proc/swaps
    preflight
    only_warns nvme_raw
    grep -F 'mounts=nvme5n1:swap' <<<"$output"
}

@test "nvme_raw: a mount of the disk alone is enough" {
    mkdir "$BATS_TEST_TMPDIR/mnt"
    mount -t tmpfs share "$BATS_TEST_TMPDIR/mnt"
    mountpoint -d "$BATS_TEST_TMPDIR/mnt" >/sys/block/nvme6n1/dev
    preflight
    only_warns nvme_raw
    assert_evidence nvme_raw WARN 'not empty: nvme6n1 '
}

@test "nvme_raw: signatures that cannot be read are WARN, never PASS" {
    rm /dev/nvme1n1
    preflight
    only_warns nvme_raw
    assert_evidence nvme_raw WARN 'signatures unreadable: nvme1n1'
    grep -F 'kernel_name=nvme1n1' <<<"$output" | grep -F 'signatures=unreadable'
    # what the others carry is told all the same
    grep -F 'kernel_name=nvme4n1' <<<"$output" | grep -F 'signatures=nvme4n1:dos'
    # an answer about all of them that is not known is none
    host_reset
    printf '#!/bin/sh\necho odd >&2\nexec /usr/sbin/wipefs "$@"\n' >/usr/local/bin/wipefs
    chmod 755 /usr/local/bin/wipefs
    preflight
    only_warns nvme_raw
    assert_evidence nvme_raw WARN 'not empty: nvme0n1 nvme1n1 *'
}

@test "text from the machine stays on one line and comes back as it was" {
    mkdir "$BATS_TEST_TMPDIR/mnt"
    mount -t tmpfs share "$BATS_TEST_TMPDIR/mnt"
    mountpoint -d "$BATS_TEST_TMPDIR/mnt" >/sys/block/nvme6n1/dev
    printf "It's \$(a) \`disk\` \\\\ \"x\" ; &\n" >/sys/block/nvme6n1/device/model
    printf 'naïve\tserial\n' >/sys/block/nvme6n1/device/serial
    preflight
    line=$(grep -F 'kernel_name=nvme6n1' <<<"$output")
    eval "set -- $line"
    printf '%s\n' "$@" | grep -Fx "model=It's \$(a) \`disk\` \\ \"x\" ; &"
    printf '%s\n' "$@" | grep -Fx 'serial=na\xc3\xafve\tserial'
    results results.verdict=WARN
}
