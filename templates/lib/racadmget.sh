# racadmget: gets racadm onto a machine that lacks it, from Dell's signed repository. Needs: racadm, aptrepo, log.

# racadmget_find CLASS REPOSITORY SUITE PACKAGE KEY_URL FINGERPRINT: sets racadmget_command to the racadm to run, after
# installing it where it is absent, and racadmget_said to what was found or done. Returns 1, with the reason in
# racadmget_said, where there is none.
racadmget_find() {
  local answer
  racadm_begin
  if racadmget_command=$(racadm_command); then
    racadmget_said=$racadmget_command
    return 0
  fi
  case "$2|$3|$4|$5|$6|" in
  *'-|'*)
    racadmget_said="racadm absent, and class $1 does not say where it comes from"
    return 1
    ;;
  *) ;;
  esac
  log_info "racadm absent: installing $4 from $2"
  if ! aptrepo_install gpuaas-racadm "$2" "$3" "$5" "$6" "$4"; then
    racadmget_said="racadm absent, and not installed: $aptrepo_problem"
    return 1
  fi
  if ! racadmget_command=$(racadm_command); then
    racadmget_said="racadm absent, though $4 $aptrepo_version is installed"
    return 1
  fi
  racadmget_said="$racadmget_command, installed now: $4 $aptrepo_version, signed by $6"
  answer=$(timeout 120 "$racadmget_command" get iDRAC.Lockdown 2>&1 </dev/null) || :
  case $answer in
  *RAC1170*)
    log_info 'racadm does not find its libraries: linking them'
    racadm_libraries || log_warn 'there is no libssl or libcrypto to link to'
    ;;
  *) ;;
  esac
}
