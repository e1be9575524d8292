# result: what MAAS reads from $RESULT_PATH: a status, named values, and every evidence line. Needs: evidence, file.
# MAAS takes texts, numbers, booleans and lists of them under the names that the script's metadata declares.

# result_value NAME TEXT: adds a named value.
result_value() {
  evidence_escape "$2"
  result_yaml "$evidence_escaped"
  result_values="${result_values:-}  $1: $result_yamled
"
}

# result_write PATH STATUS: writes STATUS (passed, failed, degraded, skipped), the values and the evidence lines printed
# so far, as YAML. Returns 1 where the file cannot be written.
result_write() {
  local evidence
  evidence=
  if [ -n "$evidence_lines" ]; then
    # each is printable ASCII on one line
    evidence=$(printf '%s' "$evidence_lines" | sed 's/["\\]/\\&/g; s/.*/    - "&"/') || return 1
    evidence="  evidence:
$evidence
"
  fi
  printf '%s' "status: $2
results:
${result_values:-}$evidence" | file_write "$1" 0644
}

# result_yaml TEXT: sets result_yamled to TEXT, which is printable ASCII, as a double-quoted YAML text.
result_yaml() {
  local rest safe
  rest=$1
  result_yamled='"'
  while [ -n "$rest" ]; do
    safe=${rest%%[\"\\]*}
    result_yamled=$result_yamled$safe
    rest=${rest#"$safe"}
    if [ -n "$rest" ]; then
      result_yamled="$result_yamled\\${rest%"${rest#?}"}"
      rest=${rest#?}
    fi
  done
  result_yamled="$result_yamled\""
}
