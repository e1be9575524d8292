# require: what must be there before a script starts, reported all at once.

# require_commands NAME...: returns 1 after naming every command that is missing.
require_commands() {
  local name missing
  missing=
  for name; do
    if ! command -v "$name" >/dev/null 2>&1; then
      missing="$missing $name"
    fi
  done
  if [ -n "$missing" ]; then
    log_error "missing commands:$missing; install the packages that hold them and run this again"
    return 1
  fi
}

# require_root: returns 1 unless the effective user is root.
require_root() {
  local user
  user=$(id -u)
  if [ "$user" -ne 0 ]; then
    log_error "must run as root, not as user id $user; use sudo"
    return 1
  fi
}
