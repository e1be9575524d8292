# gpuaas-node-agent-install and the unit, with real systemd. The agents are small programs of different faults.
# script: gpuaas-node-agent-install

load helpers

SCRIPT=gpuaas-node-agent-install
BINARY=/usr/local/bin/gpuaas-node-agent
KEPT=/var/lib/gpuaas/node-agent
SECRET=/etc/gpuaas/node-agent.secret
UNIT=gpuaas-node-agent.service

# agent FILE VERSION [CODE]: a program that reports VERSION, runs CODE, then goes on for ever; its last argument is VERSION.
agent() {
    cat >"$1" <<AGENT
#!/bin/sh
[ "\${1:-}" != --version ] || { echo "gpuaas-node-agent version=$2 built_at=2026-04-17T11:21:12Z"; exit 0; }
${3:-}
exec /bin/sh -c 'while :; do sleep 3600; done' $BINARY $2
AGENT
    chmod 755 "$1"
}

# running: the version of the process that runs.
running() {
    tr '\000' '\n' <"/proc/$(systemctl show -p MainPID --value "$UNIT")/cmdline" | tail -n 1
}

# systemctl_ignores VERB
systemctl_ignores() {
    printf '#!/bin/sh\n[ "$1" != %s ] || exit 0\nexec /usr/bin/systemctl "$@"\n' "$1" >/usr/local/bin/systemctl
    chmod 755 /usr/local/bin/systemctl
}

# unit_gets LINE...: a drop-in for the unit
unit_gets() {
    printf '%s\n' "$@" >"/run/systemd/system/$UNIT.d/test.conf"
    systemctl daemon-reload
}

sum() {
    sha256sum "$1" | cut -d' ' -f1
}

setup() {
    install -D -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/gpuaas/node.env" /etc/gpuaas/node.env
    install -D -m 644 "$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root/etc/systemd/system/$UNIT" "/etc/systemd/system/$UNIT"
    # a failing agent is tried again at once, as in production after RestartSec
    mkdir -p "/run/systemd/system/$UNIT.d"
    printf '[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestartSec=100ms\n' >"/run/systemd/system/$UNIT.d/quick.conf"
    systemctl daemon-reload
    printf 'very-secret\n' | install -m 600 /dev/stdin "$SECRET"
    new=$BATS_TEST_TMPDIR/new
    agent "$new" 2.0
    with_setting STEADY 1
}

teardown() {
    ! mountpoint -q /usr/local/bin || umount /usr/local/bin
    ! mountpoint -q "$KEPT" || umount "$KEPT"
    rm -rf /usr/local/bin/systemctl /usr/local/bin/flock "/run/systemd/system/$UNIT.d/test.conf"
    systemctl stop "$UNIT"
    # systemd reads it anew before the next test
    rm -rf "$KEPT" "$BINARY" "$SECRET" "/etc/systemd/system/multi-user.target.wants/$UNIT"
}

with_setting() {
    local path
    path=$(script_path "$SCRIPT")
    mkdir -p "$BATS_TEST_TMPDIR/generated/$GPUAAS_SITE"
    sed "s|^readonly $1=.*|readonly $1='$2'|" "$path" >"$BATS_TEST_TMPDIR/generated/$GPUAAS_SITE/$SCRIPT"
    export GPUAAS_GENERATED=$BATS_TEST_TMPDIR/generated
}

# put FILE VERSION [argument...]
put() {
    local file=$1 version=$2
    shift 2
    run_script "$SCRIPT" --binary "$file" --sha256 "$(sum "$file")" --version "$version" "$@"
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

old_works() {
    agent "$BATS_TEST_TMPDIR/old" 1.0
    put "$BATS_TEST_TMPDIR/old" 1.0
    [ "$status" -eq 0 ] || fail "$output $stderr"
}

@test "first installation: installed, enabled, active, its version read; every check PASS" {
    put "$new" 2.0
    [ "$status" -eq 0 ] || fail "$output $stderr"
    for check in supplied secret unit installed enabled active reported; do assert_evidence "$check" PASS; done
    assert_evidence rollback SKIP 'not needed'
    cmp "$new" "$BINARY"
    [ "$(systemctl is-active "$UNIT")" = active ]
    [[ $output$stderr != *very-secret* ]]
    # the agent gets the secret as a credential of its own
    pid=$(systemctl show -p MainPID --value "$UNIT")
    grep -qz '^GPUAAS_ENROLMENT_FILE=/run/credentials/' "/proc/$pid/environ"
    run ! grep -qaz very-secret "/proc/$pid/environ"
}

@test "again, with digest and version from the node's config: nothing to do, the process is the same" {
    put "$new" 2.0
    pid=$(systemctl show -p MainPID --value "$UNIT")
    sed -i -e "s/^GPUAAS_NODE_AGENT_SHA256=.*/GPUAAS_NODE_AGENT_SHA256='$(sum "$new")'/" \
        -e "s/^GPUAAS_NODE_AGENT_VERSION=.*/GPUAAS_NODE_AGENT_VERSION='2.0'/" /etc/gpuaas/node.env
    run_script "$SCRIPT" --binary "$new"
    [ "$status" -eq 0 ]
    [[ $stderr == *'nothing to do'* ]]
    [ "$(systemctl show -p MainPID --value "$UNIT")" = "$pid" ]
}

@test "an update: the one before is kept" {
    old_works
    put "$new" 2.0
    [ "$status" -eq 0 ] || fail "$output $stderr"
    cmp "$BATS_TEST_TMPDIR/old" "$KEPT/previous"
    [ "$(running)" = 2.0 ]
}

@test "--dry-run names every change and makes none" {
    old_works
    before=$(sum "$BINARY"; running; head "$KEPT"/*)
    put "$new" 2.0 --dry-run
    [ "$status" -eq 3 ] || fail "$status $output $stderr"
    assert_evidence installed WARN 'dry run: would install*'
    [ "$(sum "$BINARY"; running; head "$KEPT"/*)" = "$before" ]
    # a version that is wrong is told, and nothing is rolled back
    put "$new" 3.0 --dry-run
    only_fails reported
    assert_evidence rollback SKIP 'dry run*'
    [ "$(sum "$BINARY"; running; head "$KEPT"/*)" = "$before" ]
}

@test "wrong usage: no program, no digest or version, an option without value, unknown; not root; missing commands; no node.env" {
    run_script "$SCRIPT"
    [ "$status" -eq 2 ]
    [[ $stderr == *'--binary FILE'* ]]
    run_script "$SCRIPT" --binary "$new"
    [ "$status" -eq 2 ]
    [[ $stderr == *'both digest and version'* ]]
    run_script "$SCRIPT" --binary "$new" --sha256 "$(sum "$new")"
    [ "$status" -eq 2 ]
    run_script "$SCRIPT" --binary
    [ "$status" -eq 2 ]
    run_script "$SCRIPT" --force
    [ "$status" -eq 2 ]
    run_script "$SCRIPT" --help
    [ "$status" -eq 0 ]
    [[ $output == *'--sha256 DIGEST'* ]]
    path=$(GPUAAS_GENERATED=/gpuaas/generated script_path "$SCRIPT")
    _shell_words
    run --separate-stderr setpriv --reuid 65534 --clear-groups "${shell_words[@]}" "$path" --binary x
    [ "$status" -eq 1 ]
    [[ $stderr == *'must run as root'* ]]
    mkdir "$BATS_TEST_TMPDIR/bin"
    for name in "${shell_words[0]}" sh; do ln -s "$(command -v "$name")" "$BATS_TEST_TMPDIR/bin/$name"; done
    run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "${shell_words[@]}" "$path" --binary x
    [ "$status" -eq 1 ]
    [[ $stderr == *'missing commands:'*' sha256sum '*' systemctl '* ]]
    rm /etc/gpuaas/node.env
    put "$new" 2.0
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [ ! -e "$BINARY" ]
}

@test "while another run is under way only a dry run looks" {
    printf '#!/bin/sh\n[ "$1" = -w ]\nexec /usr/bin/flock -n "$3"\n' >/usr/local/bin/flock # impatient
    chmod 755 /usr/local/bin/flock
    exec 8>/run/gpuaas-node-agent-install.lock
    flock -w 1 8
    put "$new" 2.0 8>&-
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [[ $stderr == *'another run of this script'* ]]
    put "$new" 2.0 --dry-run 8>&-
    [ "$status" -eq 3 ]
    exec 8>&-
    [ ! -e "$BINARY" ]
}

@test "supplied: another digest, an empty file, none: FAIL, nothing is installed" {
    old_works
    before=$(sum "$BINARY")
    run_script "$SCRIPT" --binary "$new" --sha256 "$(printf '%064d' 0)" --version 2.0
    only_fails supplied installed enabled active reported
    assert_evidence supplied FAIL "its digest is $(sum "$new"), not $(printf '%064d' 0)"
    : >"$BATS_TEST_TMPDIR/empty"
    put "$BATS_TEST_TMPDIR/empty" 2.0
    only_fails supplied installed
    assert_evidence supplied FAIL '*is missing, empty, or no regular file'
    run_script "$SCRIPT" --binary /no/such --sha256 "$(printf '%064d' 0)" --version 2.0
    only_fails supplied installed
    [ "$(sum "$BINARY")" = "$before" ]
    [ "$(systemctl is-active "$UNIT")" = active ]
}

@test "secret: missing, empty, open to others, somebody else's: FAIL, never shown, nothing is installed" {
    chmod 644 "$SECRET"
    put "$new" 2.0
    only_fails secret installed
    assert_evidence secret FAIL '*: regular file 0 644'
    [[ $output$stderr != *very-secret* ]]
    chmod 600 "$SECRET"
    chown 65534 "$SECRET"
    put "$new" 2.0
    only_fails secret installed
    assert_evidence secret FAIL '*: regular file 65534 600'
    : >"$SECRET"
    chown 0 "$SECRET"
    put "$new" 2.0
    only_fails secret installed
    assert_evidence secret FAIL '* is empty'
    rm "$SECRET"
    put "$new" 2.0
    only_fails secret installed
    assert_evidence secret FAIL '* is missing'
    [ ! -e "$BINARY" ]
}

@test "unit: not installed is FAIL; enabled: one that cannot be enabled is FAIL" {
    rm "/etc/systemd/system/$UNIT"
    systemctl daemon-reload
    put "$new" 2.0
    only_fails unit installed
    install -m 644 "/gpuaas/generated/$GPUAAS_SITE/profiles/slice-vm/root/etc/systemd/system/$UNIT" "/etc/systemd/system/$UNIT"
    systemctl_ignores enable
    put "$new" 2.0
    only_fails enabled
    rm /usr/local/bin/systemctl
    put "$new" 2.0
    assert_evidence enabled PASS
}

@test "installed: where there is no room for the new one, or none to keep the old one, that is FAIL, and the old one stays" {
    old_works
    mount -t tmpfs -o size=4k tmpfs /usr/local/bin
    cp "$BATS_TEST_TMPDIR/old" "$BINARY"
    put "$new" 2.0
    only_fails installed enabled active reported
    assert_evidence rollback SKIP 'not needed'
    cmp "$BATS_TEST_TMPDIR/old" "$BINARY"
    [ "$(ls /usr/local/bin)" = gpuaas-node-agent ]
    umount /usr/local/bin
    rm "$KEPT/previous" 2>/dev/null || true
    mount -t tmpfs -o size=4k tmpfs "$KEPT"
    sum "$BINARY" >"$KEPT/proven"
    put "$new" 2.0
    only_fails installed
    cmp "$BATS_TEST_TMPDIR/old" "$BINARY"
    [ "$(ls "$KEPT")" = proven ]
}

@test "active: one that ends is FAIL, and the one before is active again" {
    old_works
    agent "$new" 2.0 'exit 1'
    put "$new" 2.0
    only_fails active reported
    assert_evidence rollback PASS 'version 1.0 is active again'
    cmp "$BATS_TEST_TMPDIR/old" "$BINARY"
    [ "$(systemctl is-active "$UNIT")" = active ]
    # one that lives for a moment only is no better
    agent "$new" 2.0 'sleep 0.3; exit 1'
    put "$new" 2.0
    only_fails active
    assert_evidence rollback PASS
    cmp "$BATS_TEST_TMPDIR/old" "$BINARY"
    # a process that is something else
    unit_gets '[Service]' ExecStart= 'ExecStart=/bin/sleep 3600'
    put "$new" 2.0
    assert_evidence active FAIL
    assert_evidence rollback FAIL 'the binary before does not become active either'
}

@test "active: one that had worked before and does no more is FAIL, and stays" {
    old_works
    unit_gets '[Service]' 'ExecStartPre=/bin/false'
    systemctl stop "$UNIT"
    put "$BATS_TEST_TMPDIR/old" 1.0
    only_fails active reported
    assert_evidence rollback SKIP 'nothing was changed*'
    cmp "$BATS_TEST_TMPDIR/old" "$BINARY"
    # systemd starts one that failed too often no more: a good one is started all the same
    unit_gets '[Unit]' StartLimitIntervalSec=1h StartLimitBurst=2 '[Service]' 'ExecStartPre=/bin/false'
    for _ in 1 2 3; do systemctl restart "$UNIT" 2>/dev/null || true; done
    unit_gets '[Unit]' StartLimitIntervalSec=1h StartLimitBurst=2
    run ! systemctl restart "$UNIT"
    put "$new" 2.0
    [ "$status" -eq 0 ] || fail "$output $stderr"
}

@test "reported: another version, or none, is FAIL, and the one before is active again" {
    old_works
    put "$new" 3.0
    only_fails reported
    assert_evidence reported FAIL "it reports version '2.0', not 3.0"
    assert_evidence rollback PASS 'version 1.0 is active again'
    cmp "$BATS_TEST_TMPDIR/old" "$BINARY"
    [ "$(running)" = 1.0 ]
}

@test "reported: where it cannot be noted that it works, that is FAIL, and a first one is removed" {
    mkdir -p "$KEPT"
    mount -t tmpfs -o size=4k tmpfs "$KEPT"
    head -c 4096 /dev/zero >"$KEPT/full"
    put "$new" 2.0
    only_fails reported
    assert_evidence reported FAIL "$KEPT/proven cannot be written"
    assert_evidence rollback PASS '*is removed*'
}

@test "rollback: a first one that does not work is removed; where the old one fails too it is FAIL" {
    agent "$new" 2.0 'exit 1'
    put "$new" 2.0
    only_fails active
    assert_evidence rollback PASS '*is removed*'
    [ ! -e "$BINARY" ]
    [ "$(systemctl is-enabled "$UNIT" || true)" = disabled ]
    # one that goes on running is no success
    agent "$new" 2.0
    systemctl_ignores disable
    put "$new" 3.0
    assert_evidence rollback FAIL 'there is none before, *could not be removed'
    rm /usr/local/bin/systemctl
    agent "$new" 2.0 'exit 1'
    old_works
    agent "$BATS_TEST_TMPDIR/old2" 1.0 'exit 1'
    rm "$KEPT/proven"
    cp "$BATS_TEST_TMPDIR/old2" "$BINARY.x" && mv "$BINARY.x" "$BINARY"
    put "$new" 2.0
    [ "$status" -eq 1 ]
    assert_evidence active FAIL
    assert_evidence rollback FAIL
}

@test "killed after the replacement: the next run judges the new one, and can still go back" {
    old_works
    agent "$new" 2.0 'exit 1'
    # what a run leaves that was killed between replacement and restart
    cp -p "$BINARY" "$KEPT/previous"
    install -m 755 "$new" "$BINARY.x" && mv "$BINARY.x" "$BINARY"
    put "$new" 2.0
    only_fails active
    assert_evidence rollback PASS 'version 1.0 is active again'
    # and another one on top of one that was never seen to work keeps the good one
    install -m 755 "$new" "$BINARY.x" && mv "$BINARY.x" "$BINARY"
    agent "$BATS_TEST_TMPDIR/third" 3.0
    put "$BATS_TEST_TMPDIR/third" 3.0
    [ "$status" -eq 0 ] || fail "$output $stderr"
    cmp "$BATS_TEST_TMPDIR/old" "$KEPT/previous"
}

@test "the unit is hardened, and does not start without a binary" {
    exposure=$(systemd-analyze security --no-pager "$UNIT" | sed -n 's/.*Overall exposure level.*: \([0-9]*\)\..*/\1/p')
    [ "$exposure" -lt 7 ] || fail "exposure $exposure"
    systemctl start "$UNIT"
    [ "$(systemctl is-active "$UNIT" || true)" = inactive ]
}
