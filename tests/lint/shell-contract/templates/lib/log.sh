# log_info TEXT: says it.
log_info() {
  printf '%s %s\n' "$GREETING" "$1" >&2
}

# say TEXT: says it.
say() {
  printf '%s\n' "$1"
}
