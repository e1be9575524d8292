# log_info TEXT: says it.
log_info() {
  printf '%s\n' "$1" >&2;
}
