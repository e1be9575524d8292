# Measures and reads; writes nothing but its output. A tool that is not there is recorded as absent, never installed.

usage() {
  cat <<USAGE
gpuaas-benchmark-capture --label NAME [--output FILE] [--seconds N] [--fio-target PATH]
    [--rdma-peer HOST [--rdma-device NAME]] [--host HOST [--user USER] [--ssh-key FILE]]

Captures one JSON with what this machine measures and how it is set up, by the same method on bare metal and in a slice
guest, so that gpuaas-gen bench compare can put two of them side by side. Run as root for PCIe settings.

  --label NAME        what is measured, such as baremetal-j22u15
  --output FILE       where the JSON goes; without it, to stdout
  --seconds N         how long each probe measures (default $SECONDS_DEFAULT); part of the method
  --fio-target PATH   block device or file that may be read for a storage capture; it is only ever read
  --rdma-peer HOST    where ib_write_bw waits as a server
  --rdma-device NAME  RDMA device to use, such as mlx5_0
  --host HOST         run this on another machine, over ssh (with sudo -n where that works)
  --user USER         log in there as USER
  --ssh-key FILE      key for that login
  --help              this text

Exit status: 0 captured, absent tools included; 1 a probe failed, the JSON says which; 2 wrong usage; 4 HOST gave no answer.
USAGE
}

main() {
  local json
  LC_ALL=C
  export LC_ALL
  options "$@"
  if [ "$help" = yes ]; then
    usage
    return 0
  fi
  require_commands awk cat chmod chown cmp date find grep id mkdir mktemp mv readlink rm sed tail timeout tr uname
  if [ -n "$host" ]; then
    require_commands ssh
    json=$(elsewhere "$0")
  else
    json=$(capture)
  fi
  if [ -n "$output" ]; then
    case $output in
    */*) mkdir -p "${output%/*}" ;;
    *) ;;
    esac
    printf '%s\n' "$json" | file_write "$output" 0644
    log_info "$output: written"
  else
    printf '%s\n' "$json"
  fi
  case $json in
  *'"status": "failed"'*)
    log_warn 'a probe failed: look for "status": "failed" in the JSON'
    return 1
    ;;
  *) ;;
  esac
}

# options ARGUMENT...: reads the options. Returns 2 after saying what is wrong.
options() {
  help=no
  label=
  output=
  seconds=$SECONDS_DEFAULT
  fio_target=
  rdma_peer=
  rdma_device=
  host=
  user=
  ssh_key=
  while [ $# -gt 0 ]; do
    case $1 in
    --help)
      help=yes
      return 0
      ;;
    --label | --output | --seconds | --fio-target | --rdma-peer | --rdma-device | --host | --user | --ssh-key)
      if [ $# -lt 2 ] || [ -z "$2" ]; then
        log_error "$1 needs a value; see --help"
        return 2
      fi
      option "$1" "$2" || return 2
      shift
      ;;
    *)
      log_error "unknown argument: $1; see --help"
      return 2
      ;;
    esac
    shift
  done
  options_fit
}

# option NAME VALUE: keeps one value. Values reach command lines, here or on another machine, so their characters are checked.
option() {
  case $1/$2 in
  --output/* | --ssh-key/*) ;;
  */-* | *[!A-Za-z0-9_.:@/-]*)
    log_error "$1 $2: must be letters, digits and . _ : @ / -, and not begin with -"
    return 2
    ;;
  --seconds/*[!0-9]* | --seconds/0* | --seconds/?????*)
    log_error "--seconds $2: must be a number from 1 to 9999"
    return 2
    ;;
  *) ;;
  esac
  case $1 in
  --label) label=$2 ;;
  --output) output=$2 ;;
  --seconds) seconds=$2 ;;
  --fio-target) fio_target=$2 ;;
  --rdma-peer) rdma_peer=$2 ;;
  --rdma-device) rdma_device=$2 ;;
  --host) host=$2 ;;
  --user) user=$2 ;;
  *) ssh_key=$2 ;;
  esac
}

# options_fit: what belongs together.
options_fit() {
  if [ -z "$label" ]; then
    log_error 'give a --label: it names the capture in comparisons'
    return 2
  fi
  if [ -z "$host" ] && [ -n "$user$ssh_key" ]; then
    log_error '--user and --ssh-key go with --host'
    return 2
  fi
  if [ -z "$rdma_peer" ] && [ -n "$rdma_device" ]; then
    log_error '--rdma-device goes with --rdma-peer'
    return 2
  fi
  if [ -z "$host" ] && [ -n "$fio_target" ] && ! [ -b "$fio_target" ] && ! [ -f "$fio_target" ]; then
    log_error "--fio-target $fio_target: is neither a block device nor a file"
    return 2
  fi
}

# elsewhere SCRIPT: runs SCRIPT, this very file, on --host, and prints its JSON. Returns 4 without a whole answer.
elsewhere() {
  local answer arguments status target
  if ! [ -r "$1" ]; then
    log_error "cannot read $1: run this script from its file when it is to run on another machine"
    return 2
  fi
  arguments="--label $label --seconds $seconds${fio_target:+ --fio-target $fio_target}${rdma_peer:+ --rdma-peer $rdma_peer}"
  arguments="$arguments${rdma_device:+ --rdma-device $rdma_device}"
  target=${user:+$user@}$host
  log_info "on $target: gpuaas-benchmark-capture $arguments"
  status=0
  answer=$(timeout 3600 ssh -o BatchMode=yes -o ConnectTimeout=15 ${ssh_key:+-i "$ssh_key"} -- "$target" \
    "if [ \$(id -u) -ne 0 ] && sudo -n true 2>/dev/null; then exec sudo -n sh -s -- $arguments; else exec sh -s -- $arguments; fi" \
    <"$1") || status=$?
  case $status/$answer in
  [01]/'{'*'"complete": true}') printf '%s\n' "$answer" ;;
  2/*) return 2 ;;
  *)
    log_error "$target gave no whole capture (exit status $status): can you log in there without a password?"
    return 4
    ;;
  esac
}

# capture: prints the JSON. Its last member says that it is whole.
capture() {
  local facts method now tools tuned devices gpu measured
  log_info 'reading how this machine is set up'
  now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  method=$(method_json)
  facts=$(facts_json)
  tuned=$(tuning_json)
  tools=$(tools_json)
  devices=$(pcie_json)
  gpu=$(gpus_json)
  measured=$(probes_json)
  printf '{"format": "gpuaas-benchmark", "label": %s, "captured_at": "%s",\n' "$(json_text "$label")" "$now"
  printf '"method": %s,\n"facts": %s,\n"tuning": %s,\n"tools": %s,\n' "$method" "$facts" "$tuned" "$tools"
  printf '"pcie": %s,\n"gpus": %s,\n"probes": %s,\n"complete": true}\n' "$devices" "$gpu" "$measured"
}

# --- how it is measured -------------------------------------------------------------------------------------

# command_of PROBE: prints the command line of a probe; what differs from machine to machine is in braces.
command_of() {
  case $1 in
  cpu) printf 'sysbench cpu --threads={threads} --time=%s --cpu-max-prime=20000 run\n' "$seconds" ;;
  memory)
    printf 'sysbench memory --threads={threads} --time=%s --memory-block-size=1M --memory-total-size=100T --memory-oper=read run\n' \
      "$seconds"
    ;;
  gpu_fp64) printf 'dcgmproftester --no-dcgm-validation -t 1006 -d %s\n' "$seconds" ;;
  gpu_memory) printf 'nvbandwidth -t device_local_copy\n' ;;
  vllm)
    printf 'vllm bench throughput --model %s --input-len 128 --output-len 128 --num-prompts 200\n' "$VLLM_MODEL"
    ;;
  storage_sequential)
    printf 'fio %s --name=sequential --rw=read --bs=1M --iodepth=32 --numjobs=1 --runtime=%s --filename={target}\n' \
      "$FIO_OPTIONS" "$seconds"
    ;;
  storage_random)
    printf 'fio %s --name=random --rw=randread --bs=4k --iodepth=64 --numjobs=4 --runtime=%s --filename={target}\n' \
      "$FIO_OPTIONS" "$seconds"
    ;;
  *) printf 'ib_write_bw -F --report_gbits -D %s {device} {peer}\n' "$seconds" ;;
  esac
}

probe_names() {
  printf '%s\n' cpu memory gpu_fp64 gpu_memory vllm storage_sequential storage_random rdma_write
}

method_json() {
  local name probes quoted
  probes=
  for name in $(probe_names); do
    quoted=$(json_text "$(command_of "$name")")
    probes="$probes${probes:+, }\"$name\": $quoted"
  done
  json_object version "\"$METHOD\"" seconds "$seconds" probes "{$probes}"
}

# first_line FILE: prints the first line of a file; nothing where it cannot be read.
first_line() {
  local line
  line=
  if [ -r "$1" ]; then
    IFS= read -r line 2>/dev/null <"$1" || :
  fi
  printf '%s\n' "$line"
}

# fact FILE: the first line of a file as JSON.
fact() {
  json_text "$(first_line "$1")"
}

facts_json() {
  local disk model os virt
  disk=
  if [ -n "$fio_target" ]; then
    disk=$(readlink -f "$fio_target") || disk=
    disk=${disk##*/}
  fi
  model=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | sed 1q)
  os=$(sed -n 's/^PRETTY_NAME="\(.*\)"$/\1/p' /etc/os-release)
  virt=$(timeout 20 systemd-detect-virt 2>/dev/null) || virt=${virt:-unknown}
  json_object \
    host "$(json_text "$(uname -n)")" \
    root "$(if [ "$(id -u)" -eq 0 ]; then printf 'true'; else printf 'false'; fi)" \
    virtualization "$(json_text "$virt")" \
    product "$(fact /sys/class/dmi/id/product_name)" \
    bios "$(fact /sys/class/dmi/id/bios_version)" \
    os "$(json_text "$os")" \
    kernel "$(json_text "$(uname -r)")" \
    cpu "$(json_text "$model")" \
    cpu_threads "$(json_text "$(grep -c '^processor' /proc/cpuinfo)")" \
    memory "$(json_text "$(sed -n 's/^MemTotal: *//p' /proc/meminfo)")" \
    numa_nodes "$(json_text "$(find /sys/devices/system/node -maxdepth 1 -name 'node[0-9]*' 2>/dev/null | awk 'END { print NR }')")" \
    nvidia_driver "$(fact /sys/module/nvidia/version)" \
    mlx5_driver "$(fact /sys/module/mlx5_core/version)" \
    fio_target "$(json_text "$fio_target")" \
    fio_target_model "$(fact "/sys/block/$disk/device/model")" \
    fio_target_serial "$(fact "/sys/block/$disk/device/serial")" \
    rdma_peer "$(json_text "$rdma_peer")"
}

# tuning_json: what the on/off comparisons turn on and off.
tuning_json() {
  local limit name path text
  text=$(json_object \
    profile "$(json_text "$(sed -n 's/^# tuning profile //p' "$TUNING_FILE" 2>/dev/null)")" \
    cmdline "$(fact /proc/cmdline)" \
    transparent_hugepage "$(fact /sys/kernel/mm/transparent_hugepage/enabled)" \
    governor "$(fact /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor)" \
    lockdown "$(fact /sys/kernel/security/lockdown)" \
    ipoib_recv_queue "$(fact /sys/module/ib_ipoib/parameters/recv_queue_size)" \
    ipoib_send_queue "$(fact /sys/module/ib_ipoib/parameters/send_queue_size)")
  text=${text%\}}
  for path in net/core/rmem_max net/core/wmem_max net/core/netdev_max_backlog net/ipv4/tcp_rmem net/ipv4/tcp_wmem \
    vm/swappiness kernel/numa_balancing; do
    name=$(printf '%s' "$path" | tr / .)
    # with cat: these files give a reader that takes byte by byte, as dash does, the first byte only
    text="$text, \"$name\": $(json_text "$({ cat "/proc/sys/$path" 2>/dev/null || :; } | tr '\t' ' ')")"
  done
  for path in /sys/kernel/mm/hugepages/hugepages-*/nr_hugepages; do
    if [ -r "$path" ]; then
      name=${path%/nr_hugepages}
      text="$text, \"${name##*/}\": $(fact "$path")"
    fi
  done
  limit=$(sed -n 's/^Max locked memory  *\([^ ]*\) .*/\1/p' /proc/self/limits)
  printf '%s, "memlock": %s}\n' "$text" "$(json_text "$limit")"
}

# version_of COMMAND ARGUMENT...: prints the first line that it says about its version; nothing without the command.
version_of() {
  if command -v "$1" >/dev/null 2>&1; then
    { timeout 60 "$@" 2>&1 || :; } | sed '/^[[:space:]]*$/d' | sed 1q
  fi
}

tools_json() {
  json_object \
    fio "$(json_text "$(version_of fio --version)")" \
    ib_write_bw "$(json_text "$(version_of ib_write_bw --version)")" \
    lspci "$(json_text "$(version_of lspci --version)")" \
    nvbandwidth "$(json_text "$(version_of nvbandwidth --help)")" \
    nvidia_smi "$(json_text "$(version_of nvidia-smi --version)")" \
    sysbench "$(json_text "$(version_of sysbench --version)")" \
    dcgmproftester "$(json_text "$(dcgm)")" \
    vllm "$(json_text "$(version_of vllm --version)")"
}

# dcgm: prints the name of DCGM's load generator, which carries the CUDA version; nothing without one.
dcgm() {
  local name
  for name in dcgmproftester13 dcgmproftester12 dcgmproftester11; do
    if command -v "$name" >/dev/null 2>&1; then
      printf '%s\n' "$name"
      return 0
    fi
  done
}

# --- PCIe and GPUs ------------------------------------------------------------------------------------------

# pcie_json: GPUs and network adapters: link, ATS, ACS and read request size, on which RDMA into a guest's GPU stands.
pcie_json() {
  local address path separator text vendor
  separator=
  printf '['
  for path in /sys/bus/pci/devices/*; do
    address=${path##*/}
    vendor=$(first_line "$path/vendor")
    case $vendor/$(first_line "$path/class") in
    0x10de/0x03* | 0x15b3/0x02*) ;;
    *) continue ;;
    esac
    text=$(timeout 20 lspci -vvv -D -s "$address" 2>/dev/null) || text=
    printf '%s\n' "$separator"
    separator=,
    json_object \
      address "\"$address\"" \
      id "$(json_text "${vendor#0x}:$(first_line "$path/device" | sed 's/^0x//')")" \
      numa_node "$(fact "$path/numa_node")" \
      link_speed "$(fact "$path/current_link_speed")" \
      link_width "$(fact "$path/current_link_width")" \
      ats "$(json_text "$(pcie_field "$text" 's/.*ATSCtl:.*Enable\([+-]\).*/\1/p')")" \
      acs "$(json_text "$(pcie_field "$text" 's/.*ACSCtl:[[:space:]]*\(.*\)/\1/p')")" \
      max_read_request "$(json_text "$(pcie_field "$text" 's/.*MaxReadReq \([0-9]*\) bytes.*/\1/p')")" \
      max_payload "$(json_text "$(pcie_field "$text" 's/.*MaxPayload \([0-9]*\) bytes, MaxReadReq.*/\1/p')")"
  done
  printf ']\n'
}

# pcie_field LISTING EXPRESSION: prints the first match in what lspci says; nothing where it says nothing (not root).
pcie_field() {
  printf '%s\n' "$1" | sed -n "$2" | sed 1q
}

# gpus_json: what nvidia-smi reports of each GPU. It answers also where CUDA does not start: that is for the probes.
gpus_json() {
  local fields listing
  fields=index,name,uuid,pci.bus_id,driver_version,vbios_version,clocks.sm,clocks.max.sm,clocks.mem,clocks.max.mem
  fields=$fields,power.limit,temperature.gpu,ecc.mode.current,mig.mode.current,persistence_mode
  if ! listing=$(timeout 120 nvidia-smi "--query-gpu=$fields" --format=csv,noheader,nounits 2>/dev/null); then
    printf 'null\n'
    return 0
  fi
  printf '%s\n' "$listing" | tr -d '\042\134' | awk -v fields="$fields" '
    BEGIN { count = split(fields, name, ","); printf "[" }
    NF { split($0, value, /, */)
      printf "%s{", separator
      for (i = 1; i <= count; i++) printf "%s\"%s\": \"%s\"", (i > 1 ? ", " : ""), name[i], value[i]
      printf "}"; separator = ",\n" }
    END { print "]" }'
}

# --- probes -------------------------------------------------------------------------------------------------

# probe STATUS DETAIL [VALUES]: prints the result of a probe. STATUS is measured, absent, not-asked or failed.
probe() {
  json_object status "\"$1\"" detail "$(json_text "$2")" values "${3:-{\}}"
}

# value NUMBER UNIT BETTER: prints one measured value.
value() {
  json_object value "$1" unit "\"$2\"" better "\"$3\""
}

probes_json() {
  local name result separator
  separator=
  printf '{'
  for name in $(probe_names); do
    log_info "probe $name"
    case $name in
    cpu) result=$(cpu_probe) ;;
    memory) result=$(memory_probe) ;;
    gpu_fp64) result=$(gpu_fp64_probe) ;;
    gpu_memory) result=$(gpu_memory_probe) ;;
    vllm) result=$(vllm_probe) ;;
    storage_*) result=$(storage_probe "$name") ;;
    *) result=$(rdma_probe) ;;
    esac
    printf '%s\n"%s": %s' "$separator" "$name" "$result"
    separator=,
  done
  printf '}\n'
}

# installed COMMAND: returns 1 after printing the result "absent".
installed() {
  if [ -z "$1" ] || ! command -v "$1" >/dev/null 2>&1; then
    probe absent "${2:-$1} is not installed"
    return 1
  fi
}

# run_line LINE: runs a command line of words without blanks in them, and sets output to what it says, errors included. Returns 1
# after printing the result "failed".
run_line() {
  # shellcheck disable=SC2086 # the line is words of command_of, and values whose characters were checked
  if ! output=$(timeout "$((seconds + 600))" $1 2>&1); then
    probe failed "$(printf '%s\n' "$output" | tail -n 3)"
    return 1
  fi
}

# threads: prints the number of processors that this process may use.
threads() {
  grep -c '^processor' /proc/cpuinfo
}

# measured NAME NUMBER UNIT BETTER OUTPUT: the result of a probe with one value; failed where NUMBER is no number.
measured() {
  case $2 in
  '' | *[!0-9.]* | *.*.* | .*) probe failed "its output was not understood: $(printf '%s\n' "$5" | tail -n 3)" ;;
  *) probe measured '' "{\"$1\": $(value "$2" "$3" "$4")}" ;;
  esac
}

cpu_probe() {
  local line output
  installed sysbench || return 0
  line=$(command_of cpu | sed "s/{threads}/$(threads)/")
  run_line "$line" || return 0
  measured events "$(printf '%s\n' "$output" | sed -n 's/.*events per second: *\([0-9.]*\).*/\1/p')" events/s higher "$output"
}

memory_probe() {
  local line output
  installed sysbench || return 0
  line=$(command_of memory | sed "s/{threads}/$(threads)/")
  run_line "$line" || return 0
  measured bandwidth "$(printf '%s\n' "$output" | sed -n 's/.*MiB transferred (\([0-9.]*\) MiB\/sec).*/\1/p')" MiB/s higher "$output"
}

# gpu_fp64_probe: the mean of what each GPU reports last.
gpu_fp64_probe() {
  local line output tool
  tool=$(dcgm)
  installed "$tool" dcgmproftester || return 0
  line=$(command_of gpu_fp64 | sed "s/^dcgmproftester/$tool/")
  run_line "$line" || return 0
  measured fp64 "$(printf '%s\n' "$output" | awk '
    /[(].* gflops[)]/ { worker = $2; text = $0; sub(/.*[(] */, "", text); sub(/ *gflops.*/, "", text); last[worker] = text }
    END { for (w in last) { sum += last[w]; n++ } if (n) printf "%.1f", sum / n }')" Gflop/s higher "$output"
}

gpu_memory_probe() {
  local output
  installed nvbandwidth || return 0
  run_line "$(command_of gpu_memory)" || return 0
  measured bandwidth "$(printf '%s\n' "$output" | sed -n 's/^SUM device_local_copy *\([0-9.]*\).*/\1/p')" GB/s higher "$output"
}

# vllm_probe: from the model that is in the cache; nothing is downloaded.
vllm_probe() {
  local output
  installed vllm || return 0
  run_line "env HF_HUB_OFFLINE=1 $(command_of vllm)" || return 0
  measured throughput "$(printf '%s\n' "$output" | sed -n 's/^Throughput: .* \([0-9.]*\) total tokens\/s.*/\1/p')" tokens/s higher "$output"
}

# storage_probe NAME: fields of fio's terse output, version 3: 5 error, 7 KiB/s, 8 IOPS, 16 mean completion latency in
# microseconds, 18 and on its percentiles. Source: fio(1), TERSE OUTPUT.
storage_probe() {
  local line output values
  if [ -z "$fio_target" ]; then
    probe not-asked 'no --fio-target'
    return 0
  fi
  installed fio || return 0
  line=$(command_of "$1" | sed "s|{target}|$fio_target|")
  run_line "$line" || return 0
  values=$(printf '%s\n' "$output" | awk -F ';' '
    $1 == 3 && $5 == 0 && $7 + 0 > 0 {
      for (i = 18; i <= 37; i++) if ($i ~ /^99[.]0*%=/) { tail = $i; sub(/.*=/, "", tail) }
      printf "%.1f %s %s %s", $7 / 1024, $8, $16, tail }')
  case $values in
  *' '*' '*' '[0-9]*)
    # shellcheck disable=SC2086 # four numbers
    set -- $values
    probe measured '' "$(json_object bandwidth "$(value "$1" MiB/s higher)" iops "$(value "$2" 1/s higher)" \
      latency "$(value "$3" us lower)" latency_p99 "$(value "$4" us lower)")"
    ;;
  *) probe failed "its output was not understood: $(printf '%s\n' "$output" | tail -n 3)" ;;
  esac
}

# rdma_probe: the average of ib_write_bw's last line of numbers: bytes, iterations, peak, average, message rate.
rdma_probe() {
  local line output
  if [ -z "$rdma_peer" ]; then
    probe not-asked 'no --rdma-peer'
    return 0
  fi
  installed ib_write_bw || return 0
  line=$(command_of rdma_write | sed "s|{device}|${rdma_device:+-d $rdma_device}|; s|{peer}|$rdma_peer|")
  run_line "$line" || return 0
  measured bandwidth "$(printf '%s\n' "$output" | awk 'NF == 5 && /^ *[0-9][0-9. ]*$/ { last = $4 } END { print last }')" \
    Gbit/s higher "$output"
}
