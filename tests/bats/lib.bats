# Library fragments, as they stand in a rendered script: what the scripts' own tests do not reach.

load helpers

SCRIPT=50-gpuaas-slice-firmware-preflight

# code TEXT [argument...]: runs shell code after the fragments, with LC_ALL=C as main sets it.
code() {
    local text=$1
    shift
    run_functions "$SCRIPT" "LC_ALL=C; export LC_ALL
$text" "$@"
}

@test "evidence: any text stays on one line of printable ASCII and comes back through the shell" {
    code 'evidence_begin a; evidence_fail X a "$1" "$2"' $'two\nlines\t"and" $(more) `x` \\ * ? ~ # ; & | < > ( ) [ ] { } ! %s' "it's é"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 1 ]
    ! LC_ALL=C grep -q '[^ -~]' <<<"$output"
    eval "set -- $output"
    [ "$4" = 'detail=two\nlines\t"and" $(more) `x` \ * ? ~ # ; & | < > ( ) [ ] { } ! %s' ]
    [ "$5" = 'remediation=it'"'"'s \xc3\xa9' ]
}

@test "evidence: every byte can be reported" {
    code 'bytes=$(i=1; while [ "$i" -lt 256 ]; do printf "\\$(printf "%03o" "$i")"; i=$((i + 1)); done; printf .)
evidence_begin a; evidence_pass X a "$bytes"; result_write "$1" passed' "$BATS_TEST_TMPDIR/r"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 1 ]
    python3 -c 'import shlex, sys, yaml
words = shlex.split(sys.argv[1])
want = "".join("\\n" if b == 10 else "\\t" if b == 9 else chr(b) if 32 <= b < 127 else f"\\x{b:02x}" for b in range(1, 256)) + "."
assert words[3] == "detail=" + want, words[3]
assert yaml.safe_load(open(sys.argv[2])) == {"status": "passed", "results": {"evidence": [sys.argv[1]]}}' "$output" "$BATS_TEST_TMPDIR/r"
}

@test "evidence: an empty detail is an empty word" {
    code 'evidence_begin a; evidence_pass X a ""'
    [ "$output" = "GPUAAS_X status=PASS check=a detail=''" ]
}

@test "evidence: a declared check that is not reported is a FAIL in the summary" {
    code 'evidence_begin a b; evidence_pass X a fine; evidence_summary X done; printf "%s\n" "$evidence_verdict"'
    assert_evidence b FAIL 'was not reported'
    [ "${lines[-1]}" = FAIL ]
    grep -q 'check=summary .*failures=1 warnings=0$' <<<"$output"
}

@test "evidence: an undeclared check, a check reported twice and an unknown status end the script with 70" {
    code 'evidence_begin a; evidence_pass X b fine; echo still here'
    [ "$status" -eq 70 ]
    [ -z "$output" ]
    code 'evidence_begin a; evidence_pass X a fine; evidence_fail X a bad worse; echo still here'
    [ "$status" -eq 70 ]
    [ "${#lines[@]}" -eq 1 ]
    code 'evidence_begin a; evidence_report X GOOD a fine ""; echo still here'
    [ "$status" -eq 70 ]
    [ -z "$output" ]
}

@test "evidence: nothing checked is a FAIL, all PASS is PASS, a warning is WARN" {
    code 'evidence_begin; evidence_summary X done'
    [[ $output == *status=FAIL* ]]
    code 'evidence_begin a; evidence_pass X a fine; evidence_summary X done'
    [ "$(evidence_field summary status)" = PASS ]
    code 'evidence_begin a b; evidence_pass X a fine; evidence_warn X b hm look; evidence_summary X done'
    [ "$(evidence_field summary status)" = WARN ]
    code 'evidence_begin a b; evidence_pass X a fine; evidence_skip X b "nothing here"; evidence_summary X done'
    [ "$(evidence_field summary status)" = PASS ]
}

@test "evidence: what stands on FAIL, WARN or nothing is SKIP, and the summary is not PASS; so is what stands on that" {
    for report in 'evidence_fail X a bad fix' 'evidence_warn X a hm look' ':'; do
        code "evidence_begin a b c; $report
if evidence_stands_on X b a; then evidence_pass X b fine; fi
if evidence_stands_on X c b; then evidence_pass X c fine; fi
evidence_declared=' b c '; evidence_failures=0; evidence_warnings=0; evidence_summary X done"
        assert_evidence b SKIP 'stands on a, which is *'
        assert_evidence c SKIP 'stands on b, which is SKIP'
        [ "$(evidence_field summary status)" = WARN ] || fail "after: $report"
    done
}

@test "evidence: what stands on a SKIP with nothing to judge does not spoil the summary" {
    code 'evidence_begin a b; evidence_skip X a "not here"; if evidence_stands_on X b a; then evidence_pass X b fine; fi
evidence_summary X done'
    assert_evidence b SKIP
    [ "$(evidence_field summary status)" = PASS ]
}

@test "evidence: of several dependencies the first that is not PASS is named" {
    code 'evidence_begin a b c; evidence_pass X a fine; evidence_fail X b bad fix
if evidence_stands_on X c a b; then evidence_pass X c fine; fi'
    assert_evidence c SKIP 'stands on b, which is FAIL'
}

@test "evidence: an area's verdict is its worst status, and no other area's" {
    code 'evidence_begin a b c d e; evidence_pass X a 1; evidence_skip X b 1; evidence_area_verdict X
evidence_warn X c 1 2; evidence_area_verdict X; evidence_fail X d 1 2; evidence_area_verdict X
evidence_pass XY e 1; evidence_area_verdict XY; evidence_area_verdict Z'
    [ "$(grep -v GPUAAS <<<"$output" | tr '\n' ' ')" = 'SKIP WARN FAIL PASS SKIP ' ]
}

@test "file: new with its mode, unchanged untouched, changed keeps mode and owner, failed leaves the old" {
    local file=$BATS_TEST_TMPDIR/file
    code 'printf one | file_write "$1" 0640' "$file"
    [ "$(stat -c '%a' "$file")" = 640 ]
    chmod 604 "$file"
    chown 1000:1001 "$file"
    inode=$(stat -c %i "$file")
    code 'printf one | file_write "$1" 0640' "$file"
    [ "$(stat -c %i "$file")" = "$inode" ]
    code 'printf two | file_write "$1" 0640' "$file"
    [ "$(cat "$file")" = two ]
    [ "$(stat -c '%a %u %g' "$file")" = '604 1000 1001' ]
    # what cannot be done is an error, and leaves nothing
    for name in chown chmod mv; do
        code "$name() { return 1; }; printf three | file_write \"\$1\" 0640" "$file"
        [ "$status" -eq 1 ] && [[ $stderr == *'error: cannot '*" $file"* ]] || fail "$name: $status $stderr"
    done
    code 'printf one | file_write "$1" 0640' "$BATS_TEST_TMPDIR/no/such"
    [ "$status" -eq 1 ]
    [[ $stderr == *'error: cannot write beside '* ]]
    mkdir "$BATS_TEST_TMPDIR/folder"
    code 'printf one | file_write "$1" 0640' "$BATS_TEST_TMPDIR/folder"
    [ "$status" -eq 1 ]
    [[ $stderr == *'folder: it is a folder; move it away'* ]]
    [ -z "$(ls "$BATS_TEST_TMPDIR/folder")" ]
    [ "$(cat "$file")" = two ]
    [ "$(ls "$BATS_TEST_TMPDIR" | grep -c '^file')" -eq 1 ]
    # a full disk
    mkdir "$BATS_TEST_TMPDIR/full"
    mount -t tmpfs -o size=64k full "$BATS_TEST_TMPDIR/full"
    echo old >"$BATS_TEST_TMPDIR/full/file"
    code 'head -c 200000 /dev/zero | file_write "$1" 0644' "$BATS_TEST_TMPDIR/full/file"
    left=$(ls "$BATS_TEST_TMPDIR/full")
    text=$(cat "$BATS_TEST_TMPDIR/full/file")
    umount "$BATS_TEST_TMPDIR/full"
    [ "$status" -eq 1 ]
    [[ $stderr == *'is the disk full?'* ]]
    [ "$text" = old ]
    [ "$left" = file ]
}

@test "cmdline: the last value counts, and a name is matched whole" {
    echo 'a=1 b=2 xa=3 a=4 quiet' >"$BATS_TEST_TMPDIR/cmdline"
    run_functions "$SCRIPT" 'cmdline_value a; cmdline_value b; cmdline_value quiet || echo none; cmdline_value c || echo none'
    # here the kernel's own command line was read: only its form is known
    path=$(script_path "$SCRIPT")
    _shell_words
    { sed -e 2d -e '$d' "$path"; echo 'cmdline_value a; cmdline_value b; cmdline_value quiet || echo none; cmdline_value c || echo none'; } >"$BATS_TEST_TMPDIR/code"
    run unshare -m --propagation private sh -c 'mount --bind "$1" /proc/cmdline; shift; exec "$@"' sh \
        "$BATS_TEST_TMPDIR/cmdline" "${shell_words[@]}" "$BATS_TEST_TMPDIR/code"
    [ "$(tr '\n' ' ' <<<"$output")" = '4 2  none  none ' ]
}

@test "nvme: which names are whole namespaces" {
    code 'for name in nvme0n1 nvme12n34 nvme4c4n1 nvme0 nvme0n1p1 nvmen1 nvme0n nvme-fabrics nvme0n1n2 sda; do
if nvme_is_namespace "$name"; then echo "$name"; fi; done'
    [ "$output" = $'nvme0n1\nnvme12n34' ]
}
