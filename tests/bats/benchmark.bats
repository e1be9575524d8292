# gpuaas-benchmark-capture: one JSON, whatever is there. The tools are stand-ins that print what the real ones printed.
# host: j22u15-known-good
# script: gpuaas-benchmark-capture

load helpers

SCRIPT=profiles/slice-vm/root/usr/local/sbin/gpuaas-benchmark-capture
TOOLS='fio sysbench nvidia-smi nvbandwidth dcgmproftester12 vllm ib_write_bw lspci ssh systemd-detect-virt'
OUT=/run/capture.json

setup() {
    host_reset
    rm -rf /run/capture* /run/calls
    truncate -s 1M /run/target
}

teardown() {
    for name in $TOOLS; do rm -f "/usr/local/bin/$name"; done
    rm -f /etc/sysctl.d/61-gpuaas-tuning.conf
}

# tool NAME: stdin is its code; calls are kept
tool() {
    {
        printf '#!/bin/sh\nprintf "%%s\\n" "%s $*" >>/run/calls\n' "$1"
        cat
    } >"/usr/local/bin/$1"
    chmod 755 "/usr/local/bin/$1"
}

all_tools() {
    tool fio <<'TOOL'
case $* in
--version) echo fio-3.33 ;;
*--readonly*--rw=read\ *) echo '3;fio-3.33;sequential;0;0;615776;307120;299;2005;1;8826;4.601246;48.994060;122;16485;3315.195752;1962.138606;1.000000%=888;5.000000%=1269;10.000000%=1515;20.000000%=1843;30.000000%=2211;40.000000%=2506;50.000000%=2768;60.000000%=3129;70.000000%=3555;80.000000%=4358;90.000000%=5996;95.000000%=7372;99.000000%=10551;99.500000%=11599;99.900000%=14352;99.950000%=14483;99.990000%=15925;0%=0;0%=0;0%=0;169' ;;
*--readonly*--rw=randread*) echo '3;fio-3.33;random;0;0;615776;307200;76780;2005;1;8826;4.601246;48.994060;122;16485;3315.195752;1962.138606;1.000000%=888;5.000000%=1269;10.000000%=1515;20.000000%=1843;30.000000%=2211;40.000000%=2506;50.000000%=2768;60.000000%=3129;70.000000%=3555;80.000000%=4358;90.000000%=5996;95.000000%=7372;99.000000%=10551;99.500000%=11599;99.900000%=14352;99.950000%=14483;99.990000%=15925;0%=0;0%=0;0%=0;169' ;;
*) exit 9 ;;
esac
TOOL
    tool sysbench <<'TOOL'
case $* in
--version) echo 'sysbench 1.0.20' ;;
cpu*) printf 'CPU speed:\n    events per second:   376.96\n' ;;
memory*) printf 'Total operations: 16299 (16049.82 per second)\n\n16299.00 MiB transferred (16049.82 MiB/sec)\n' ;;
esac
TOOL
    tool nvidia-smi <<'TOOL'
case $* in
--version) echo 'NVIDIA-SMI version  : 570.211.01' ;;
--query-gpu=*) echo '0, NVIDIA H200, GPU-1, 00000000:1B:00.0, 570.211.01, 96.00.99, 345, 1980, 3201, 3201, 700.00, 30, Enabled, Disabled, Enabled' ;;
esac
TOOL
    tool nvbandwidth <<'TOOL'
case $* in
--help) echo 'nvbandwidth Version: v0.8' ;;
*) printf 'Running device_local_copy.\nSUM device_local_copy 2101.25\n' ;;
esac
TOOL
    tool dcgmproftester12 <<'TOOL'
echo 'Worker 0:0[1006]: Fp64EngineActive: generated 0.90, dcgm 0.000 (30000.0 gflops)'
echo 'Worker 0:0[1006]: Fp64EngineActive: generated 0.99, dcgm 0.000 (33000.0 gflops)'
echo 'Worker 1:0[1006]: Fp64EngineActive: generated 0.99, dcgm 0.000 (34000.0 gflops)'
TOOL
    tool vllm <<'TOOL'
case $* in
--version) echo 0.9.1 ;;
*) [ "$HF_HUB_OFFLINE" = 1 ] && echo 'Throughput: 55.27 requests/s, 14149.20 total tokens/s, 7074.60 output tokens/s' ;;
esac
TOOL
    tool ib_write_bw <<'TOOL'
case $* in
--version) echo 'Version: 6.06' ;;
*) printf ' #bytes     #iterations    BW peak[Gb/sec]    BW average[Gb/sec]   MsgRate[Mpps]\n 65536      5000             0.00               391.55             0.746822\n------\n' ;;
esac
TOOL
    tool lspci <<'TOOL'
case $* in
--version) echo 'lspci version 3.13.0' ;;
*0000:1b:00.0*) printf '\t\tDevCtl:\tCorrErr- NonFatalErr-\n\t\t\tMaxPayload 256 bytes, MaxReadReq 512 bytes\n\t\tATSCtl:\tEnable-, Smallest Translation Unit: 00\n' ;;
*0000:bc:00.0*) printf '\t\tACSCtl:\tSrcValid- TransBlk- ReqRedir-\n\t\t\tMaxPayload 512 bytes, MaxReadReq 4096 bytes\n\t\tATSCtl:\tEnable+, Smallest Translation Unit: 00\n' ;;
esac
TOOL
}

capture() {
    run_script "$SCRIPT" "$@"
}

json() {
    jq -r "$1" "$OUT"
}

# is EXPRESSION TEXT
is() {
    local seen
    seen=$(json "$1") || fail "no JSON: $(cat "$OUT")"
    [ "$seen" = "$2" ] || fail "$1 is '$seen', not '$2'"
}

@test "nothing is installed: every probe is absent or not asked, the JSON is whole, exit status 0" {
    capture --label bare --output $OUT
    [ "$status" -eq 0 ] || fail "$stderr"
    [ -z "$output" ]
    is .format gpuaas-benchmark
    is .label bare
    is .complete true
    is '[.probes[].status] | unique | join(" ")' 'absent not-asked'
    is .probes.cpu.detail 'sysbench is not installed'
    is .probes.gpu_fp64.detail 'dcgmproftester is not installed'
    is .tools.fio null
    is .gpus null
    is '.captured_at | test("^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")' true
    is .facts.product 'PowerEdge XE9680L'
    is .facts.host "$(uname -n)"
    is .facts.kernel "$(uname -r)"
    is .facts.virtualization "$(systemd-detect-virt)"
    is .facts.os "$(. /etc/os-release && echo "$PRETTY_NAME")"
    is .facts.cpu "$(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)"
    is .facts.cpu_threads "$(awk '/^processor/ { n++ } END { print n }' /proc/cpuinfo)"
    is .facts.memory "$(awk '/^MemTotal:/ { print $2, $3 }' /proc/meminfo)"
    is .facts.numa_nodes "$(find /sys/devices/system/node -maxdepth 1 -name 'node[0-9]*' | wc -l)"
    is .tuning.memlock "$(awk '/^Max locked memory/ { print $4 }' /proc/self/limits)"
    is .tuning.profile null
    is '.tuning["hugepages-1048576kB"]' 512
    # of several digits: dash reads files of /proc/sys byte by byte, and gets one
    is '.tuning["net.ipv4.tcp_rmem"]' "$(tr '\t' ' ' </proc/sys/net/ipv4/tcp_rmem)"
    # GPUs and network adapters, nothing else
    is '[.pcie[] | select(.id == "10de:2335")] | length' 8
    is '[.pcie[] | select(.id | test("^(10de:2335|15b3:)") | not)] | length' 0
    is '.pcie[] | select(.address == "0000:1b:00.0") | "\(.ats) \(.max_payload)"' 'null null'
}

@test "all tools: every probe is measured, with its unit; versions, GPUs and PCIe settings are captured" {
    all_tools
    echo '# tuning profile throughput' >/etc/sysctl.d/61-gpuaas-tuning.conf
    capture --label all --seconds 2 --fio-target /run/target --rdma-peer 10.178.0.12 --rdma-device mlx5_10 --output $OUT
    [ "$status" -eq 0 ] || fail "$stderr"
    is '[.probes[].status] | unique | join(" ")' measured
    is '.probes.cpu.values.events | "\(.value) \(.unit) \(.better)"' '376.96 events/s higher'
    is .probes.memory.values.bandwidth.value 16049.82
    is .probes.gpu_fp64.values.fp64.value 33500.0
    is .probes.gpu_memory.values.bandwidth.value 2101.25
    is .probes.vllm.values.throughput.value 14149.20
    is .probes.storage_sequential.values.bandwidth.value 299.9
    is '.probes.storage_random.values | "\(.bandwidth.value) \(.iops.value) \(.latency.value) \(.latency_p99.value) \(.latency.better)"' \
        '300.0 76780 3315.195752 10551 lower'
    is .probes.rdma_write.values.bandwidth.value 391.55
    is '.gpus[0] | "\(.name) \(.driver_version) \(.["clocks.max.sm"]) \(.persistence_mode)"' 'NVIDIA H200 570.211.01 1980 Enabled'
    is '.pcie[] | select(.address == "0000:1b:00.0") | "\(.ats) \(.acs) \(.max_read_request) \(.max_payload)"' '- null 512 256'
    is '.pcie[] | select(.address == "0000:bc:00.0") | "\(.ats) \(.acs) \(.max_read_request)"' '+ SrcValid- TransBlk- ReqRedir- 4096'
    is '.tools | [.fio, .ib_write_bw, .lspci, .nvbandwidth, .nvidia_smi, .sysbench, .dcgmproftester, .vllm] | join(", ")' \
        'fio-3.33, Version: 6.06, lspci version 3.13.0, nvbandwidth Version: v0.8, NVIDIA-SMI version  : 570.211.01, sysbench 1.0.20, dcgmproftester12, 0.9.1'
    is .tuning.profile throughput
    # the target is only read, the peer and the device reach the tool
    grep -q '^fio .*--readonly .*--rw=read .*--filename=/run/target' /run/calls
    ! grep -E '^fio .*(rw=write|rw=randwrite|rw=rw)' /run/calls || fail 'fio writes'
    grep -qx 'ib_write_bw -F --report_gbits -D 2 -d mlx5_10 10.178.0.12' /run/calls
    threads=$(awk '/^processor/ { n++ } END { print n }' /proc/cpuinfo)
    grep -q "^sysbench cpu --threads=$threads --time=2 " /run/calls
    grep -q "^sysbench memory --threads=$threads --time=2 " /run/calls
    # what differs from machine to machine is no part of the method
    is '.method.probes | keys | join(" ")' 'cpu gpu_fp64 gpu_memory memory rdma_write storage_random storage_sequential vllm'
    is .method.probes.rdma_write 'ib_write_bw -F --report_gbits -D 2 {device} {peer}'
    is '.method.probes | tostring | test("/run/target|10.178|mlx5_10")' false
    is .method.seconds 2
}

@test "a tool that fails, and output that nobody knows, are failed probes with what was said; exit status 1, the JSON is written" {
    all_tools
    echo 'case $* in cpu*) echo "no threads"; exit 3 ;; memory*) echo "MiB transferred (many MiB/sec)" ;; esac' | tool sysbench
    echo 'echo "3;fio-3.33;x;5;22;0;0;0"' | tool fio
    echo 'echo "Couldn'"'"'t connect to 10.178.0.12:18515"; exit 1' | tool ib_write_bw
    echo 'exit 1' | tool systemd-detect-virt
    echo 'echo "no driver"; exit 9' | tool nvidia-smi
    capture --label broken --fio-target /run/target --rdma-peer 10.178.0.12 --output $OUT
    [ "$status" -eq 1 ]
    [[ $stderr == *'a probe failed'* ]]
    is '"\(.probes.cpu.status) \(.probes.cpu.detail)"' 'failed no threads'
    is '"\(.probes.memory.status) \(.probes.memory.detail)"' \
        'failed its output was not understood: MiB transferred (many MiB/sec)'
    is '"\(.probes.storage_sequential.status) \(.probes.storage_sequential.detail)"' \
        'failed its output was not understood: 3;fio-3.33;x;5;22;0;0;0'
    is .facts.virtualization unknown
    is .gpus null
    is '"\(.probes.rdma_write.status) \(.probes.rdma_write.detail)"' "failed Couldn't connect to 10.178.0.12:18515"
    is .probes.rdma_write.values '{}'
    is .probes.gpu_memory.status measured
    is .complete true
}

@test "a disk that is measured is told by model and serial: its kernel name says nothing" {
    disk=/dev/disk/by-id/nvme-eui.000000000000000100a075244a103331
    capture --label x --fio-target "$disk" --output /run/capture-new/folder/out.json
    mv /run/capture-new/folder/out.json $OUT
    name=$(readlink -f "$disk")
    is .facts.fio_target "$disk"
    is .facts.fio_target_serial "$(cat "/sys/block/${name##*/}/device/serial")"
    [ -n "$(json .facts.fio_target_model)" ]
}

@test "text with quotes, tabs, backslashes and other alphabets stays JSON" {
    printf 'a "b" \\ c\td \303\244\n' >/sys/class/dmi/id/product_name
    capture --label x
    [ "$status" -eq 0 ]
    [ "$(jq -r .facts.product <<<"$output")" = $'a "b" \\ c\td ??' ]
}

@test "--help; wrong usage is refused before anything is measured" {
    capture --help
    [ "$status" -eq 0 ]
    [[ $output == *--fio-target*--rdma-peer*--ssh-key* ]]
    all_tools
    for words in '' '--label' '--label x --bogus' '--label a;b' '--label x --seconds 0' '--label x --seconds 1h' \
        '--label x --fio-target /run/nothing' '--label x --fio-target -x' '--label x --user hpcadmin' '--label x --rdma-device mlx5_0'; do
        # shellcheck disable=SC2086 # several words
        capture $words
        [ "$status" -eq 2 ] && [ -z "$output" ] && [ -n "$stderr" ] || fail "$words: $status $output"
    done
    [ ! -e /run/calls ]
    # another machine gets the script from its file
    path=$(script_path "$SCRIPT")
    _shell_words
    run --separate-stderr "${shell_words[@]}" -s -- --label x --host 127.0.0.1 <"$path"
    [ "$status" -eq 2 ] && [ -z "$output" ]
    [[ $stderr == *'from its file'* ]]
}

@test "missing commands are named all at once; ssh only where it is needed" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    path=$(script_path "$SCRIPT")
    _shell_words
    ln -s "$(command -v "${shell_words[0]}")" "$BATS_TEST_TMPDIR/bin/${shell_words[0]}"
    run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "${shell_words[@]}" "$path" --label x
    [ "$status" -eq 1 ] && [ -z "$output" ]
    [[ $stderr == *'missing commands: awk '*' find '*' uname;'* ]]
    for name in awk cat chmod chown cmp date find grep id mkdir mktemp mv readlink rm sed tail timeout tr uname; do
        ln -s "$(command -v $name)" "$BATS_TEST_TMPDIR/bin/$name"
    done
    run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "${shell_words[@]}" "$path" --label x --host 127.0.0.1
    [ "$status" -eq 1 ] && [ -z "$output" ]
    [[ $stderr == *'missing commands: ssh;'* ]]
}

@test "an output that cannot be written is an error, and what stood there stays" {
    mkdir -p /run/capture-full
    mount -t tmpfs -o size=4k tmpfs /run/capture-full
    echo before >/run/capture-full/out.json
    capture --label x --output /run/capture-full/out.json
    text=$(cat /run/capture-full/out.json)
    umount /run/capture-full
    [ "$status" -eq 1 ]
    [ "$text" = before ]
    [[ $stderr == *'cannot write'* ]]
}

@test "--host: the same over ssh with a key, as root or with sudo; a lost answer writes nothing" {
    mkdir -p /run/sshd /root/.ssh
    ssh-keygen -A >/dev/null
    [ -e /root/.ssh/bench ] || ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/bench
    id gpuuser >/dev/null 2>&1 || useradd --create-home --shell /bin/bash gpuuser
    install -d -o gpuuser -m 700 /home/gpuuser/.ssh
    install -m 600 -o gpuuser /root/.ssh/bench.pub /home/gpuuser/.ssh/authorized_keys
    [ -e /run/sshd-test.pid ] || /usr/sbin/sshd -o ListenAddress=127.0.0.1 -o PidFile=/run/sshd-test.pid
    ssh-keyscan 127.0.0.1 >/root/.ssh/known_hosts 2>/dev/null
    rm -f /etc/sudoers.d/gpuuser
    capture --host 127.0.0.1 --user gpuuser --ssh-key /root/.ssh/bench --label guest --output $OUT
    [ "$status" -eq 0 ] || fail "$stderr"
    is '"\(.label) \(.facts.root) \(.complete)"' 'guest false true'
    echo 'gpuuser ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/gpuuser
    capture --host 127.0.0.1 --user gpuuser --ssh-key /root/.ssh/bench --label guest --output $OUT
    is .facts.root true
    rm $OUT
    capture --host 127.0.0.1 --user gpuuser --ssh-key /root/.ssh/bench --label guest --fio-target /run/nothing --output $OUT
    [ "$status" -eq 2 ] && [ ! -e $OUT ] || fail "$status $stderr"
    echo '/usr/bin/ssh "$@" | head -c 300' | tool ssh
    capture --host 127.0.0.1 --user gpuuser --ssh-key /root/.ssh/bench --label guest --output $OUT
    [ "$status" -eq 4 ] && [ ! -e $OUT ] || fail "$status $stderr"
    [[ $stderr == *'gave no whole capture'* ]]
}

@test "bare metal and slice hosts get the same script, byte for byte" {
    cmp "$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root/usr/local/sbin/gpuaas-benchmark-capture" \
        <(sed 's/profile baremetal/profile slice-vm/; s/profiles.baremetal.yaml/profiles\/slice-vm.yaml/' \
            "$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/baremetal/root/usr/local/sbin/gpuaas-benchmark-capture")
}
