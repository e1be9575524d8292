log_info() {
  printf '%s %s\n' "$LOG_PREFIX" "$1" >&2
}
