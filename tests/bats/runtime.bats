# gpuaas-slice-runtime-prepare with real systemd and dnsmasq folders. virsh is a stand-in: libvirt needs hardware.
# script: gpuaas-slice-runtime-prepare

load helpers

SCRIPT=gpuaas-slice-runtime-prepare
MASKED=/var/lib/gpuaas/masked-units
UNITS='nvidia-persistenced.service nvidia-dcgm.service dcgm.service dcgm-exporter.service'
FM=nvidia-fabricmanager.service
UNIT_DIR=/usr/lib/systemd/system

domains() {
    mkdir -p /run/virsh
    : >/run/virsh/on
    : >/run/virsh/off
    cat >/usr/local/bin/virsh <<'STANDIN'
#!/bin/sh
[ ! -e /run/virsh/broken ] || { echo 'error: failed to connect' >&2; exit 1; }
case $* in
*'list --name --all')
    if [ -e /run/virsh/answers ]; then
        read -r left </run/virsh/answers
        [ "$left" -gt 0 ] || exit 1
        echo 0 >/run/virsh/answers
    fi
    cat /run/virsh/on /run/virsh/off; echo ;;
*'list --name --inactive') [ ! -e /run/virsh/no-off ] || exit 1; cat /run/virsh/off; echo ;;
*) exit 2 ;;
esac
STANDIN
    chmod 755 /usr/local/bin/virsh
}

service() {
    printf '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' >"$UNIT_DIR/$1"
    systemctl start "$1"
}

setup() {
    rm -rf /run/virsh
    domains
    install -D -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/gpuaas/node.env" /etc/gpuaas/node.env
    mkdir -p /etc/dnsmasq.d
    mkdir -p /etc/systemd/system/libvirtd.service.d
    cp "$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root/etc/systemd/system/libvirtd.service.d/gpuaas-memlock.conf" \
        /etc/systemd/system/libvirtd.service.d/
    [ -e "$UNIT_DIR/libvirtd.service" ] || printf '[Service]\nExecStart=/bin/sleep infinity\n' >"$UNIT_DIR/libvirtd.service"
    systemctl daemon-reload
    systemctl start libvirtd.service
    limit unlimited
}

# limit VALUE: what the kernel says that libvirtd may lock; in a container it may not be raised.
limit() {
    pid=$(systemctl show -p MainPID --value libvirtd.service)
    printf 'Max locked memory         %s            %s            bytes\n' "$1" "$1" >/run/limits
    mount --bind /run/limits "/proc/$pid/limits"
}

teardown() {
    umount "/proc/$pid/limits" 2>/dev/null || true
    umount /proc/1/status 2>/dev/null || true
    # shellcheck disable=SC2086
    systemctl stop $UNITS $FM 2>/dev/null || true
    # systemd reads them anew before the next test
    for unit in $UNITS $FM; do rm -f "$UNIT_DIR/$unit" "/etc/systemd/system/$unit"; done
    rm -rf "$MASKED" /var/lib/libvirt /etc/dnsmasq.d/gpuaas-gpuaas-* /usr/local/bin/systemctl /usr/local/bin/flock /dev/nvidia0 /usr/share/nvidia
    [ -z "${holder:-}" ] || kill "$holder" 2>/dev/null || true
}

# stand_in COMMAND CODE: puts shell code before the real command.
stand_in() {
    printf '#!/bin/sh\n%s\nexec /usr/bin/%s "$@"\n' "$2" "$1" >"/usr/local/bin/$1"
    chmod 755 "/usr/local/bin/$1"
}

prepare() {
    run_script "$SCRIPT" "$@"
}

all_right() {
    prepare
    [ "$status" -eq 0 ] || fail "$output $stderr"
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
    # shellcheck disable=SC2086
    systemctl show -p Id,LoadState,ActiveState $UNITS $FM libvirtd.service
    cat "$MASKED" 2>/dev/null || true
    stat -c '%n %a %u' /var/lib/libvirt /var/lib/libvirt/images 2>/dev/null || true
    ls /etc/dnsmasq.d
}

@test "from a host that runs GPU services: masked, stopped, recorded; folders passable; every check PASS" {
    service nvidia-persistenced.service
    service "$FM"
    install -d -m 700 /var/lib/libvirt
    rm -rf /var/lib/gpuaas
    all_right
    [[ $stderr != *'nothing to do'* && $stderr != *warning:* ]] || fail "$stderr"
    assert_evidence gpu_services PASS "masked and not running: $UNITS $FM"
    for check in gpu_services gpu_holders libvirt_folder image_folder libvirt memlock domains reservations; do
        assert_evidence "$check" PASS
    done
    assert_evidence fabric_manager SKIP
    [ "$(evidence_field summary status)" = PASS ]
    for unit in $UNITS $FM; do
        [ "$(systemctl show -p LoadState --value "$unit")" = masked ]
        [ "$(systemctl show -p ActiveState --value "$unit")" != active ]
        grep -qx "$unit" "$MASKED"
    done
    [ "$(wc -l <"$MASKED")" -eq 5 ]
    [ "$(stat -c %a /var/lib/libvirt)" = 755 ]
    [ "$(stat -c %a /var/lib/libvirt/images)" = 711 ]
}

@test "again: nothing to do, nothing changes" {
    all_right
    before=$(state)
    prepare
    [ "$status" -eq 0 ]
    [[ $stderr == *'nothing to do'* ]]
    [ "$(evidence_summary changes)" -eq 0 ]
    [ "$(state)" = "$before" ]
}

@test "--dry-run names every change, makes none, exits 3; where all is right 0" {
    service nvidia-persistenced.service
    printf 'dhcp-host=x\n' >/etc/dnsmasq.d/gpuaas-gpuaas-slice-gone.conf
    touch -d '2 hours ago' /etc/dnsmasq.d/gpuaas-gpuaas-slice-gone.conf
    before=$(state)
    prepare --dry-run
    [ "$status" -eq 3 ] || fail "$status $output $stderr"
    assert_evidence gpu_services WARN 'dry run: would mask and stop nvidia-persistenced.service(loaded,active) *'
    assert_evidence libvirt_folder WARN 'dry run: would give /var/lib/libvirt mode 0755 (it is: missing)'
    assert_evidence reservations WARN 'dry run: would remove reservations of unknown slices: /etc/dnsmasq.d/gpuaas-gpuaas-slice-gone.conf'
    [ "$(state)" = "$before" ]
    all_right
    prepare --dry-run
    [ "$status" -eq 0 ]
}

@test "--help; unknown argument; not root; missing commands; missing node.env" {
    prepare --help
    [ "$status" -eq 0 ]
    [[ $output == *' [--dry-run]'*'Exit status: 0 '* ]]
    prepare --now
    [ "$status" -eq 2 ]
    [[ $stderr == *'unknown argument: --now'* ]]
    path=$(script_path "$SCRIPT")
    _shell_words
    run --separate-stderr setpriv --reuid 65534 --clear-groups "${shell_words[@]}" "$path"
    [ "$status" -eq 1 ]
    [[ $stderr == *'must run as root'* ]]
    rm /usr/local/bin/virsh
    run_script "$SCRIPT"
    [ "$status" -eq 1 ]
    [[ $stderr == *'missing commands: virsh;'* ]]
    domains
    rm /etc/gpuaas/node.env
    before=$(state)
    prepare
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [[ $stderr == *'missing or no regular file'* ]]
    [ "$(state)" = "$before" ]
}

@test "two runs at once: the second one waits, and changes nothing; a dry run need not wait" {
    stand_in flock 'shift 2; exec /usr/bin/flock -w 1 "$@"'
    exec 8>/run/gpuaas-slice-runtime-prepare.lock
    /usr/bin/flock 8
    before=$(state)
    prepare
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [[ $stderr == *'another run of this script has not ended'* ]]
    [ "$(state)" = "$before" ]
    prepare --dry-run
    exec 8>&-
    [ "$status" -eq 3 ] || fail "$output $stderr"
}

@test "gpu_services: a unit that cannot be masked is FAIL, and gpu_holders stands on it" {
    service nvidia-persistenced.service
    stand_in systemctl 'case "$*" in "mask "*" nvidia-persistenced.service") exit 1 ;; esac'
    prepare
    only_fails gpu_services gpu_holders
    assert_evidence gpu_services FAIL '*nvidia-persistenced.service(loaded,active)'
    [[ $stderr == *'nvidia-persistenced.service could not be masked'* ]]
    # nor one of which systemd does not say whether somebody else masked it
    rm "$MASKED"
    stand_in systemctl 'case "$*" in *LoadState*nvidia-persistenced.service*) exit 1 ;; esac'
    prepare
    only_fails gpu_services gpu_holders
    assert_evidence gpu_services FAIL '*nvidia-persistenced.service(unknown,unknown) *'
    [[ $stderr == *'nvidia-persistenced.service could not be masked'* ]]
    [ ! -e "$MASKED" ]
    [ "$(systemctl is-active nvidia-persistenced.service)" = active ]
}

@test "gpu_services: masked, but still running, is stopped; one that does not stop is FAIL" {
    service dcgm.service
    stand_in systemctl 'case "$*" in "stop "*"dcgm.service"*) exit 0 ;; esac'
    prepare
    only_fails gpu_services gpu_holders
    assert_evidence gpu_services FAIL '*dcgm.service(masked,active)'
    rm /usr/local/bin/systemctl
    prepare
    assert_evidence gpu_services PASS
}

@test "gpu_services: what somebody else had masked is not recorded as ours" {
    systemctl mask -q nvidia-persistenced.service
    # of ours, earlier runs had recorded two, the last of them was killed then
    mkdir -p /var/lib/gpuaas
    printf '%s\n' earlier.service dcgm.service >"$MASKED"
    all_right
    run ! grep -q persistenced "$MASKED"
    grep -qx earlier.service "$MASKED"
    [ "$(wc -l <"$MASKED")" -eq 5 ]
}

@test "gpu_services: a record that cannot be written masks nothing" {
    mkdir -p /var/lib/gpuaas
    mount -t tmpfs -o size=4k,mode=755 tmpfs /var/lib/gpuaas
    yes 2>/dev/null >/var/lib/gpuaas/full || true
    prepare
    umount /var/lib/gpuaas
    only_fails gpu_services
    [[ $stderr == *'is the disk full?'*'not recorded, so not masked: nvidia-persistenced.service '* ]] || fail "$stderr"
    [ "$(systemctl show -p LoadState --value nvidia-persistenced.service)" != masked ]
}

@test "fabric_manager: shared NVSwitches keep it: not masked, active, FABRIC_MODE=1; else FAIL" {
    sed -i "s/^GPUAAS_NVSWITCH_MODE=.*/GPUAAS_NVSWITCH_MODE='shared-nvswitch'/" /etc/gpuaas/node.env
    service "$FM"
    install -d /usr/share/nvidia/nvswitch
    echo 'FABRIC_MODE=1' >/usr/share/nvidia/nvswitch/fabricmanager.cfg
    all_right
    assert_evidence fabric_manager PASS
    [ "$(systemctl is-active "$FM")" = active ]
    run ! grep -q fabricmanager "$MASKED"
    echo 'FABRIC_MODE=0' >/usr/share/nvidia/nvswitch/fabricmanager.cfg
    prepare
    only_fails fabric_manager
    [[ $(evidence_field fabric_manager remediation) == *802* ]]
    echo 'FABRIC_MODE = 1' >/usr/share/nvidia/nvswitch/fabricmanager.cfg
    systemctl stop "$FM"
    prepare
    only_fails fabric_manager
    assert_evidence fabric_manager FAIL "$FM is inactive"
}

@test "gpu_holders: a process that has a GPU open is FAIL" {
    : >/dev/nvidia0
    sleep 60 3>&- </dev/nvidia0 &
    holder=$!
    prepare
    only_fails gpu_holders
    assert_evidence gpu_holders FAIL "GPUs are held by: $holder (sleep)"
}

@test "libvirt_folder, image_folder: what cannot be given its mode is FAIL" {
    mkdir -p /var/lib/libvirt
    mount -t tmpfs -o ro,mode=700 tmpfs /var/lib/libvirt
    prepare
    umount /var/lib/libvirt
    only_fails libvirt_folder image_folder
    mkdir -p /var/lib/libvirt/images
    mount -t tmpfs -o ro,mode=700 tmpfs /var/lib/libvirt/images
    prepare
    umount /var/lib/libvirt/images
    only_fails image_folder
}

@test "libvirt: does not answer: FAIL; domains and reservations stand on it, nothing is removed" {
    printf 'x\n' >/etc/dnsmasq.d/gpuaas-gpuaas-slice-gone.conf
    touch -d '2 hours ago' /etc/dnsmasq.d/gpuaas-gpuaas-slice-gone.conf
    : >/run/virsh/broken
    prepare
    only_fails libvirt memlock domains reservations
    [ -e /etc/dnsmasq.d/gpuaas-gpuaas-slice-gone.conf ]
    # it answers, and then no more
    rm /run/virsh/broken
    echo 1 >/run/virsh/answers
    prepare
    only_fails reservations
    assert_evidence reservations FAIL 'libvirt does not answer'
    [ -e /etc/dnsmasq.d/gpuaas-gpuaas-slice-gone.conf ]
}

@test "memlock: a daemon with a limit is restarted; one that keeps it is FAIL, and WARN where limits cannot be raised" {
    sed 's/^CapEff:.*/CapEff:\t000001ffffffffff/' /proc/1/status >/run/status
    mount --bind /run/status /proc/1/status
    umount "/proc/$pid/limits"
    limit 8388608
    prepare --dry-run
    assert_evidence memlock WARN 'dry run: would restart libvirtd*'
    # the restart is real, and so is the limit that this container's systemd cannot lift
    stand_in systemctl 'case "$*" in *try-restart*) : >/run/restarted; exit 0 ;; esac'
    prepare
    [ -e /run/restarted ]
    only_fails memlock
    assert_evidence memlock FAIL 'libvirtd may lock 8388608 bytes of memory'
    stand_in systemctl 'case "$*" in *try-restart*) sed s/8388608/unlimited/g /run/limits >/run/limits.new; cat /run/limits.new >/run/limits; exit 0 ;; esac'
    prepare
    assert_evidence memlock PASS
    [ "$(evidence_summary changes)" -eq 1 ]
    limit 8388608
    stand_in systemctl 'case "$*" in *try-restart*) : >/run/restarted; exit 0 ;; esac'
    sed 's/^CapEff:.*/CapEff:\t0000000000000000/' /run/status >/run/status.new
    cat /run/status.new >/run/status # in place: the mount follows the file, not its name
    rm /run/restarted
    prepare
    [ "$status" -eq 0 ]
    assert_evidence memlock WARN '*process 1 may not raise*'
    [ ! -e /run/restarted ]
    # without the drop-in it is FAIL even there
    mv /etc/systemd/system/libvirtd.service.d/gpuaas-memlock.conf /run/
    systemctl daemon-reload
    prepare
    only_fails memlock
    # delivered again, systemd has yet to read it; a daemon that is started on demand will have the limit of its unit
    mv /run/gpuaas-memlock.conf /etc/systemd/system/libvirtd.service.d/
    prepare
    [ "$(systemctl show -p LimitMEMLOCK --value libvirtd.service)" = infinity ]
    umount "/proc/$pid/limits"
    systemctl stop libvirtd.service
    prepare
    assert_evidence memlock PASS
}

@test "domains: a shut-off slice is WARN; one that runs, or is no slice, is not; a list that does not come is FAIL" {
    echo gpuaas-slice-a >/run/virsh/on
    echo other >/run/virsh/off
    all_right
    assert_evidence domains PASS
    echo gpuaas-slice-b >>/run/virsh/off
    prepare
    [ "$status" -eq 0 ]
    assert_evidence domains WARN 'shut off: gpuaas-slice-b'
    [[ $(evidence_field domains remediation) == *undefine*--nvram* ]]
    : >/run/virsh/no-off
    prepare
    only_fails domains
}

@test "reservations: of no defined domain and older than an hour are removed; all others stay" {
    echo gpuaas-slice-on >/run/virsh/on
    echo gpuaas-slice-off >/run/virsh/off
    for name in on off gone young; do printf 'x\n' >/etc/dnsmasq.d/gpuaas-gpuaas-slice-$name.conf; done
    touch -d '2 hours ago' /etc/dnsmasq.d/gpuaas-gpuaas-slice-{on,off,gone}.conf
    stand_in systemctl 'case "$*" in *try-restart\ dnsmasq.service) ls /etc/dnsmasq.d >/run/virsh/served; exit 1 ;; esac'
    prepare
    assert_evidence reservations PASS
    [[ $stderr == *'warning: failed, or took too long: timeout 120 systemctl try-restart dnsmasq.service'* ]]
    # dnsmasq has them in memory, too
    run ! grep gone /run/virsh/served
    [ "$(cd /etc/dnsmasq.d && echo gpuaas-gpuaas-*)" = 'gpuaas-gpuaas-slice-off.conf gpuaas-gpuaas-slice-on.conf gpuaas-gpuaas-slice-young.conf' ]
    mv /etc/dnsmasq.d /etc/dnsmasq.away
    prepare
    mv /etc/dnsmasq.away /etc/dnsmasq.d
    assert_evidence reservations SKIP
}

@test "reservations: what cannot be removed is FAIL" {
    mount -t tmpfs tmpfs /etc/dnsmasq.d
    printf 'x\n' >/etc/dnsmasq.d/gpuaas-gpuaas-slice-gone.conf
    touch -d '2 hours ago' /etc/dnsmasq.d/gpuaas-gpuaas-slice-gone.conf
    mount -o remount,ro /etc/dnsmasq.d
    prepare
    umount /etc/dnsmasq.d
    only_fails reservations
    assert_evidence reservations FAIL 'still there: /etc/dnsmasq.d/gpuaas-gpuaas-slice-gone.conf'
    [[ $stderr == *'failed, or took too long: rm -f /etc/dnsmasq.d/gpuaas-gpuaas-slice-gone.conf'* ]]
}
