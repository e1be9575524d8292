# cmdline: the arguments the running kernel was started with.

# cmdline_value NAME: prints the last value of NAME=... in /proc/cmdline (the kernel takes the last). Returns 1
# when it does not stand there.
cmdline_value() {
  local word words value found
  words=
  value=
  found=no
  IFS= read -r words </proc/cmdline || :
  for word in $words; do
    case $word in
    "$1="*)
      value=${word#*=}
      found=yes
      ;;
    *) ;;
    esac
  done
  printf '%s\n' "$value"
  [ "$found" = yes ]
}
