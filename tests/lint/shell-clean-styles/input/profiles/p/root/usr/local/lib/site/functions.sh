# shellcheck shell=sh
# Sourced by the scripts beside it.

site_log() {
    logger -t site -- "$@"
}

site_retry() {
    tries=$1; shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 2
    done
}
