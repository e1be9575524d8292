# log: what a person follows on stderr. Data and evidence go to stdout, never here.

# log_info TEXT...: what is being done.
# shellcheck disable=SC2329 # not every script calls it
log_info() {
  printf 'info: %s\n' "$*" >&2
}

# log_warn TEXT...: something a person should look at; the script goes on.
# shellcheck disable=SC2329 # not every script calls it
log_warn() {
  printf 'warning: %s\n' "$*" >&2
}

# log_error TEXT...: why the script cannot go on, and what to do about it.
log_error() {
  printf 'error: %s\n' "$*" >&2
}
