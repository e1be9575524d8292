#!/bin/sh
# Plays a command that needs hardware: prints what was recorded for exactly these arguments.
# commands/<name>/<arguments joined by blanks, / written %> holds stdout, the same name plus .stderr
# and .status the rest; "default" answers other arguments. Every call is logged. (Builtins where they
# do: tests call this hundreds of times.)
set -eu

name=${0##*/}
folder=/gpuaas/commands/$name
[ ! -d "/run/gpuaas-lab/commands/$name" ] || folder=/run/gpuaas-lab/commands/$name
printf '%s\n' "$name $*" >>/run/gpuaas-lab/calls

key=$*
while :; do
    case $key in
        */*) key=${key%%/*}%${key#*/} ;;
        *) break ;;
    esac
done
[ -n "$key" ] || key=no-arguments
[ -f "$folder/$key" ] || key=default
if [ ! -f "$folder/$key" ]; then
    printf '%s: the fixture host has no answer to: %s\n' "$name" "$*" >&2
    exit 125
fi
[ -f "$folder/$key.stderr" ] || [ -f "$folder/$key.status" ] || exec cat "$folder/$key"
cat "$folder/$key"
[ ! -f "$folder/$key.stderr" ] || cat "$folder/$key.stderr" >&2
[ -f "$folder/$key.status" ] || exit 0
read -r status <"$folder/$key.status" || :
exit "$status"
