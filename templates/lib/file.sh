# file: writing files so that a reader sees the old content or the new one, never half.

# file_write PATH MODE: makes PATH hold what stands on stdin.
# A file that already holds it is not touched and keeps its mode; one that changes keeps its mode and
# owner too; a new one gets MODE. Returns 1 where it could not be written; PATH is then as it was.
file_write() {
  local path mode temporary
  path=$1
  mode=$2
  if [ -d "$path" ]; then
    log_error "cannot write $path: it is a folder; move it away"
    return 1
  fi
  temporary=$(mktemp "$path.XXXXXX") || {
    log_error "cannot write beside $path: is its folder there and writable, is the disk full?"
    return 1
  }
  if ! cat >"$temporary"; then
    rm -f "$temporary"
    log_error "cannot write $path: is the disk full?"
    return 1
  fi
  if [ -f "$path" ] && cmp -s "$path" "$temporary"; then
    rm -f "$temporary"
    return 0
  fi
  if [ -e "$path" ]; then
    chown --reference="$path" "$temporary" && chmod --reference="$path" "$temporary"
  else
    chmod "$mode" "$temporary"
  fi || {
    rm -f "$temporary"
    log_error "cannot set owner and mode of $path"
    return 1
  }
  if ! mv -f "$temporary" "$path"; then
    rm -f "$temporary"
    log_error "cannot replace $path"
    return 1
  fi
}
