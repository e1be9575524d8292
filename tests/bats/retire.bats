# gpuaas-slice-retire with real parts: systemd, iptables, Open vSwitch; the kernel's drivers, libvirt, grub and the initramfs are played.
# Every check is seen PASS, then with exactly its thing broken.
# host: j22u05-after-bios
# script: gpuaas-slice-retire

load helpers

SCRIPT=gpuaas-slice-retire
CHECKS='slots bindings units dnsmasq files nat isolation bridge functions ipoib tmfifo forwarding boot initramfs masked fstab'
ABSENT='no_slice_services no_slice_bridge no_isolation_chain no_slice_nat no_slice_dnsmasq no_vfio_binding no_slice_domains no_masked_units
    no_slice_functions no_slice_ipoib no_slice_tmfifo'
RULE='-A POSTROUTING -s 10.100.0.0/24 -j MASQUERADE'
CHAIN=GPUAAS-SLICE-ISOLATION
PCI=/sys/bus/pci
DEVICE=0000:1b:00.0
VIRSH=/run/gpuaas-lab/virsh
RETIRED=/var/lib/gpuaas/retired
PORT=$PCI/devices/0000:bc:00.0
NETPLAN=/etc/netplan/60-ipoib.yaml
MARKER='#gpuaas-slice-storage-disabled '
MADE=/var/lib/slice-made
DEVICES=/var/lib/slice-devices
SHARE=/var/lib/share.img

setup_file() {
    systemctl start openvswitch-switch.service
    mkdir -p /boot/grub "$VIRSH" /usr/lib/systemd/system
    printf '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' \
        | tee /usr/lib/systemd/system/nvidia-persistenced.service >/usr/lib/systemd/system/dnsmasq.service
    cat >/usr/local/bin/virsh <<'STANDIN'
#!/bin/sh
cd /run/gpuaas-lab/virsh || exit 1
[ ! -e fail ] || exit 1
case "$*" in
    *'list --name --state-running'*) [ ! -e fail-running ] || exit 1; ls | sed -n 's/^running-//p' ;;
    *list*--all*) ls | sed -n 's/^\(running\|off\)-//p' ;;
    *) exit 1 ;;
esac
STANDIN
    cat >/usr/local/bin/update-grub <<'STANDIN'
#!/bin/sh
GRUB_CMDLINE_LINUX=
. /etc/default/grub
for file in /etc/default/grub.d/*.cfg; do [ ! -e "$file" ] || . "$file"; done
printf '\tlinux /vmlinuz root=x %s\n' "$GRUB_CMDLINE_LINUX" >/boot/grub/grub.cfg
STANDIN
    printf '#!/bin/sh\nls /etc/modprobe.d /etc/initramfs-tools/hooks >/boot/initrd.img-$(uname -r) 2>/dev/null\n:\n' >/usr/local/bin/update-initramfs
    printf '#!/bin/sh\ncat "$1"\n' >/usr/local/bin/lsinitramfs
    chmod 755 /usr/local/bin/virsh /usr/local/bin/update-grub /usr/local/bin/update-initramfs /usr/local/bin/lsinitramfs
    # a file system in a file, which libblkid knows by its UUID from an earlier look, as it would a disk
    truncate -s 2M "$SHARE"
    mkfs.ext4 -q -F -O ^has_journal -U 11111111-2222-3333-4444-555555555555 "$SHARE"
    mkdir -p /run/blkid
    printf '<device DEVNO="0x0000" TIME="1.0" UUID="11111111-2222-3333-4444-555555555555" TYPE="ext4">%s</device>\n' "$SHARE" \
        >/run/blkid/blkid.tab
    slice_files
    slice_devices
    slice_links
    cp -a "$MADE/." /
    update-grub
    update-initramfs
    netplan generate
    cp -a --parents /boot/grub/grub.cfg "/boot/initrd.img-$(uname -r)" /run/systemd/network/10-netplan-ibp15s0.network "$MADE"
}

# slice_files: all files that slice mode leaves, in a tree of their own.
slice_files() {
    mkdir -p "$MADE"
    cp -R "$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root/." "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/." "$MADE"
    cd "$MADE"
    chmod 600 ".$NETPLAN"
    mkdir -p etc/udev/rules.d var/lib/gpuaas boot
    : >etc/udev/rules.d/70-gpuaas-vfio.rules
    echo '{}' >var/lib/gpuaas/fabric-vfs.json
    printf 'dhcp-host=02:00:00:00:00:05,10.100.0.50\n' >etc/dnsmasq.d/gpuaas-gpuaas-slice-x.conf
    # units: enabled, and one masked
    mkdir -p etc/systemd/system/multi-user.target.wants etc/systemd/system/timers.target.wants
    ln -s /etc/systemd/system/gpuaas-slice-network-baseline.service /usr/lib/systemd/system/dnsmasq.service etc/systemd/system/multi-user.target.wants/
    ln -s /etc/systemd/system/gpuaas-slice-network-repair.timer etc/systemd/system/timers.target.wants/
    ln -s /dev/null etc/systemd/system/nvidia-persistenced.service
    echo nvidia-persistenced.service >var/lib/gpuaas/masked-units
    cat >usr/local/sbin/gpuaas-slice-vfio-bind <<STANDIN
#!/bin/sh
[ "\$*" = --release ] || exit 2
rm "$PCI/devices/$DEVICE/driver"
echo >"$PCI/devices/$DEVICE/driver_override"
rm -f /etc/udev/rules.d/70-gpuaas-vfio.rules
STANDIN
    chmod 755 usr/local/sbin/gpuaas-slice-*
    # boot and storage
    printf 'GRUB_CMDLINE_LINUX="quiet"\n' >etc/default/grub
    cp -p /etc/fstab etc/
    printf '%s\n' "${MARKER}UUID=11111111-2222-3333-4444-555555555555	/share1 ext4 defaults,nofail 0 2" \
        "${MARKER}UUID=99999999-2222-3333-4444-555555555555 /share2 ext4 defaults 0 2" 'tmpfs /mnt tmpfs noauto 0 0' >>etc/fstab
    cd /
}

# slice_devices: what of /sys slice mode changes, in a tree of its own: a binding, two virtual functions of one port.
slice_devices() {
    local device port index
    device=$DEVICES$(readlink -f "$PCI/devices/$DEVICE")
    port=$DEVICES$(readlink -f "$PORT")
    mkdir -p "$device" "$port" "$DEVICES$PCI"/drivers/{vfio-pci,mlx5_core} "$DEVICES$PCI/devices"
    ln -s "$PCI/drivers/vfio-pci" "$device/driver"
    echo vfio-pci >"$device/driver_override"
    for index in 0 1; do
        mkdir -p "$DEVICES$PCI/vf/0000:be:00.$index/net"
        echo 0x15b3 >"$DEVICES$PCI/vf/0000:be:00.$index/vendor"
        echo 0x020000 >"$DEVICES$PCI/vf/0000:be:00.$index/class"
        ln -s ../../drivers/mlx5_core "$DEVICES$PCI/vf/0000:be:00.$index/driver"
        : >"$DEVICES$PCI/vf/0000:be:00.$index/net/vf$index"
        ln -s "../vf/0000:be:00.$index" "$DEVICES$PCI/devices/0000:be:00.$index"
        ln -s "../0000:be:00.$index" "$port/virtfn$index"
    done
    echo 2 >"$port/sriov_numvfs"
}

# slice_links: interfaces for the fabric, RShim and virtual functions, and the rules of slice mode, as iptables-restore reads them.
slice_links() {
    for name in ibp15s0 tmfifo_net0 vf0 vf1; do
        ip link add "$name" type veth peer name "x$name"
    done
    for command in iptables ip6tables; do
        "$command" -w -N "$CHAIN"
        "$command" -w -A "$CHAIN" -j DROP
        for jump in 'INPUT -i' 'FORWARD -i' 'FORWARD -o'; do
            # shellcheck disable=SC2086
            "$command" -w -I $jump ovsbr0 -j "$CHAIN"
        done
    done
    iptables -w -t nat -A POSTROUTING -s 10.100.0.0/24 -j MASQUERADE
    iptables -w -t nat -A POSTROUTING -s 10.100.0.0/24 -j MASQUERADE
    iptables-save >/run/slice.iptables
    ip6tables-save >/run/slice.ip6tables
}

# slice_mode: the host as slice mode leaves it.
slice_mode() {
    rm -rf "$RETIRED" "${VIRSH:?}"/*
    cp -a --remove-destination "$MADE/." /
    functions_there
    systemctl daemon-reload
    systemctl start gpuaas-slice-network-repair.timer
    ovs-vsctl --may-exist add-br ovsbr0 -- set bridge ovsbr0 datapath_type=netdev
    iptables-restore -w </run/slice.iptables
    ip6tables-restore -w </run/slice.ip6tables
    echo 1 >/proc/sys/net/ipv4/ip_forward
    ip -batch - <<'LINKS'
link set ibp15s0 up
link set tmfifo_net0 up
address replace 10.178.0.11/16 dev ibp15s0
address replace 192.168.100.1/30 dev tmfifo_net0
address flush dev vf0
address flush dev vf1
LINKS
}

# functions_there: the virtual functions as they were, and the binding.
functions_there() {
    rm -rf "$PCI/vf"
    cp -RP --remove-destination "$DEVICES/sys/." /sys
}

# card: takes the virtual functions away some time after their number was set to 0.
card() {
    local count
    while :; do
        read -r count <"$PORT/sriov_numvfs" || continue
        if [ "$count" = 0 ] && [ -L "$PORT/virtfn0" ]; then
            sleep 0.2
            rm "$PORT"/virtfn* "$PCI"/devices/0000:be:00.*
        fi
        sleep 0.05
    done
}

# talk ADDRESS: an established connection of the host's address, until the test ends.
talk() {
    python3 -c 'import socket, sys, time
server = socket.create_server((sys.argv[1], 0))
client = socket.create_connection(server.getsockname(), source_address=(sys.argv[1], 0))
accepted = server.accept()
print("ready", flush=True)
time.sleep(60)' "$1" >"$BATS_TEST_TMPDIR/talk" 3>&- &
    holder=$!
    until grep -q ready "$BATS_TEST_TMPDIR/talk"; do sleep 0.02; done
}

# with_setting NAME VALUE: the script as it is rendered for another value of a setting.
with_setting() {
    local path
    path=$(script_path "$SCRIPT")
    mkdir -p "$BATS_TEST_TMPDIR/generated/$GPUAAS_SITE"
    sed "s#^readonly $1=.*#readonly $1='$2'#" "$path" >"$BATS_TEST_TMPDIR/new"
    mv "$BATS_TEST_TMPDIR/new" "$BATS_TEST_TMPDIR/generated/$GPUAAS_SITE/$SCRIPT"
    export GPUAAS_GENERATED=$BATS_TEST_TMPDIR/generated
}

setup() {
    slice_mode
    card 3>&- &
    card_pid=$!
}

teardown() {
    kill "$card_pid" 2>/dev/null && wait "$card_pid" 2>/dev/null || true
    [ -z "${holder:-}" ] || kill "$holder" 2>/dev/null || true
    ! mountpoint -q "$PORT/sriov_numvfs" || umount "$PORT/sriov_numvfs"
    ip route delete default dev ibp15s0 2>/dev/null || true
    [ ! -e /sys/class/net/other0 ] || ip link delete other0
    rm -f /etc/netplan/70-other.yaml /dev/infiniband/uverbs3
    rm -rf /usr/local/bin/{systemctl,iptables,ip6tables,ovs-vsctl,sysctl,mv,cp,sync,ip,ss,networkctl,flock} \
        /etc/sysctl.d/99-other.conf /etc/fstab.gpuaas* /dev/vfio "$RETIRED"
    [ -x /usr/local/bin/update-grub ] || chmod 755 /usr/local/bin/update-grub
}

# state: all that the script may change, as text.
state() {
    ovs-vsctl list-br
    for command in iptables ip6tables; do "$command" -w -S; done
    iptables -w -t nat -S
    cat /proc/sys/net/ipv4/ip_forward /etc/fstab /boot/grub/grub.cfg "/boot/initrd.img-$(uname -r)"
    find /etc/systemd /etc/sysctl.d /etc/dnsmasq.d /etc/modprobe.d /etc/modules-load.d /etc/default /etc/initramfs-tools /etc/udev \
        /usr/local/sbin /var/lib/gpuaas | sort
    systemctl show -p LoadState,ActiveState,UnitFileState nvidia-persistenced.service gpuaas-slice-network-repair.timer dnsmasq.service
    readlink "$PCI/devices/$DEVICE/driver" || :
    cat "$PORT/sriov_numvfs"
    ip -o address show | grep -e ibp15s0 -e tmfifo_net0 | sed 's/valid_lft.*//; s/ tentative//'
    ls /etc/netplan /run/systemd/network /etc/gpuaas
}

retire() {
    run_script "$SCRIPT" "$@"
}

failures() {
    sed -n 's/^GPUAAS_[A-Z_]* status=FAIL check=\([a-z_0-9]*\) .*/\1/p' <<<"$output" | grep -vx summary | tr '\n' ' '
}

# shadow COMMAND CODE: puts shell code before the real command ($real), as a fault would act.
shadow() {
    local real
    real=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v "$1")
    printf '#!/bin/sh\nreal=%s\n%s\nexec "$real" "$@"\n' "$real" "$2" >"/usr/local/bin/$1"
    chmod 755 "/usr/local/bin/$1"
}

@test "a dry run names every change and makes none; --apply makes them; the bare-metal parity passes; again, nothing is to do" {
    printf '[Service]\nType=oneshot\nExecStart=/bin/false\n' >/etc/systemd/system/gpuaas-slice-fails.service
    systemctl daemon-reload
    run ! systemctl start gpuaas-slice-fails.service
    before=$(state)
    retire
    [ "$status" -eq 3 ] || fail "$output $stderr"
    for check in bindings units dnsmasq files nat isolation bridge functions ipoib tmfifo forwarding boot initramfs masked; do
        assert_evidence "$check" WARN 'dry run: would *'
    done
    [ "$(evidence_field nat remediation)" = 'run this again with --apply' ]
    assert_evidence units WARN '*: /etc/systemd/system/gpuaas-slice-network-repair.timer; */gpuaas-slice-fails.service*'
    assert_evidence dnsmasq WARN 'dry run: would put away *.d/gpuaas-*; *.d/gpuaas-*; stop dnsmasq.service where*'
    assert_evidence files WARN 'dry run: would put away /etc/default/grub.d/90-gpuaas.cfg; *; /var/lib/gpuaas/fabric-vfs.json'
    assert_evidence boot WARN 'dry run: would run update-grub'
    assert_evidence masked WARN 'dry run: would unmask what /var/lib/gpuaas/masked-units records: nvidia-persistenced.service'
    assert_evidence functions WARN 'dry run: would remove the virtual functions of 0000:bc:00.0'
    assert_evidence ipoib WARN "*$NETPLAN; 10.178.0.11/16 on ibp15s0; /run/systemd/network/10-netplan-ibp15s0.network"
    assert_evidence tmfifo WARN 'dry run: would take away 192.168.100.1/30 on tmfifo_net0'
    after=$(state)
    [ "$after" = "$before" ] || fail "$(diff <(echo "$before") <(echo "$after"))"
    shadow networkctl 'printf "%s\n" "$*" >/run/networkctl-calls; exit 0'
    retire --apply
    [ "$status" -eq 0 ] || fail "$output $stderr"
    for check in ${CHECKS% fstab} $ABSENT; do assert_evidence "$check" PASS; done
    [[ $stderr != *warning:* ]] || fail "$stderr"
    assert_evidence fstab SKIP '*/share1; *UUID=99999999*/share2'
    [ "$(evidence_field summary status)" = PASS ]
    # the same, seen with other eyes
    run ! ovs-vsctl br-exists ovsbr0
    [ -z "$(iptables -S | grep "$CHAIN")$(ip6tables -S | grep "$CHAIN")$(iptables -t nat -S | grep MASQUERADE)" ]
    [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 0 ]
    [ -z "$(find /etc/systemd -name 'gpuaas-slice-*')" ]
    [ "$(systemctl is-active gpuaas-slice-network-repair.timer)" = inactive ]
    [ "$(systemctl is-active dnsmasq.service)" = inactive ]
    [ "$(systemctl is-enabled dnsmasq.service)" = disabled ]
    run ! systemctl is-failed gpuaas-slice-fails.service
    [ "$(systemctl show -p LoadState --value nvidia-persistenced.service)" = loaded ]
    [ "$(cat /boot/grub/grub.cfg)" = $'\tlinux /vmlinuz root=x quiet' ]
    [ ! -e "$PCI/devices/$DEVICE/driver" ]
    [ "$(cat "$PORT/sriov_numvfs")" = 0 ] && [ ! -L "$PORT/virtfn0" ]
    [ -z "$(ip -4 -o address show dev ibp15s0)$(ip -4 -o address show dev tmfifo_net0)" ]
    [ -z "$(find /etc/netplan /run/systemd/network -name '*ipoib*' -o -name '*ibp15s0*')" ]
    [ "$(cat /run/networkctl-calls)" = reload ]
    [ ! -e /etc/gpuaas/dpu-plan.sh ]
    # nothing is thrown away
    for name in 'etc%default%grub.d%90-gpuaas.cfg' 'etc%dnsmasq.d%gpuaas-gpuaas-slice-x.conf' 'etc%systemd%system%gpuaas-slice-network-baseline.service' \
        'var%lib%gpuaas%masked-units' 'etc%netplan%60-ipoib.yaml' 'etc%gpuaas%dpu-plan.sh' 'var%lib%gpuaas%fabric-vfs.json'; do
        [ -n "$(find "$RETIRED" -name "$name.20*")" ] || fail "$name is not kept"
    done
    grep -q "^$MARKER.*/share1" /etc/fstab
    rm -f /etc/gpuaas/node.env
    run_script profiles/baremetal/root/usr/local/sbin/gpuaas-slice-parity-check --final
    [ "$status" -eq 0 ] || fail "$output $stderr"
    rm -rf /etc/systemd/system/dnsmasq.service.d
    before=$(state)
    retire --apply
    [ "$status" -eq 0 ] || fail "$output"
    [[ $stderr == *'nothing to do'* ]]
    [ "$(evidence_summary changes)" -eq 0 ]
    [ "$(state)" = "$before" ]
    retire
    [ "$status" -eq 0 ]
}

@test "slots: refused while a guest runs or is defined, a process holds a device, or libvirt cannot be asked; nothing changes" {
    before=$(state)
    : >"$VIRSH/running-somebody's"
    retire --apply
    [ "$(evidence_field slots detail)" = "domain somebody's runs" ]
    [ "$status" -eq 1 ]
    for check in ${CHECKS#slots } isolation_ipv6 $ABSENT; do assert_evidence "$check" SKIP 'stands on *'; done
    mv "$VIRSH/running-somebody's" "$VIRSH/off-gpuaas-slice-7"
    retire --apply
    assert_evidence slots FAIL 'domain gpuaas-slice-7 is defined'
    mv "$VIRSH/off-gpuaas-slice-7" "$VIRSH/off-other"
    retire
    assert_evidence slots PASS
    for file in fail fail-running; do
        : >"$VIRSH/$file"
        retire --apply
        assert_evidence slots FAIL 'libvirt cannot be asked*'
        rm "$VIRSH/$file"
    done
    mkdir -p /dev/vfio
    : >/dev/vfio/12
    sleep 60 </dev/vfio/12 3>&- &
    holder=$!
    sleep 0.1
    retire --apply
    assert_evidence slots FAIL "passed-through devices are held by $holder (sleep)"
    kill "$holder"
    after=$(state)
    [ "$after" = "$before" ] || fail "$(diff <(echo "$before") <(echo "$after"))"
}

@test "bindings: a release that fails, or no script for it, leaves the host in slice mode" {
    printf '#!/bin/sh\nexit 1\n' >/usr/local/sbin/gpuaas-slice-vfio-bind
    retire --apply
    [ "$status" -eq 1 ]
    [[ $(failures) == "bindings no_slice_services "* ]]
    assert_evidence bindings FAIL "still with vfio-pci: $DEVICE"
    assert_evidence units SKIP 'stands on bindings*'
    [ -e /etc/systemd/system/gpuaas-slice-network-baseline.service ]
    rm /usr/local/sbin/gpuaas-slice-vfio-bind
    rm "$PCI/devices/$DEVICE/driver"
    retire
    assert_evidence bindings FAIL "still with vfio-pci: $DEVICE"
    ln -sfn ../../../bus/pci/drivers/vfio-pci "$PCI/devices/$DEVICE/driver"
    echo '(null)' >"$PCI/devices/$DEVICE/driver_override"
    prints bound "$DEVICE"
}

@test "units: one that cannot be put away, or runs on without its file, is FAIL, and the files wait for it; masked: its record" {
    : >"$RETIRED"
    retire --apply
    rm "$RETIRED"
    assert_evidence units FAIL 'still there: /etc/systemd/system/gpuaas-slice-network-repair.timer; *'
    assert_evidence masked FAIL '/var/lib/gpuaas/masked-units cannot be put away'
    printf '[Unit]\nRefuseManualStop=yes\n[Service]\nExecStart=/bin/sleep infinity\n' >/etc/systemd/system/gpuaas-slice-runs.service
    systemctl daemon-reload
    systemctl start gpuaas-slice-runs.service
    shadow mv 'case "$*" in *network-baseline.service*) exit 1 ;; esac'
    retire --apply
    assert_evidence units FAIL 'still there: /etc/systemd/system/gpuaas-slice-network-baseline.service; *gpuaas-slice-runs.service'
    for check in dnsmasq files nat isolation isolation_ipv6 bridge functions tmfifo; do assert_evidence "$check" SKIP 'stands on units*'; done
    assert_evidence no_slice_services FAIL '*gpuaas-slice-runs.service*'
    [ -e /etc/sysctl.d/60-gpuaas-slice.conf ]
    systemctl stop gpuaas-slice-runs.service
}

# only CHECK...: these are FAIL, each with a remediation, and no other but what the bare-metal checks see of them.
only_fail() {
    local check wanted
    [ "$status" -eq 1 ] || fail "exit status $status: $output $stderr"
    wanted=" $* "
    for check in $(failures); do
        [[ $wanted == *" $check "* || $check == no_* ]] || fail "FAIL: $(failures): $output"
    done
    for check; do
        assert_evidence "$check" FAIL
        [ -n "$(evidence_field "$check" remediation)" ]
    done
}

@test "what stays as it was is FAIL, each by itself: a file, a rule, a bridge, a value, a menu, an image, a mask, an entry" {
    shadow mv 'case "$*" in *gpuaas-slice-x.conf* | */etc/fstab | *60-ipoib.yaml*) exit 1 ;; esac'
    shadow ip 'case "$*" in *"address del"*tmfifo*) exit 0 ;; esac'
    with_setting VF_WAIT 1
    mount --bind "$PORT/sriov_numvfs" "$PORT/sriov_numvfs"
    mount -o remount,bind,ro "$PORT/sriov_numvfs"
    shadow iptables 'case "$*" in *" -D POSTROUTING "*) exit 0 ;; esac'
    shadow ip6tables 'case "$*" in *" -D FORWARD"*) exit 0 ;; esac'
    shadow ovs-vsctl 'case "$*" in *del-br*) exit 0 ;; esac'
    shadow sysctl 'exit 0'
    shadow systemctl 'case "$*" in unmask*) exit 0 ;; esac'
    chmod 644 /usr/local/bin/update-grub
    printf '#!/bin/sh\necho etc/udev/rules.d/70-gpuaas-vfio.rules\n' >/usr/local/bin/lsinitramfs
    before=$(cat /etc/fstab)
    retire --apply --restore-fstab
    printf '#!/bin/sh\ncat "$1"\n' >/usr/local/bin/lsinitramfs
    chmod 755 /usr/local/bin/update-grub
    only_fail dnsmasq nat isolation_ipv6 bridge functions ipoib tmfifo forwarding boot initramfs masked fstab
    for check in slots bindings units files isolation; do assert_evidence "$check" PASS; done
    assert_evidence dnsmasq FAIL 'still there: /etc/dnsmasq.d/gpuaas-gpuaas-slice-x.conf'
    assert_evidence nat FAIL '*stands 2 times'
    assert_evidence isolation_ipv6 FAIL 'still there: *-A FORWARD *'
    assert_evidence bridge FAIL 'ovsbr0 is still there (in the database: yes)'
    assert_evidence functions FAIL 'virtual functions are still there: 0000:bc:00.0 has 2, 2 are there'
    assert_evidence ipoib FAIL "still there: $NETPLAN; /run/systemd/network/10-netplan-ibp15s0.network"
    assert_evidence tmfifo FAIL 'still there: 192.168.100.1/30 on tmfifo_net0'
    assert_evidence forwarding FAIL 'net.ipv4.ip_forward is 1'
    assert_evidence boot FAIL 'the boot menu still passes: *iommu=pt*'
    assert_evidence initramfs FAIL '*still holds files*'
    assert_evidence masked FAIL 'still masked: nvidia-persistenced.service'
    assert_evidence fstab FAIL 'still disabled: UUID=11111111-2222-3333-4444-555555555555 at /share1'
    for check in no_slice_bridge no_slice_nat no_slice_dnsmasq no_masked_units no_slice_functions no_slice_ipoib no_slice_tmfifo; do
        assert_evidence "$check" FAIL
    done
    [ "$(cat /etc/fstab)" = "$before" ]
    [ ! -e /etc/fstab.gpuaas-new ]
    [[ $stderr == *'warning: /etc/fstab was not written'* ]]
}

@test "again, other ways: a chain, a file, a database that does not answer, an image that cannot be read" {
    shadow mv 'case "$*" in *60-gpuaas-slice.conf*) exit 1 ;; esac'
    shadow iptables 'case "$*" in *"-X GPUAAS"*) exit 0 ;; esac'
    shadow ovs-vsctl 'exit 1'
    rm "/boot/initrd.img-$(uname -r)"
    retire --apply
    only_fail files isolation bridge
    assert_evidence files FAIL 'still there: /etc/sysctl.d/60-gpuaas-slice.conf'
    for check in forwarding boot initramfs; do assert_evidence "$check" SKIP 'stands on files*'; done
    assert_evidence isolation FAIL "still there: -N $CHAIN"
    assert_evidence bridge FAIL 'Open vSwitch cannot be asked*'
    assert_evidence no_isolation_chain FAIL
    rm /usr/local/bin/mv /usr/local/bin/iptables /usr/local/bin/ovs-vsctl
    shadow iptables 'exit 4'
    retire --apply
    only_fail nat isolation
    assert_evidence nat FAIL 'the nat table cannot be read'
    assert_evidence isolation FAIL 'iptables -S cannot be read'
    assert_evidence initramfs WARN "the initramfs cannot be read: /boot/initrd.img-$(uname -r)"
}

@test "without virsh, iptables and Open vSwitch there is nothing of theirs to remove; an interface of the bridge's name is FAIL" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    ln -s /usr/local/bin/* /usr/sbin/* /usr/bin/* "$BATS_TEST_TMPDIR/bin/" 2>/dev/null || true
    rm -f "$BATS_TEST_TMPDIR"/bin/{virsh,iptables,ip6tables,ovs-vsctl}
    PATH=$BATS_TEST_TMPDIR/bin retire
    assert_evidence slots PASS
    assert_evidence nat SKIP 'iptables is not installed'
    assert_evidence isolation SKIP 'iptables is not installed'
    assert_evidence isolation_ipv6 SKIP 'ip6tables is not installed'
    assert_evidence bridge FAIL 'ovsbr0 is still there (in the database: no)'
    ovs-vsctl del-br ovsbr0
    PATH=$BATS_TEST_TMPDIR/bin retire
    assert_evidence bridge PASS 'there is no ovsbr0'
}

# prints CODE TEXT: a function of the script prints this, one line.
prints() {
    run_functions "$SCRIPT" "$1 | one_line"
    # shellcheck disable=SC2053 # a glob
    [[ $output == $2 ]] || fail "$1: '$output' does not fit '$2': $stderr"
}

@test "functions, ipoib, tmfifo: what is in use stays: an address on a virtual function, connections" {
    ip address add 203.0.113.7/24 dev vf0
    talk 10.178.0.11
    holders=$holder
    talk 192.168.100.1
    retire --apply
    kill "$holder" "$holders"
    [ "$(failures)" = 'functions ipoib tmfifo no_slice_functions no_slice_ipoib no_slice_tmfifo ' ] || fail "$output"
    assert_evidence functions FAIL 'virtual functions are in use: 0000:be:00.0 (vf0) has 203.0.113.7/24'
    [ -n "$(evidence_field functions remediation)" ]
    assert_evidence no_slice_functions FAIL 'virtual functions: 0000:bc:00.0 has 2'
    [ "$(cat "$PORT/sriov_numvfs")" = 2 ]
    assert_evidence ipoib FAIL 'the fabric address is in use: 10.178.0.11 talks with 10.178.0.11:*'
    assert_evidence tmfifo FAIL 'the RShim address is in use: 192.168.100.1 talks with 192.168.100.1:*'
    assert_evidence no_slice_ipoib FAIL "$NETPLAN is of profile slice-vm"
    assert_evidence no_slice_tmfifo FAIL 'tmfifo_net0 has 192.168.100.1/30'
    for check in ipoib tmfifo; do [ -n "$(evidence_field "$check" remediation)" ]; done
    [ -e "$NETPLAN" ]
    [ -n "$(ip -4 -o address show dev ibp15s0)" ]
}

@test "functions: each reason why one cannot go is named: another driver, a bridge, a namespace, a process, no answer" {
    prints functions_in_use ''
    ln -sfn ../../drivers/pci-stub "$PCI/vf/0000:be:00.1/driver"
    prints functions_in_use '0000:be:00.1 belongs to pci-stub'
    functions_there
    ip link add other0 type bridge
    ip link set vf1 master other0
    prints functions_in_use '0000:be:00.1 (vf1) belongs to other0'
    ip link set vf1 nomaster
    rm "$PCI/vf/0000:be:00.0/net/vf0"
    prints functions_in_use '0000:be:00.0 has its interface in a network namespace of its own'
    echo 0x020700 >"$PCI/vf/0000:be:00.0/class"
    prints functions_in_use ''
    mkdir -p /dev/infiniband "$PCI/vf/0000:be:00.0/infiniband_verbs"
    : >"$PCI/vf/0000:be:00.0/infiniband_verbs/uverbs3"
    : >/dev/infiniband/uverbs3
    sleep 60 </dev/infiniband/uverbs3 3>&- &
    holder=$!
    sleep 0.1
    prints functions_in_use "0000:be:00.0 is held by $holder (sleep)"
    kill "$holder"
    functions_there
    shadow ip 'case "$*" in *"dev vf0 "*) exit 1 ;; esac'
    prints functions_in_use '0000:be:00.0 (vf0) has unknown'
}

@test "functions, no_slice_domains: those that the kernel goes on showing, and a guest that somebody defines meanwhile, are FAIL" {
    kill "$card_pid"
    with_setting VF_WAIT 1
    shadow systemctl '[ "$1" != daemon-reload ] || : >/run/gpuaas-lab/virsh/off-gpuaas-slice-8'
    retire --apply
    [ "$status" -eq 1 ] || fail "$status: $output$stderr"
    [ "$(failures)" = 'functions no_slice_domains ' ] || fail "$output"
    assert_evidence functions FAIL 'virtual functions are still there: 0000:bc:00.0 has 0, 2 are there'
    assert_evidence no_slice_domains FAIL gpuaas-slice-8
    [ -n "$(evidence_field no_slice_domains remediation)" ]
}

@test "ipoib, tmfifo: each reason why an address stays is named: the default route, no answer" {
    busy='ipoib_busy "$(ipoib_addresses "$NETPLAN_FILE")"'
    ip route add default dev ibp15s0 metric 7
    prints "$busy" 'the default route leaves by ibp15s0'
    ip route delete default dev ibp15s0
    prints "$busy" ''
    prints 'ipoib_busy ""' ''
    shadow ss 'exit 1'
    prints "$busy" '10.178.0.11 talks with unknown'
    shadow ip 'case "$*" in *"route show default"*) exit 1 ;; esac'
    prints 'ipoib_busy ""' 'the default route cannot be read'
    shadow ip 'case "$*" in *"show dev ibp15s0"*) exit 1 ;; esac'
    prints 'carried "ibp15s0 10.178.0.11/16"' '10.178.0.11/16 on ibp15s0'
    prints 'carried "ibp99s0 10.178.0.11/16"' ''
}

@test "ipoib, tmfifo: the file of somebody else or of profile baremetal, and an address that the host itself configures, stay" {
    sed -i 's|profiles/slice-vm.yaml|profiles/baremetal.yaml|' "$NETPLAN"
    printf 'network: {ethernets: {tmfifo_net0: {addresses: [192.168.100.1/30]}}}\n' >/etc/netplan/70-other.yaml
    rm /var/lib/gpuaas/masked-units # nothing to unmask: systemd reads its files anew for those that were put away
    retire --apply
    [ "$status" -eq 0 ] || fail "$output"
    [ "$(systemctl show -p NeedDaemonReload --value dnsmasq.service)" = no ]
    assert_evidence ipoib SKIP "$NETPLAN stays: it is that of profile baremetal"
    assert_evidence tmfifo SKIP "the host's own network configuration sets*"
    for check in no_slice_ipoib no_slice_tmfifo; do assert_evidence "$check" PASS; done
    [ -n "$(ip -4 -o address show dev tmfifo_net0)" ]
    sed -i 1d "$NETPLAN"
    retire --apply
    [ "$status" -eq 0 ] || fail "$output"
    assert_evidence ipoib SKIP "$NETPLAN stays: it is not from gpuaas-gen"
    [ -e "$NETPLAN" ]
    [ -n "$(ip -4 -o address show dev ibp15s0)" ]
    rm "$NETPLAN" /etc/netplan/70-other.yaml
    netplan generate
    ip address add 192.168.101.1/30 dev ibp15s0
    with_setting TMFIFO_MORE 'ibp15s0|192.168.101.1/30'
    retire
    ip address delete 192.168.101.1/30 dev ibp15s0
    assert_evidence ipoib PASS "there is no $NETPLAN"
    assert_evidence tmfifo WARN 'dry run: would take away 192.168.100.1/30 on tmfifo_net0; 192.168.101.1/30 on ibp15s0'
}

@test "ipoib: what a run that was cut off left is taken away by the next; what another netplan file asks for stays" {
    mkdir -p "$RETIRED"
    mv "$NETPLAN" "$RETIRED/etc%netplan%60-ipoib.yaml.20260101000000"
    shadow ip 'case "$*" in *"address del"*) exit 0 ;; esac'
    retire --apply
    assert_evidence ipoib FAIL 'still there: 10.178.0.11/16 on ibp15s0'
    rm /usr/local/bin/ip
    retire --apply
    assert_evidence ipoib PASS
    [ -z "$(ip -4 -o address show dev ibp15s0)" ]
    ip address add 10.178.0.11/16 dev ibp15s0
    printf 'network: {ethernets: {ibp15s0: {addresses: [10.178.0.11/16]}}}\n' >/etc/netplan/70-other.yaml
    retire
    assert_evidence ipoib PASS
}

@test "dnsmasq: with files of somebody else it is restarted, not stopped; forwarding: left on where another file asks for it" {
    printf 'net.ipv4.ip_forward = 1\n' >/etc/sysctl.d/99-other.conf
    rm -r /etc/systemd/system/dnsmasq.service.d
    systemctl daemon-reload
    systemctl start dnsmasq.service
    slice_mode
    printf 'port=0\n' >/etc/dnsmasq.d/other.conf
    first=$(systemctl show -p MainPID --value dnsmasq.service)
    retire --apply
    rm /etc/dnsmasq.d/other.conf
    [ "$status" -eq 0 ] || fail "$output $stderr"
    [ "$(systemctl is-active dnsmasq.service)" = active ]
    [ "$(systemctl show -p MainPID --value dnsmasq.service)" != "$first" ]
    systemctl stop dnsmasq.service
    assert_evidence forwarding SKIP '*/etc/sysctl.d/99-other.conf'
    [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ]
}

@test "boot: arguments that somebody wrote into the main file are WARN; without a file of ours there is nothing to judge" {
    printf 'GRUB_CMDLINE_LINUX="quiet iommu=pt"\n' >/etc/default/grub
    retire --apply
    assert_evidence boot WARN 'another file asks for arguments of slice mode: iommu=pt'
    printf 'GRUB_CMDLINE_LINUX="quiet"\n' >/etc/default/grub
    retire
    assert_evidence boot WARN 'dry run: would run update-grub: the boot menu still passes iommu=pt'
    echo false >>"$(find "$RETIRED" -name '*90-gpuaas.cfg.*')"
    prints 'boot_left "$(boot_file)" || echo unknown' unknown
    rm -r "$RETIRED"
    retire
    assert_evidence boot PASS 'no boot arguments*'
}

@test "fstab: on request the entries come back whose file system is there, as they were; the others stay, WARN" {
    chmod 640 /etc/fstab
    before=$(cat /etc/fstab)
    # without a backup, a copy or a disk that takes it, nothing is changed
    for fault in 'cp *backup*' 'cp *gpuaas-new' 'sync *'; do
        shadow "${fault%% *}" "case \"\$*\" in ${fault#* }) exit 1 ;; esac"
        run_functions "$SCRIPT" 'stamp=1; restore_entries "$(disabled_entries)"'
        rm -f "/usr/local/bin/${fault%% *}" /etc/fstab.gpuaas*
        [ "$status" -eq 1 ] || fail "$fault"
        [ "$(cat /etc/fstab)" = "$before" ]
    done
    retire --apply --restore-fstab
    [ "$status" -eq 0 ]
    assert_evidence fstab WARN 'their file systems are not there*UUID=99999999-2222-3333-4444-555555555555 at /share2'
    [ "$(sed "s/^$MARKER\(.*share1.*\)/\1/" <<<"$before")" = "$(cat /etc/fstab)" ]
    [ "$(stat -c %a /etc/fstab)" = 640 ]
    cmp "$(find /etc -maxdepth 1 -name 'fstab.gpuaas-slice-retire-backup-*')" <(printf '%s\n' "$before")
    sed -i /share2/d /etc/fstab
    retire --restore-fstab
    assert_evidence fstab PASS 'no entry is disabled'
    printf '%s\n' "$MARKER$SHARE /share3 ext4 defaults 0 2" >>/etc/fstab
    retire --restore-fstab
    assert_evidence fstab WARN "dry run: would take back the fstab entries of $SHARE at /share3"
    retire --apply --restore-fstab
    assert_evidence fstab PASS 'all entries are back*'
}

@test "arguments and host: help, an unknown one, not root; none of it changes anything" {
    before=$(state)
    retire --help
    [ "$status" -eq 0 ]
    [[ $output == *--apply*--restore-fstab* ]]
    retire --aply
    [ "$status" -eq 2 ]
    path=$(script_path "$SCRIPT")
    run setpriv --reuid 65534 --clear-groups dash "$path" --apply
    [ "$status" -eq 1 ]
    [[ $output == *'must run as root'* ]]
    mkdir "$BATS_TEST_TMPDIR/bin"
    for name in dash sh; do ln -s "$(command -v "$name")" "$BATS_TEST_TMPDIR/bin/$name"; done
    run env PATH="$BATS_TEST_TMPDIR/bin" dash "$path" --apply
    [ "$status" -eq 1 ]
    [[ $output == *'missing commands:'*' flock '*' systemctl '* ]]
    # the other run is this test; not waited for two minutes. A dry run need not wait
    shadow flock 'shift 2; exec "$real" -n "$@"'
    exec 8>/run/gpuaas-slice-retire.lock
    /usr/bin/flock 8
    retire --apply
    [ "$status" -eq 1 ] && [ -z "$output" ]
    [[ $stderr == *'another run of this script has not ended'* ]]
    retire
    exec 8>&-
    [ "$status" -eq 3 ] || fail "$output $stderr"
    [ "$(state)" = "$before" ]
}
