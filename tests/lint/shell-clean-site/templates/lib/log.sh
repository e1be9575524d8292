# log: what a person follows on stderr.

# log_info TEXT: says it.
log_info() {
  printf 'info: %s\n' "$1" >&2
}

# log_warn TEXT: says it.
log_warn() {
  printf 'warning: %s\n' "$1" >&2
}
