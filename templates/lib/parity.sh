# parity: what the parity checks of all profiles share: their options, running on another machine, the control plane's
# answer, JSON and the exit status. Needs: log, evidence, json.

# parity_options ARGUMENT...: reads the options into parity_*. Returns 2 after saying what is wrong.
parity_options() {
  parity_help=no
  parity_host=
  parity_user=
  parity_api_base=
  parity_token_file=
  parity_node_id=
  parity_profile=
  parity_final=no
  parity_json=no
  parity_area=
  parity_api=yes
  while [ $# -gt 0 ]; do
    case $1 in
    --help) parity_help=yes ;;
    --final) parity_final=yes ;;
    --json) parity_json=yes ;;
    --no-api) parity_api=no ;;
    --host | --user | --api-base | --api-token-file | --node-id | --profile | --area)
      if [ $# -lt 2 ] || [ -z "$2" ]; then
        log_error "$1 needs a value; see --help"
        return 2
      fi
      parity_option "$1" "$2" || return 2
      shift
      ;;
    *)
      log_error "unknown argument: $1; see --help"
      return 2
      ;;
    esac
    shift
  done
  if [ "$parity_final" = yes ] && [ -n "$parity_area" ]; then
    log_error '--final judges everything, --area a part: give one of the two'
    return 2
  fi
  if [ -z "$parity_host" ] && [ -n "$parity_user" ]; then
    log_error '--user goes with --host'
    return 2
  fi
  if [ -n "$parity_token_file" ] && [ -z "$parity_api_base" ]; then
    log_error '--api-token-file goes with --api-base'
    return 2
  fi
}

# parity_skips_api: returns 0 when the control plane is not to be asked (--no-api).
parity_skips_api() {
  [ "$parity_api" = no ]
}

# parity_option NAME VALUE: keeps one value. Values reach a command line on another machine, so their characters are checked.
parity_option() {
  case $1/$2 in
  --api-token-file/*) ;;
  --api-base/https://?* | --api-base/http://localhost | --api-base/http://localhost[:/]* | --api-base/http://127.0.0.1 | \
    --api-base/http://127.0.0.1[:/]*) ;;
  --api-base/*)
    log_error "--api-base $2: must begin with https:// (http:// only for localhost): a token is sent there"
    return 2
    ;;
  */-* | *[!A-Za-z0-9_.:@,/-]*)
    log_error "$1 $2: must be letters, digits and . _ : @ , -"
    return 2
    ;;
  *) ;;
  esac
  case $1 in
  --host) parity_host=$2 ;;
  --user) parity_user=$2 ;;
  --api-base) parity_api_base=${2%/} ;;
  --api-token-file) parity_token_file=$2 ;;
  --node-id) parity_node_id=$2 ;;
  --area) parity_area=$2 ;;
  *) parity_profile=$2 ;;
  esac
}

# parity_begin CHECK...: starts the run; with --json, evidence is kept until the end.
parity_begin() {
  if [ "$parity_json" = yes ]; then
    exec 8>&1 >/dev/null
  fi
  evidence_begin "$@"
}

# parity_finish DETAIL: the summary; of a part it is never PASS. Returns 1 after a failure; with --final also where the verdict is not PASS.
parity_finish() {
  if [ -n "$parity_area" ]; then
    evidence_blocked="$evidence_blocked other_areas"
  fi
  evidence_summary SLICE_PARITY "$1" checks "$evidence_reported"
  if [ "$parity_json" = yes ]; then
    printf '%s' "$evidence_lines" | json_evidence >&8
  fi
  case $evidence_verdict/$parity_final in
  FAIL/* | WARN/yes) return 1 ;;
  *) return 0 ;;
  esac
}

# parity_elsewhere SCRIPT API_PATH: runs SCRIPT, this very file, on --host over ssh, takes its evidence over, and asks the control
# plane from here, so that the token stays here (no API_PATH: does not ask). Returns 4 where the other machine gave no
# complete answer.
parity_elsewhere() {
  local answer command last line path status target
  if ! [ -r "$1" ]; then
    log_error "cannot read $1: run this script from its file when it is to run on another machine"
    return 2
  fi
  target=${parity_user:+$parity_user@}$parity_host
  command='sh -s -- --no-api'
  if [ "$parity_user" != root ]; then
    command="sudo -n $command"
  fi
  if [ -n "$parity_area" ]; then
    command="$command --area $parity_area"
  fi
  if [ -n "$parity_profile" ]; then
    command="$command --profile $parity_profile"
  fi
  log_info "on $target: $command"
  status=0
  answer=$(timeout 600 ssh -o BatchMode=yes -o ConnectTimeout=15 -- "$target" "$command" <"$1") || status=$?
  last=$(printf '%s\n' "$answer" | tail -n 1)
  case $status/$last in
  [01]/GPUAAS_SLICE_PARITY*\ check=summary\ *) ;;
  *)
    log_error "$target gave no complete answer (exit status $status, last line '$last'): can you log in there without a password, and run sudo -n?"
    return 4
    ;;
  esac
  path=
  case ,${parity_area:-api}, in
  *,api,*) path=$2 ;;
  *) ;;
  esac
  parity_begin ${path:+api_topology}
  while IFS= read -r line; do
    if ! evidence_adopt "$line"; then
      log_warn "$target also said: $line"
    fi
  done <<ANSWER
$answer
ANSWER
  parity_same_counts "$last" || return 4
  if [ -n "$path" ]; then
    parity_topology "$path" "$parity_node_id"
  fi
  parity_finish "$target, asked over ssh"
}

# parity_same_counts SUMMARY: returns 1 unless the lines that arrived are those that the other machine counted.
parity_same_counts() {
  case "$1 " in
  *" checks=$evidence_reported skipped=$evidence_skipped failures=$evidence_failures warnings=$evidence_warnings ") return 0 ;;
  *)
    log_error "lines were lost on the way: $1"
    return 1
    ;;
  esac
}

# parity_token FILE: prints the token. Returns 1 after saying what is wrong with the file.
parity_token() {
  local token
  token=
  if ! [ -f "$1" ] || ! [ -r "$1" ]; then
    printf 'the token file cannot be read\n'
    return 1
  fi
  read -r token <"$1" || :
  case $token in
  '' | *[!A-Za-z0-9._~+/=-]*)
    printf 'the token file does not hold a bearer token on its first line\n'
    return 1
    ;;
  *) printf '%s\n' "$token" ;;
  esac
}

# parity_topology API_PATH NODE_ID: what the control plane knows of this node, as its agent reported it. NODE_ID stands for the
# "{node}" in API_PATH. What could not be asked is WARN.
parity_topology() {
  local answer command missing said token
  missing=
  if [ -z "$parity_api_base" ]; then missing="$missing --api-base"; fi
  if [ -z "$parity_token_file" ]; then missing="$missing --api-token-file"; fi
  if [ -z "$2" ]; then missing="$missing --node-id"; fi
  for command in curl jq; do
    command -v "$command" >/dev/null 2>&1 || missing="$missing command:$command"
  done
  if [ -n "$missing" ]; then
    parity_unasked "not asked, for want of$missing" 'give them: without the control plane this is no approval for scheduling'
    return 0
  fi
  if ! token=$(parity_token "$parity_token_file"); then
    parity_unasked "$token" 'write the token of a platform admin into the file of --api-token-file'
    return 0
  fi
  # the token on stdin: arguments are seen by everybody on this machine
  if ! answer=$(printf 'header = "Authorization: Bearer %s"\n' "$token" |
    timeout 60 curl --silent --show-error --fail --max-time 50 --proto '=http,https' --config - \
      "$parity_api_base${1%%\{node\}*}$2${1#*\{node\}}" 2>&1); then
    parity_unasked "$answer" 'look at --api-base, --node-id and the token'
    return 0
  fi
  # the evidence stands in whatever envelope the control plane uses
  # shellcheck disable=SC2016 # $blockers is jq's
  if ! said=$(printf '%s\n' "$answer" | timeout 20 jq -r '
      [.. | objects | select(has("candidate_summary"))]
      | if length != 1 then error("not one candidate_summary") else .[0] end
      | (.candidate_summary.blockers | if type == "array" then . else error("no list of blockers") end) as $blockers
      | "\(.status) \($blockers | length) \($blockers | map(tostring) | join("; "))"' 2>/dev/null); then
    parity_unasked 'the answer holds no topology evidence (status, candidate_summary.blockers)' \
      'look at --node-id; has the node agent ever reported?'
    return 0
  fi
  parity_topology_verdict "$said"
}

# parity_topology_verdict "STATUS COUNT BLOCKERS"
parity_topology_verdict() {
  case $1 in
  'completed 0 '*) evidence_pass SLICE_PARITY api_topology 'completed with no candidate_summary.blockers' ;;
  'completed '*)
    evidence_fail SLICE_PARITY api_topology "blockers: ${1#completed * }" 'mend what the blockers name, then let the node agent discover again'
    ;;
  *)
    evidence_fail SLICE_PARITY api_topology "the topology discovery is '${1%% *}', not completed" \
      'wait for the node agent, or look at: journalctl -u gpuaas-node-agent'
    ;;
  esac
}

parity_unasked() {
  evidence_warn SLICE_PARITY api_topology "$1" "$2"
}
