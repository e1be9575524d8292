#!/usr/bin/env python3
#
# disk-latency - how long single reads take.
#
# --- Start MAAS 1.0 script metadata ---
# name: disk-latency
# title: Latency of reads
# description: Reads single blocks and reports the slowest
# script_type: testing
# hardware_type: storage
# parallel: instance
# timeout: 00:30:00
# results:
#   slowest:
#     title: Slowest read
#     description: In milliseconds
# parameters:
#   storage:
#     type: storage
#     argument_format: '--disk={path}'
#   reads:
#     type: string
#     title: Reads
#     default: '1000'
#     argument_format: --reads={input}
#   direct:
#     type: boolean
#     default: 'true'
#     argument_format: --direct={input}
# --- End MAAS 1.0 script metadata ---

import argparse
import os
import sys
import time


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--disk", required=True)
    parser.add_argument("--reads", type=int, default=1000)
    parser.add_argument("--direct", choices=["true", "false"], default="true")
    options = parser.parse_args()
    flags = os.O_RDONLY | (os.O_DIRECT if options.direct == "true" else 0)
    started = time.monotonic()
    os.close(os.open(options.disk, flags))
    slowest = time.monotonic() - started
    with open(os.environ["RESULT_PATH"], "w") as file:
        file.write("results:\n  slowest: %d\n" % (slowest * 1000))
    return 0


if __name__ == "__main__":
    sys.exit(main())
