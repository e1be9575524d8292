# gpuaas-slice-host-bootstrap with real apt (a local repository), real GRUB, real systemd. The slice units and
# runtime-prepare are stubs here; tests/containers/test_deployment.py runs the real ones together.
# host: j22u05-after-bios
# script: gpuaas-slice-host-bootstrap

load helpers

# by its path: it is not looked for at each run
SCRIPT=profiles/slice-vm/root/usr/local/sbin/gpuaas-slice-host-bootstrap
CHECKS='disk packages kernel_packages kernel_arguments_file grub_config kernel_arguments modules hugepages tuning ovmf libvirt
    runtime unit_vfio unit_network unit_repair unit_fabric complete'
UNITS='gpuaas-slice-vfio-bind gpuaas-slice-network-baseline gpuaas-slice-fabric-vfs gpuaas-node-agent'
WANTED='intel_iommu=on iommu=pt default_hugepagesz=1G hugepagesz=1G hugepages=512 nvme_core.multipath=Y'
STATE=/var/lib/gpuaas/bootstrap
HUGE=/sys/kernel/mm/hugepages

program() {
    rm -f "$1"
    cat >"$1"
    chmod 755 "$1"
}

# programs: what a container lacks of a machine, and stubs of what the script calls
programs() {
    program /usr/sbin/grub-probe <<'PROBE'
#!/bin/sh
case "$*" in
*--target=device*) echo /dev/vda1 ;;
*fs_uuid*) echo 11111111-2222-3333-4444-555555555555 ;;
*--target=fs | *--target=fs\ *) echo ext2 ;;
*partmap*) echo msdos ;;
esac
PROBE
    program /usr/local/bin/modprobe <<'PROBE'
#!/bin/sh
[ ! -e /run/no-module ] || exit 1
mkdir -p "/sys/module/$(echo "$1" | tr - _)"
PROBE
    program /usr/local/bin/modinfo <<'PROBE'
#!/bin/sh
! grep -qsx "$1" /run/absent-modules
PROBE
    program /usr/local/bin/virsh <<'PROBE'
#!/bin/sh
[ ! -e /run/no-virsh ]
PROBE
    program /usr/local/sbin/gpuaas-slice-runtime-prepare <<'PROBE'
#!/bin/sh
echo "$*" >>/run/runtime-calls
cat /run/runtime-says
exit "$(cat /run/runtime-status)"
PROBE
}

# host_files: the files that every test finds, below /run/right/files, and the units below /run/right/units.
host_files() {
    local root=$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root files=/run/right/files units=/run/right/units file unit
    mkdir -p "$files/boot/grub" "$files/usr/share/OVMF" "$files$HUGE/hugepages-1048576kB" "$files/run" "$units/multi-user.target.wants" \
        "$units/timers.target.wants"
    for file in /etc/default/grub.d/90-gpuaas.cfg /etc/modules-load.d/gpuaas-vfio.conf /etc/sysctl.d/61-gpuaas-tuning.conf \
        /etc/dnsmasq.d/gpuaas-slice.conf; do
        install -D -m 644 "$root$file" "$files$file"
    done
    install -D -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/gpuaas/node.env" "$files/etc/gpuaas/node.env"
    echo kernel >"$files/boot/vmlinuz-6.8.0-lab"
    echo firmware >"$files/usr/share/OVMF/OVMF_CODE_4M.fd"
    echo 512 >"$files$HUGE/hugepages-1048576kB/nr_hugepages"
    # the one setting of the tuning profile that belongs to the machine and not to the network namespace
    echo 268435456 >"$files/run/rmem_max"
    echo 'GPUAAS_SLICE_RUNTIME status=PASS check=summary detail=x changes=0 skipped=1 failures=0 warnings=0' >"$files/run/runtime-says"
    echo 0 >"$files/run/runtime-status"
    for unit in $UNITS; do
        printf '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c "test ! -e /run/broken-%s"\n[Install]\nWantedBy=multi-user.target\n' \
            "$unit" >"$units/$unit.service"
        [ "$unit" = gpuaas-node-agent ] || ln -s "../$unit.service" "$units/multi-user.target.wants/"
    done
    printf '[Timer]\nOnActiveSec=1d\nUnit=systemd-tmpfiles-clean.service\n[Install]\nWantedBy=timers.target\n' \
        >"$units/gpuaas-slice-network-repair.timer"
    ln -s ../gpuaas-slice-network-repair.timer "$units/timers.target.wants/"
    [ -e /usr/lib/systemd/system/libvirtd.service ] ||
        printf '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' >/usr/lib/systemd/system/libvirtd.service
    ln -s /usr/lib/systemd/system/libvirtd.service "$units/multi-user.target.wants/"
}

right_files() {
    cp -R /run/right/files/. /
}

# unit_files: which units are installed and enabled, as text.
unit_files() {
    find /etc/systemd/system \( -name 'gpuaas-*' -o -name libvirtd.service \) \( -type l -printf '%p %l\n' -o -printf '%p %s %T@\n' \) | sort
}

# right_units: the slice units are enabled and have done their work; the node agent is installed, and not enabled.
right_units() {
    if [ ! -e /run/units ] || [ "$(unit_files)" != "$(cat /run/units)" ]; then
        find /etc/systemd/system \( -name 'gpuaas-*' -o -name libvirtd.service \) -delete
        cp -R /run/right/units/. /etc/systemd/system/
        systemctl daemon-reload
        systemctl stop gpuaas-node-agent.service
        unit_files >/run/units
    fi
    systemctl reset-failed
    systemctl start gpuaas-slice-{vfio-bind,network-baseline,fabric-vfs}.service gpuaas-slice-network-repair.timer libvirtd.service
}

setup_file() {
    # GRUB's own part is enough: other systems and Xen are looked for by hundreds of processes at each update-grub
    chmod -x /etc/grub.d/[2-4]*
    rm -rf /run/right /run/units /etc/default/grub
    programs
    host_files
    mkdir -p "$HUGE"
    mountpoint -q "$HUGE" || mount -t tmpfs tmpfs "$HUGE"
    right_files
    mountpoint -q /proc/sys/net/core/rmem_max || mount --bind /run/rmem_max /proc/sys/net/core/rmem_max
    update-grub >/dev/null 2>&1
    cp /boot/grub/grub.cfg /run/right/files/boot/grub/grub.cfg
}

# Each test starts from a host on which the bootstrap has done its work: it booted with the arguments, and the packages are there.
setup() {
    host_reset
    rm -rf "$STATE" /run/runtime-* /run/no-* /run/absent-modules /run/broken-* /var/lib/gpuaas/capabilities.json /etc/default/grub \
        "$HUGE/hugepages-2048kB"
    mkdir -p /sys/module/vfio /sys/module/vfio_iommu_type1 /sys/module/vfio_pci
    right_files
    printf 'BOOT_IMAGE=/vmlinuz %s\n' "$WANTED" >/proc/cmdline
    case $BATS_TEST_DESCRIPTION/$(dpkg-query -W -f '${db:Status-Abbrev}' dnsmasq 2>/dev/null) in
        'from nothing: '* | */ii*) ;;
        *) apt-get -q -y install --no-install-recommends dnsmasq >/dev/null 2>&1 ;;
    esac
    right_units
}

teardown() {
    for path in "$STATE" /var/lib/gpuaas /boot /etc/default/grub.d /var; do
        ! mountpoint -q "$path" || umount "$path"
    done
    [ ! -e /run/dpkg-status ] || mv /run/dpkg-status /var/lib/dpkg/status
    [ -z "${holder:-}" ] || kill "$holder" 2>/dev/null || true
    rm -f /usr/local/bin/{systemctl,update-grub,apt-get,apt-cache,uname,sleep,sync,flock,gpuaas-node-agent} /etc/default/grub.d/99-other.cfg
}

# removed: dpkg takes dnsmasq for removed; its own way there lasts longer than most tests.
removed() {
    sed -i '/^Package: dnsmasq$/,/^$/ s/^Status: .*/Status: deinstall ok config-files/' /var/lib/dpkg/status
}

# nothing: the units are off, the modules and the menu of GRUB are gone, as before the first bootstrap.
nothing() {
    systemctl disable --quiet --now gpuaas-slice-{vfio-bind,network-baseline,fabric-vfs}.service gpuaas-slice-network-repair.timer \
        libvirtd.service
    systemctl reset-failed
    rm -rf "$STATE" /sys/module/vfio* /boot/grub/grub.cfg
}

# shadow COMMAND CODE: puts shell code before the real command ($real), as a fault would act.
shadow() {
    local real
    real=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v "$1")
    printf '#!/bin/sh\nreal=%s\n%s\nexec "$real" "$@"\n' "$real" "$2" | program "/usr/local/bin/$1"
}

# with_setting NAME VALUE: the script as it is rendered for another value of a setting.
with_setting() {
    local path
    path=$(GPUAAS_GENERATED=/gpuaas/generated script_path "$SCRIPT")
    [ ! -e "$BATS_TEST_TMPDIR/generated/$GPUAAS_SITE/$SCRIPT" ] || path=$BATS_TEST_TMPDIR/generated/$GPUAAS_SITE/$SCRIPT
    mkdir -p "$BATS_TEST_TMPDIR/generated/$GPUAAS_SITE/${SCRIPT%/*}"
    grep -q "^readonly $1=" "$path"
    awk -v name="$1" -v value="$2" '
        index($0, "readonly " name "=") == 1 { print "readonly " name "=\047" value "\047"; skip = ($0 !~ /\047$/); next }
        skip { skip = ($0 !~ /\047$/); next }
        { print }' "$path" >"$BATS_TEST_TMPDIR/new"
    mv "$BATS_TEST_TMPDIR/new" "$BATS_TEST_TMPDIR/generated/$GPUAAS_SITE/$SCRIPT"
    export GPUAAS_GENERATED=$BATS_TEST_TMPDIR/generated
}

bootstrap() {
    GPUAAS_SCRIPT_TIMEOUT=120 run_script "$SCRIPT" "$@"
}

only_fails() {
    local check=$1
    shift
    [ "$status" -eq 1 ] || fail "exit status $status: $output $stderr"
    [ "$(grep -c ' status=FAIL check=' <<<"$output")" -eq 2 ] || fail "not only $check is FAIL: $output"
    assert_evidence "$check" FAIL
    [ -n "$(evidence_field "$check" remediation)" ]
    for blocked; do assert_evidence "$blocked" SKIP 'stands on *'; done
}

state() {
    dpkg-query -W -f '${Package} ${Status}\n' dnsmasq openvswitch-switch iptables
    md5sum /boot/grub/grub.cfg /etc/default/grub.d/*
    ls /sys/module | grep vfio || true
    systemctl show -p Id,UnitFileState,ActiveState,ActiveEnterTimestampMonotonic $(printf '%s.service ' $UNITS) libvirtd.service
    ls -la --time-style=full-iso /var/lib/gpuaas "$STATE" 2>/dev/null || true
}

@test "from nothing: packages, GRUB, modules, libvirt, runtime, units; every check PASS" {
    nothing
    dpkg --purge --force-depends dnsmasq >/dev/null 2>&1 || true
    rm -rf /var/lib/apt/lists/*
    bootstrap
    [ "$status" -eq 0 ] || fail "$output $stderr"
    for check in $CHECKS; do assert_evidence "$check" PASS; done
    assert_evidence kernel_packages PASS 'no package of kernel * is needed: its modules are there'
    assert_evidence kernel_arguments_file PASS "GRUB passes: $WANTED"
    assert_evidence hugepages PASS '512 pages of 1G: node0=0 node1=0'
    assert_evidence runtime PASS '*: skipped=1 failures=0 warnings=0'
    assert_evidence unit_node_agent SKIP '*not there yet*'
    [[ $stderr != *'nothing to do'* && $stderr != *interrupted* && $stderr != *warning:* ]] || fail "$stderr"
    [ "$(evidence_summary changes)" -ge 8 ]
    [ "$(echo /var/.gpuaas.* /boot/.gpuaas.*)" = '/var/.gpuaas.* /boot/.gpuaas.*' ]
    dpkg -s dnsmasq | grep -q '^Status: install ok installed'
    for word in $WANTED; do grep -q "^[[:space:]]linux.* $word" /boot/grub/grub.cfg || fail "$word"; done
    [ -d /sys/module/vfio_pci ] && [ -d /sys/module/vfio_iommu_type1 ]
    for unit in vfio-bind network-baseline fabric-vfs; do [ "$(systemctl is-enabled "gpuaas-slice-$unit.service")" = enabled ]; done
    grep -qF '"hugepages": {"size": "1G", "count": 512}' /var/lib/gpuaas/capabilities.json
    grep -q 'status=INFO check=capability .*count=512' <<<"$output"
}

@test "again: nothing to do, nothing changes; a dry run the same" {
    bootstrap
    [ "$status" -eq 0 ] || fail "$output $stderr"
    before=$(state)
    bootstrap
    [ "$status" -eq 0 ]
    [[ $stderr == *'nothing to do'* ]]
    [ "$(evidence_summary changes)" -eq 0 ]
    [ "$(state)" = "$before" ] || fail "$(diff <(echo "$before") <(state))"
    bootstrap --dry-run
    [ "$status" -eq 0 ]
    [ "$(state)" = "$before" ]
}

@test "--dry-run names every change, makes none, exits 3" {
    nothing
    cp /var/lib/dpkg/status /run/dpkg-status
    removed
    : >/boot/grub/grub.cfg
    echo 3 >/run/runtime-status
    before=$(state)
    bootstrap --dry-run
    [ "$status" -eq 3 ] || fail "$status $output $stderr"
    assert_evidence packages WARN 'dry run: would install dnsmasq'
    assert_evidence grub_config WARN "dry run: would run update-grub, for $WANTED"
    assert_evidence libvirt WARN 'dry run: would enable and start libvirtd.service'
    assert_evidence runtime WARN 'dry run: would run /usr/local/sbin/gpuaas-slice-runtime-prepare'
    for check in modules unit_vfio unit_network complete; do assert_evidence "$check" WARN 'dry run: would *'; done
    [ "$(state)" = "$before" ]
    [ "$(cat /run/runtime-calls)" = --dry-run ]
}

@test "--help; unknown argument; not root; missing commands; missing node.env" {
    bootstrap --help
    [ "$status" -eq 0 ]
    [[ $output == *' [--dry-run]'*'Exit status: 0 '* ]]
    bootstrap --reboot
    [ "$status" -eq 2 ]
    [[ $stderr == *'unknown argument: --reboot'* ]]
    path=$(script_path "$SCRIPT")
    _shell_words
    run --separate-stderr setpriv --reuid 65534 --clear-groups "${shell_words[@]}" "$path"
    [ "$status" -eq 1 ]
    [[ $stderr == *'must run as root'* ]]
    mkdir "$BATS_TEST_TMPDIR/bin"
    for name in "${shell_words[0]}" sh; do ln -s "$(command -v "$name")" "$BATS_TEST_TMPDIR/bin/$name"; done
    run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "${shell_words[@]}" "$path"
    [ "$status" -eq 1 ]
    [[ $stderr == *'missing commands: apt-cache apt-get '*' update-grub;'* ]]
    rm /etc/gpuaas/node.env
    before=$(state)
    bootstrap
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [ "$(state)" = "$before" ]
}

@test "disk: a full or read-only file system is FAIL before anything is changed" {
    cp /var/lib/dpkg/status /run/dpkg-status
    removed
    before=$(state | grep -v /boot)
    mount -t tmpfs -o size=1m tmpfs /boot
    bootstrap
    only_fails disk packages kernel_arguments_file grub_config modules ovmf libvirt complete
    assert_evidence disk FAIL '/boot has * MiB free, 150 are needed'
    umount /boot
    [ "$(state | grep -v /boot)" = "$before" ]
    # a host that was finished before needs no such room again
    mkdir -p "$STATE"
    echo complete >"$STATE/complete"
    mount -t tmpfs -o size=1m tmpfs /boot
    bootstrap --dry-run
    assert_evidence disk PASS
    mount -o remount,ro /boot
    bootstrap
    only_fails disk packages
    assert_evidence disk FAIL '/boot cannot be written'
}

@test "packages: another apt that keeps the lock, a name that nobody offers: FAIL, what stands on it SKIP" {
    dpkg -r --force-all dnsmasq >/dev/null 2>&1
    with_setting LOCK_SECONDS 1
    python3 -c 'import fcntl, time
f = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(f, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)' >/run/held 3>&- &
    holder=$!
    for _ in $(seq 50); do grep -qs held /run/held && break; sleep 0.1; done
    bootstrap
    kill "$holder"
    only_fails packages kernel_packages modules ovmf libvirt unit_network complete
    assert_evidence packages FAIL 'not installed: dnsmasq'
    [[ $stderr == *'Could not get lock /var/lib/dpkg/lock-frontend'*'apt-get failed; see above'* ]] || fail "$stderr"
    # no list can be fetched: three attempts, then those that are there
    shadow sleep 'exit 0'
    shadow apt-get 'case $* in *update) echo >>/run/no-updates; exit 100 ;; esac'
    bootstrap
    assert_evidence packages PASS
    [ "$(wc -l </run/no-updates)" -eq 3 ]
    [[ $stderr == *'the package lists could not be updated'* ]]
    with_setting PACKAGES no-such-package
    bootstrap
    only_fails packages kernel_packages
    assert_evidence packages FAIL 'not installed: no-such-package'
}

@test "packages: an installation that was killed half-way is ended" {
    dpkg --unpack --force-all /srv/gpuaas-apt/pool/dnsmasq_*.deb >/dev/null 2>&1
    # one of ours, and another one, both without what they depend on
    dpkg -r --force-all dnsmasq-base rdma-core libnl-3-200 >/dev/null 2>&1 || true
    dpkg --unpack --force-all /srv/gpuaas-apt/pool/rdma-core_*.deb >/dev/null 2>&1
    [ -n "$(dpkg --audit)" ]
    # apt does not end it
    shadow apt-get 'case $* in *-f\ install) exit 100 ;; *install*) echo >>/run/no-installs ;; esac'
    bootstrap
    only_fails packages
    assert_evidence packages FAIL 'not installed: dnsmasq*'
    [[ $stderr == *'dpkg --configure -a failed'*'apt-get failed; see above'* ]] || fail "$stderr"
    [ ! -e /run/no-installs ]
    rm /usr/local/bin/apt-get
    bootstrap
    assert_evidence packages PASS
    [ -z "$(dpkg --audit)" ]
    [[ $stderr == *'was interrupted; ending it'* ]]
    # dpkg itself was killed: all that it leaves is a record of what it was about
    dpkg-query -s dnsmasq >/var/lib/dpkg/updates/0000
    bootstrap --dry-run
    assert_evidence packages WARN 'dry run: would install what was interrupted'
    bootstrap
    assert_evidence packages PASS
    [[ $stderr == *'was interrupted; ending it'* && $stderr != *'apt-get failed'* ]] || fail "$stderr"
    [ ! -e /var/lib/dpkg/updates/0000 ]
}

@test "kernel_packages: resolved for the running kernel; none offered and a module absent is FAIL" {
    with_setting KERNEL_PACKAGES linux-modules-extra
    echo vfio-pci >/run/absent-modules
    bootstrap
    only_fails kernel_packages modules
    assert_evidence kernel_packages FAIL "kernel $(uname -r) has no module vfio-pci*"
    # a name with a suffix that is offered: made of two halves of a package's name
    shadow uname '[ "$1" != -r ] || { echo switch; exit 0; }' # openvswitch-switch
    with_setting KERNEL_PACKAGES openvswitch
    bootstrap
    assert_evidence kernel_packages PASS '1 packages are installed'
    # apt that cannot say what it offers is no reason to fail where the modules are there
    rm /run/absent-modules
    shadow apt-cache 'exit 100'
    bootstrap
    rm /usr/local/bin/uname /usr/local/bin/apt-cache
    assert_evidence kernel_packages PASS 'no package of kernel switch is needed: its modules are there'
}

@test "kernel_arguments_file: missing, unreadable, replaced by a later file, other values by hand: FAIL" {
    rm /etc/default/grub.d/90-gpuaas.cfg
    bootstrap
    only_fails kernel_arguments_file grub_config kernel_arguments unit_vfio
    assert_evidence kernel_arguments_file FAIL '/etc/default/grub.d/90-gpuaas.cfg is missing'
    : >/etc/default/grub.d/90-gpuaas.cfg
    bootstrap
    only_fails kernel_arguments_file grub_config
    assert_evidence kernel_arguments_file FAIL '/etc/default/grub.d/90-gpuaas.cfg asks for no kernel argument'
    printf 'GRUB_CMDLINE_LINUX=iommu=pt\nfalse\n' >/etc/default/grub.d/90-gpuaas.cfg # update-grub would not get past it
    bootstrap
    assert_evidence kernel_arguments_file FAIL '*cannot be read*'
    right_files
    echo 'GRUB_CMDLINE_LINUX="quiet"' >/etc/default/grub.d/99-other.cfg
    bootstrap
    only_fails kernel_arguments_file grub_config
    assert_evidence kernel_arguments_file FAIL 'GRUB would not pass: intel_iommu=on*'
    rm /etc/default/grub.d/99-other.cfg
    echo 'GRUB_CMDLINE_LINUX_DEFAULT="quiet hugepages=256"' >/etc/default/grub
    bootstrap
    only_fails kernel_arguments_file
    assert_evidence kernel_arguments_file FAIL 'other values stand there too: hugepages=256'
    [[ $(evidence_field kernel_arguments_file remediation) == *"90-gpuaas.cfg asks for: $WANTED" ]]
    for text in 'GRUB_CMDLINE_LINUX="' false; do
        echo "$text" >/etc/default/grub
        bootstrap
        assert_evidence kernel_arguments_file FAIL '*cannot be read*'
    done
}

@test "kernel_arguments_file: the same by an earlier hand edit is told, and not doubled" {
    echo 'GRUB_CMDLINE_LINUX="intel_iommu=on iommu=pt $GRUB_NOBODY_SETS_THIS"' >/etc/default/grub
    bootstrap
    assert_evidence kernel_arguments_file PASS '*earlier hand edits*intel_iommu=on iommu=pt'
    [ "$(grep -m 1 '^[[:space:]]linux' /boot/grub/grub.cfg | grep -o intel_iommu=on | wc -l)" -eq 1 ]
}

@test "grub_config: where update-grub changes nothing it is FAIL" {
    : >/boot/grub/grub.cfg
    shadow update-grub 'exit 1'
    bootstrap
    only_fails grub_config kernel_arguments unit_vfio
    assert_evidence grub_config FAIL "/boot/grub/grub.cfg does not pass: $WANTED"
    [[ $stderr == *'warning: failed, or took too long: timeout 300 update-grub'* ]]
}

@test "kernel_arguments: not allowed to reboot: FAIL with what to do; allowed: reboots once, after that FAIL" {
    printf 'BOOT_IMAGE=/vmlinuz ro\n' >/proc/cmdline
    shadow systemctl 'case "$*" in *reboot*) cat /run/no-loss >>/run/reboots; exit 0 ;; esac'
    # a machine that loses its power when it goes down forgets what was not synced
    shadow sync 'cp /var/lib/gpuaas/bootstrap/rebooted /run/no-loss'
    rm -f /run/reboots
    bootstrap
    only_fails kernel_arguments unit_vfio hugepages complete
    assert_evidence kernel_arguments FAIL "the kernel runs without $WANTED"
    assert_evidence unit_network PASS
    [ ! -e /run/reboots ]
    [[ $(evidence_field kernel_arguments remediation) == *reboot* ]]
    with_setting REBOOT_IF_REQUIRED true
    bootstrap --dry-run
    [ ! -e /run/reboots ]
    assert_evidence kernel_arguments WARN 'dry run: would reboot once*'
    bootstrap
    [ "$status" -eq 0 ] || fail "$output $stderr"
    assert_evidence kernel_arguments WARN '*rebooting, once'
    assert_evidence complete SKIP
    [ "$(evidence_field summary status)" = WARN ]
    [ "$(wc -l </run/reboots)" -eq 1 ]
    [ -s "$STATE/rebooted" ]
    rm /usr/local/bin/sync
    bootstrap
    only_fails kernel_arguments unit_vfio
    assert_evidence kernel_arguments FAIL 'after the one reboot*'
    [ "$(wc -l </run/reboots)" -eq 1 ]
}

@test "kernel_arguments: without a note of the reboot there is none" {
    printf 'BOOT_IMAGE=/vmlinuz ro\n' >/proc/cmdline
    shadow systemctl 'case "$*" in *reboot*) echo "$*" >>/run/reboots; exit 0 ;; esac'
    rm -f /run/reboots
    with_setting REBOOT_IF_REQUIRED true
    mkdir -p /var/lib/gpuaas
    mount -t tmpfs -o ro tmpfs /var/lib/gpuaas
    bootstrap
    [ "$status" -eq 1 ]
    [ ! -e /run/reboots ]
    [[ $stderr == *'not rebooting'* ]]
    umount /var/lib/gpuaas
    mkdir -p "$STATE"
    mount -t tmpfs -o size=4k,mode=755 tmpfs "$STATE"
    yes 2>/dev/null >"$STATE/full" || true
    bootstrap
    umount "$STATE"
    [ "$status" -eq 1 ]
    [ ! -e /run/reboots ]
    [[ $stderr == *'is the disk full?'*'not rebooting'* ]] || fail "$stderr"
}

@test "modules: file missing, or a module that does not come: FAIL, and vfio stands on it" {
    rmdir /sys/module/vfio*
    : >/run/no-module
    bootstrap
    only_fails modules unit_vfio complete
    assert_evidence modules FAIL 'not loaded: vfio vfio_iommu_type1 vfio_pci'
    [[ $stderr == *'warning: failed, or took too long: timeout 60 modprobe vfio_pci'* ]]
    rm /etc/modules-load.d/gpuaas-vfio.conf
    bootstrap
    only_fails modules unit_vfio
    assert_evidence modules FAIL '*gpuaas-vfio.conf is missing'
}

@test "hugepages: fewer than asked is FAIL; not asked is SKIP, and no capability" {
    echo 500 >"$HUGE/hugepages-1048576kB/nr_hugepages"
    bootstrap
    only_fails hugepages
    assert_evidence hugepages FAIL '500 pages of 1G, not 512*'
    with_setting HUGEPAGE_SIZE 2M
    bootstrap
    only_fails hugepages
    assert_evidence hugepages FAIL '0 pages of 2M, not 512*'
    mkdir -p "$HUGE/hugepages-2048kB"
    echo 512 >"$HUGE/hugepages-2048kB/nr_hugepages"
    bootstrap
    assert_evidence hugepages PASS '512 pages of 2M:*'
    with_setting HUGEPAGE_COUNT ''
    bootstrap
    assert_evidence hugepages SKIP
    grep -qF '"hugepages": null' /var/lib/gpuaas/capabilities.json
}

@test "tuning: in effect, not in effect, a setting this kernel lacks, none asked" {
    with_setting TUNING_SYSCTL net.ipv4.tcp_fin_timeout=61
    echo 'net.ipv4.tcp_fin_timeout=61' >/etc/sysctl.d/61-gpuaas-tuning.conf
    sysctl -q -w net.ipv4.tcp_fin_timeout=60
    bootstrap --dry-run
    assert_evidence tuning WARN 'dry run: would apply /etc/sysctl.d/61-gpuaas-tuning.conf'
    bootstrap
    assert_evidence tuning PASS
    [ "$(sysctl -n net.ipv4.tcp_fin_timeout)" = 61 ]
    grep -qF '"tuning": "lab-1"' /var/lib/gpuaas/capabilities.json
    : >/etc/sysctl.d/61-gpuaas-tuning.conf
    sysctl -q -w net.ipv4.tcp_fin_timeout=60
    bootstrap
    only_fails tuning
    assert_evidence tuning FAIL '*: net.ipv4.tcp_fin_timeout=61(is:60)'
    grep -qF '"tuning": null' /var/lib/gpuaas/capabilities.json
    with_setting TUNING_SYSCTL net.ipv4.no_such_thing=1
    bootstrap
    assert_evidence tuning WARN '*lacks*no_such_thing*'
    with_setting TUNING_NAME ''
    bootstrap
    assert_evidence tuning SKIP
}

@test "ovmf: missing is FAIL" {
    rm /usr/share/OVMF/OVMF_CODE_4M.fd
    bootstrap
    only_fails ovmf
}

@test "libvirt: does not answer is FAIL, and the runtime stands on it" {
    : >/run/no-virsh
    bootstrap
    only_fails libvirt runtime unit_vfio complete
    assert_evidence libvirt FAIL 'libvirtd is enabled/active, or does not answer'
    rm /run/no-virsh
    systemctl disable libvirtd.service 2>/dev/null
    bootstrap
    assert_evidence libvirt PASS
    [ "$(systemctl is-enabled libvirtd.service)" = enabled ]
}

@test "runtime: its own summary counts, not its exit status" {
    echo 'GPUAAS_SLICE_RUNTIME status=FAIL check=summary detail=x changes=0 skipped=0 failures=1 warnings=0' >/run/runtime-says
    bootstrap
    only_fails runtime unit_vfio complete
    : >/run/runtime-says
    bootstrap
    only_fails runtime unit_vfio
    echo 'GPUAAS_SLICE_RUNTIME status=PASS check=summary detail=x changes=0 skipped=1 failures=0 warnings=0' >/run/runtime-says
    for code in 1 3; do
        echo "$code" >/run/runtime-status
        bootstrap
        only_fails runtime
        assert_evidence runtime FAIL "* ended with status $code"
    done
}

@test "units: one that fails is FAIL with where to look; what does not stand on it is done" {
    : >/run/broken-gpuaas-slice-vfio-bind
    systemctl stop gpuaas-slice-{vfio-bind,network-baseline,fabric-vfs}.service
    bootstrap
    only_fails unit_vfio complete
    assert_evidence unit_network PASS
    assert_evidence unit_fabric PASS
    rm /run/broken-gpuaas-slice-vfio-bind
    : >/run/broken-gpuaas-slice-network-baseline
    systemctl stop gpuaas-slice-network-baseline.service
    bootstrap
    only_fails unit_network unit_repair unit_fabric complete
    rm /run/broken-gpuaas-slice-network-baseline
    # a unit file that was delivered anew counts as it is now
    systemctl stop gpuaas-slice-network-baseline.service
    sed -i 's/^ExecStart=.*/ExecStart=touch \/run\/no-old/' /etc/systemd/system/gpuaas-slice-network-baseline.service
    systemctl disable --now gpuaas-slice-network-repair.timer
    shadow systemctl 'case "$*" in "enable gpuaas-slice-network-repair.timer") exit 0 ;; esac'
    bootstrap
    rm /usr/local/bin/systemctl
    only_fails unit_repair complete
    [ -e /run/no-old ]
    systemctl stop gpuaas-slice-fabric-vfs.service
    rm /etc/systemd/system/gpuaas-slice-fabric-vfs.service
    systemctl daemon-reload
    bootstrap
    only_fails unit_fabric complete
    assert_evidence unit_fabric FAIL '*not installed'
}

@test "unit_node_agent: started where its binary is; one that fails is FAIL" {
    printf '#!/bin/sh\n' | program /usr/local/bin/gpuaas-node-agent
    bootstrap
    assert_evidence unit_node_agent PASS
    systemctl stop gpuaas-node-agent.service
    : >/run/broken-gpuaas-node-agent
    bootstrap
    only_fails unit_node_agent
    assert_evidence unit_node_agent FAIL 'gpuaas-node-agent.service is enabled/failed'
    rm /run/broken-gpuaas-node-agent
    : >/run/broken-gpuaas-slice-network-baseline
    systemctl stop gpuaas-slice-network-baseline.service
    bootstrap
    only_fails unit_network unit_node_agent
}

@test "complete: a state that cannot be written is FAIL; two runs at once" {
    mkdir -p /var/lib/gpuaas
    mount -t tmpfs -o ro tmpfs /var/lib/gpuaas
    bootstrap
    only_fails complete
    [[ $stderr == *'the end of the bootstrap could not be noted'* ]]
    umount /var/lib/gpuaas
    # one at a time: a second run waits, and changes nothing; a dry run need not wait
    shadow flock 'shift 2; exec "$real" -w 1 "$@"'
    exec 8>/run/gpuaas-slice-host-bootstrap.lock
    /usr/bin/flock 8
    bootstrap
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [[ $stderr == *'another run of this script has not ended'* ]]
    bootstrap --dry-run
    exec 8>&-
    [ "$status" -eq 3 ] || fail "$output $stderr"
    rm /run/gpuaas-slice-host-bootstrap.lock
    mkdir /run/gpuaas-slice-host-bootstrap.lock
    bootstrap
    rmdir /run/gpuaas-slice-host-bootstrap.lock
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [[ $stderr == *'cannot write /run/gpuaas-slice-host-bootstrap.lock'* ]]
}

# end_state: what a finished run leaves, without times.
end_state() {
    state | grep -v -e Timestamp -e '^total' -e 'gpuaas$' | sed 's/[0-9-]* [0-9:.]* +0000//'
}

# killed_after CODE SECONDS...: each time from nothing, with what CODE takes away, killed after so many seconds, and run again.
killed_after() {
    local delay path want got shell_words code=$1
    shift
    bootstrap
    [ "$status" -eq 0 ]
    want=$(end_state)
    path=$(script_path "$SCRIPT")
    _shell_words
    for delay; do
        nothing
        $code
        setsid "${shell_words[@]}" "$path" >/dev/null 2>&1 3>&- &
        victim=$!
        sleep "$delay"
        kill -9 -- "-$victim" 2>/dev/null || true
        wait "$victim" 2>/dev/null || true
        bootstrap
        [ "$status" -eq 0 ] || fail "after $delay s: $output $stderr"
        got=$(end_state)
        [ "$got" = "$want" ] || fail "after $delay s: $(diff <(echo "$want") <(echo "$got"))"
    done
}

@test "killed while it looks and installs, and run again: the same end" {
    killed_after removed 0.2 0.6
}

@test "killed with the packages there, in GRUB and the units, and run again: the same end" {
    killed_after true 0.2 0.5 0.8
}

@test "the unit: after cloud-final, wanted by cloud-init.target, no ordering cycle" {
    install -D -m 644 "$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root/etc/systemd/system/gpuaas-slice-host-bootstrap.service" \
        /etc/systemd/system/gpuaas-slice-host-bootstrap.service
    install -m 755 "$(script_path "$SCRIPT")" /usr/local/sbin/gpuaas-slice-host-bootstrap
    systemctl enable gpuaas-slice-host-bootstrap.service 2>/dev/null
    run systemd-analyze verify cloud-init.target multi-user.target
    [[ $output != *'rdering cycle'* ]] || fail "$output"
    timeout 100 systemctl start gpuaas-slice-host-bootstrap.service
    [ "$(systemctl is-active gpuaas-slice-host-bootstrap.service)" = active ]
    journalctl --sync
    journalctl -b --no-pager -o cat -u gpuaas-slice-host-bootstrap.service | grep -q 'GPUAAS_SLICE_BOOTSTRAP status=PASS check=complete'
    systemctl disable --quiet --no-reload --now gpuaas-slice-host-bootstrap.service
    rm /etc/systemd/system/gpuaas-slice-host-bootstrap.service
}
