log_info() {
  printf '%s\n' "$1" >&2
}
warn() {
  printf '%s\n' "$1" >&2
}
