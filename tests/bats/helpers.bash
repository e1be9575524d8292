# shellcheck shell=bash
# $output and the like are set by bats.
# shellcheck disable=SC2154
# Helpers for bats tests of rendered scripts. In a test file:
#
#     # host: j22u05-before          (optional: the fixture host that the container plays)
#     load helpers
#     setup() { host_reset; }
#     @test "a missing GPU is a FAIL" {
#         rm /sys/bus/pci/devices/0000:1b:00.0
#         run_script gpuaas-slice-parity-check
#         [ "$status" -eq 1 ]
#         assert_evidence gpu FAIL '*7 of 8*'
#     }
#
# The runner runs each file once per shell, in a container of its own.

bats_require_minimum_version 1.5.0

GPUAAS_GENERATED=${GPUAAS_GENERATED:-/gpuaas/generated}
GPUAAS_SITE=${GPUAAS_SITE:-example}
GPUAAS_TEST_SHELL=${GPUAAS_TEST_SHELL:-dash}
# Seconds for one run of a script; one that hangs ends with status 124.
GPUAAS_SCRIPT_TIMEOUT=${GPUAAS_SCRIPT_TIMEOUT:-60}
LAB_DISKS=/var/lib/gpuaas-lab/disks
LAB_LOOPS=/run/gpuaas-lab/loops
# A file that all containers see: they take loop devices, which are the kernel's, one after the other.
LAB_LOCK=${BASH_SOURCE[0]}

# Fail a test with a text.
fail() {
    printf '%s\n' "$*" >&2
    return 1
}

# The words that run a script under the shell of this run, in the array `shell_words`.
_shell_words() {
    case $GPUAAS_TEST_SHELL in
        dash) shell_words=(dash) ;;
        busybox) shell_words=(busybox ash) ;;
        bash) shell_words=(bash) ;;
        *) fail "GPUAAS_TEST_SHELL=$GPUAAS_TEST_SHELL: must be one of dash, busybox, bash" ;;
    esac
}

# script_path NAME - the rendered script of that file name (or path below the site's folder). Several
# files of that name must be the same, byte for byte.
script_path() {
    local root=$GPUAAS_GENERATED/$GPUAAS_SITE found first other
    if [ -f "$root/$1" ]; then
        printf '%s\n' "$root/$1"
        return
    fi
    found=$(find "$root" -type f \( -name "$1" -o -name "$1.sh" \) | LC_ALL=C sort)
    [ -n "$found" ] || { fail "no rendered script $1 below $root"; return 1; }
    first=${found%%$'\n'*}
    while read -r other; do
        cmp -s "$first" "$other" || { fail "$first and $other differ: name one by its path"; return 1; }
    done <<<"$found"
    printf '%s\n' "$first"
}

# run_script NAME [argument...] - run the rendered script under the shell of this run. Sets $status,
# $output and $lines (stdout), $stderr; keeps the evidence lines for the table of both colours. Fails when a declared
# check was not reported.
run_script() {
    local path shell_words
    path=$(script_path "$1") || return 1
    _shell_words || return 1
    shift
    run --separate-stderr timeout --kill-after=5 "$GPUAAS_SCRIPT_TIMEOUT" "${shell_words[@]}" "$path" "$@"
    _keep_evidence "${path##*/}"
}

# run_functions NAME CODE [argument...] - run shell code after the script's settings, fragments and
# functions: the script without its trap (line 2) and its last line.
run_functions() {
    local path code=$2 shell_words file=$BATS_TEST_TMPDIR/functions.sh
    path=$(script_path "$1") || return 1
    _shell_words || return 1
    shift 2
    [ "$(sed -n 2p "$path")" = "trap 'exit 70' EXIT" ] || { fail "$path: line 2 is not the trap"; return 1; }
    { sed -e 2d -e '$d' "$path"; printf '%s\n' "$code"; } >"$file"
    run --separate-stderr timeout --kill-after=5 "$GPUAAS_SCRIPT_TIMEOUT" "${shell_words[@]}" "$file" "$@"
}

_keep_evidence() {
    [[ $output != *' detail=was\ not\ reported '* ]] || { fail "$1: a check was not reported: $output"; return 1; }
    [ -n "${GPUAAS_EVIDENCE_LOG:-}" ] || return 0
    # one process: bats looks at each command of a loop over the lines
    sed -n "/^GPUAAS_.* status=/s|^|$1\t$GPUAAS_TEST_SHELL\t$BATS_TEST_NAME\t|p" <<<"$output" >>"$GPUAAS_EVIDENCE_LOG"
}

# find_evidence CHECK - sets $evidence to the one line of $output about this check; fails when there is none or a second.
# (Like all that is called for dozens of checks: no process is started.)
find_evidence() {
    local rest=$'\n'$output$'\n' line pattern=$'\n'"(GPUAAS_[A-Z0-9_]+ ([^"$'\n'" ]+ )*check=$1( [^"$'\n'"]*)?)"$'\n'
    [[ $rest =~ $pattern ]] || { fail "check $1: no evidence line, one is needed, in:"$'\n'"$output"; return 1; }
    line=${BASH_REMATCH[1]}
    rest=${rest/"${BASH_REMATCH[0]}"/$'\n'}
    [[ ! $rest =~ $pattern ]] || { fail "check $1: more than one evidence line in:"$'\n'"$output"; return 1; }
    evidence=$line
}

# find_field CHECK KEY - sets $field to one unquoted value of the check's line; fails when absent.
find_field() {
    local evidence word words
    find_evidence "$1" || return 1
    if [[ ${evidence//\\?/} == *[\'\"]* ]]; then
        # quoted in another way than our scripts do: xargs takes the quotes off without running anything
        mapfile -t words < <(xargs -n 1 printf '%s\n' <<<"$evidence")
    else
        # Without -r, read takes the backslashes off, and a blank after one does not end a word.
        # shellcheck disable=SC2162
        IFS=' ' read -a words <<<"$evidence"
    fi
    for word in "${words[@]}"; do
        if [[ $word == "$2="* ]]; then
            field=${word#*=}
            return 0
        fi
    done
    fail "check $1 has no $2: $evidence"
}

# evidence_line CHECK - prints the one line of $output about this check; fails when there is none or a second.
evidence_line() {
    local evidence
    find_evidence "$1" || return 1
    printf '%s\n' "$evidence"
}

# evidence_field CHECK KEY - prints one unquoted value of the check's line; fails when absent.
evidence_field() {
    local field
    find_field "$@" || return 1
    printf '%s\n' "$field"
}

# evidence_status CHECK - prints PASS, FAIL, WARN or SKIP.
evidence_status() {
    evidence_field "$1" status
}

# assert_evidence CHECK STATUS [DETAIL] - the check has that status, and a detail that fits the glob.
assert_evidence() {
    local evidence field
    find_field "$1" status || return 1
    [ "$field" = "$2" ] || { find_evidence "$1"; fail "check $1: $2 was expected: $evidence"; return 1; }
    [ -n "${3:-}" ] || return 0
    find_field "$1" detail || return 1
    # The third argument is a glob.
    # shellcheck disable=SC2053
    [[ $field == $3 ]] || fail "check $1: detail '$field' does not fit '$3'"
}

# evidence_summary KEY - a number of the last line, such as failures.
evidence_summary() {
    local last
    last=$(tail -n 1 <<<"$output")
    [[ " $last " =~ [[:space:]]$1=([0-9]+)[[:space:]] ]] || { fail "no $1= in the last line: $last"; return 1; }
    printf '%s\n' "${BASH_REMATCH[1]}"
}

# host_reset - put the fixture host back as it was at boot: /sys and /proc wholly, files elsewhere
# overwritten (what a test added there stays). Forgets the calls of stand-ins.
host_reset() {
    local emptied copied
    rm -rf /run/gpuaas-lab/calls /run/gpuaas-lab/commands
    mapfile -t emptied </run/gpuaas-lab/emptied
    mapfile -t copied </run/gpuaas-lab/copied
    # One process for all folders, and one for all copies: there are dozens, and this runs before each test.
    [ "${#emptied[@]}" -eq 0 ] || find "${emptied[@]}" -xdev -mindepth 1 -delete
    [ "${#copied[@]}" -eq 0 ] || (cd /gpuaas/host && cp -RP --parents "${copied[@]}" /)
}

# calls COMMAND - the recorded calls of a stand-in, one a line, without its name.
calls() {
    [ ! -f /run/gpuaas-lab/calls ] || sed -n "s/^$1 //p" /run/gpuaas-lab/calls
}

# answer COMMAND ARGUMENTS STDOUT [STATUS] - change what a stand-in says, until host_reset.
answer() {
    local folder=/run/gpuaas-lab/commands/$1 key=${2//\//%}
    mkdir -p "$folder"
    [ ! -d "/gpuaas/commands/$1" ] || cp -Rn "/gpuaas/commands/$1/." "$folder/"
    printf '%s\n' "$3" >"$folder/$key"
    printf '%s\n' "${4:-0}" >"$folder/$key.status"
}

# loop_disk NAME SIZE [SERIAL [EUI]] - a disk of its own on a file; prints its device. With a serial (and
# an EUI) it has the by-id links of an NVMe disk. It goes with loop_clean, or with the container at the latest.
loop_disk() {
    mkdir -p "$LAB_DISKS"
    rm -f "$LAB_DISKS/$1.img"
    truncate -s "$2" "$LAB_DISKS/$1.img"
    loop_attach "$LAB_DISKS/$1.img" "${3:-}" "${4:-}" || return 1
    udev_settle
    printf '%s\n' "$device"
}

# loop_attach FILE [SERIAL [EUI]] - sets $device to a loop device on the file, as loop_disk does, for several at once: nodes
# and links follow at udev_settle.
loop_attach() {
    device=$(loop_locked losetup --find --show --partscan "$1") || return 1
    mkdir -p "$LAB_LOOPS"
    _disk_properties "$device" "${2:-}" "${3:-}"
}

# loop_locked COMMAND... - a command that takes a loop device, or lets one go to take it again: no other container takes
# one meanwhile. All of them see this file.
loop_locked() {
    flock "$LAB_LOCK" "$@"
}

# disk_identity DEVICE SERIAL [EUI] - who the disk says it is: lsblk and /dev/disk/by-id follow. To move a
# by-id link, give its identity to another disk; a link made by hand is overwritten.
disk_identity() {
    _disk_properties "$@"
    udev_settle
}

_disk_properties() {
    {
        [ -z "${2:-}" ] || printf '%s\n' "ID_SERIAL_SHORT=$2" "ID_MODEL=LAB" "ID_SERIAL=LAB_$2"
        [ -z "${3:-}" ] || printf '%s\n' "ID_WWN=eui.$3"
    } >"$LAB_LOOPS/${1##*/}"
}

# udev_settle - bring nodes of partitions, links in /dev/disk and udev's database up to date, after
# sfdisk, mkfs and the like. lsblk and udevadm settle do it by themselves.
udev_settle() {
    /gpuaas/lab/udev.sh
}

# loop_clean - unmount and detach all disks that loop_disk made; for teardown.
loop_clean() {
    local disk device source target
    for disk in "$LAB_LOOPS"/*; do
        [ -e "$disk" ] || continue
        device=/dev/${disk##*/}
        while read -r source target _; do
            [[ $source != "$device" && $source != "$device"p* ]] || umount --lazy "$target" || true
        done </proc/mounts
        losetup --detach "$device" || true
        rm -f "$disk"
    done
    udev_settle
    rm -rf "$LAB_DISKS"
}
