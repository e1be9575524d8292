log_info() {
  printf '%s\n' "$BRIDGE" >&2
}
