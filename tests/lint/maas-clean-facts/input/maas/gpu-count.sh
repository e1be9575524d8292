#!/bin/bash
# --- Start MAAS 1.0 script metadata ---
# name: gpu-count
# title: 'GPUs: how many'
# script_type: test
# hardware_type: graphics
# parallel: any
# tags: gpu-check
# results: [gpus]
# --- End MAAS 1.0 script metadata ---
count=$(lspci -n -d 10de: | grep -c ' 030[02]: ')
cat > "$RESULT_PATH" << EOF
results:
    gpus: $count
EOF
[[ $count -gt 0 ]]
