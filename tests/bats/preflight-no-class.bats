# The preflight on a machine of no hardware class.
# host: no-class
# script: 50-gpuaas-slice-firmware-preflight

load helpers

@test "skipped, exit 0, and nothing is looked at or needed" {
    export RESULT_PATH=$BATS_TEST_TMPDIR/result.yaml
    # none of the commands that the checks need is there
    mkdir "$BATS_TEST_TMPDIR/bin"
    for name in sh dash bash busybox cat cmp mv rm chmod mktemp sed; do
        ln -s "$(command -v "$name")" "$BATS_TEST_TMPDIR/bin/$name"
    done
    path=$(script_path 50-gpuaas-slice-firmware-preflight)
    _shell_words
    run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "${shell_words[@]}" "$path"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == *"no\\ hardware\\ class\\ for\\ DMI\\ vendor\\ \\'Example\\ Systems\\',\\ product\\ \\'Web\\ Server\\ 1000\\'" ]]
    [ "$(sed -n 1p "$RESULT_PATH")" = 'status: skipped' ]
    grep -qx '  verdict: "SKIP"' "$RESULT_PATH"
    grep -qx '  hardware_class: "none"' "$RESULT_PATH"
}

@test "vendor and product must both fit, whole" {
    export RESULT_PATH=$BATS_TEST_TMPDIR/result.yaml
    echo 'Dell Inc.' >/sys/devices/virtual/dmi/id/sys_vendor
    for product in 'PowerEdge XE9680' 'PowerEdge XE9680L2' ''; do
        echo "$product" >/sys/devices/virtual/dmi/id/product_name
        run_script 50-gpuaas-slice-firmware-preflight
        [ "$status" -eq 0 ]
        grep -qx 'status: skipped' "$RESULT_PATH"
    done
    echo 'PowerEdge XE9680L' >/sys/devices/virtual/dmi/id/product_name
    run_script 50-gpuaas-slice-firmware-preflight
    grep -qx 'status: degraded' "$RESULT_PATH"
    host_reset
}
