# cpu: what the kernel says about the processor.

# cpu_vendor: prints intel, amd or the kernel's own name of the vendor.
cpu_vendor() {
  local line
  while IFS= read -r line; do
    case $line in
    vendor_id*GenuineIntel) printf 'intel\n' ;;
    vendor_id*AuthenticAMD) printf 'amd\n' ;;
    vendor_id*) printf '%s\n' "${line##*: }" ;;
    *) continue ;;
    esac
    return 0
  done </proc/cpuinfo
  printf 'unknown\n'
}

# cpu_has_flag FLAG: returns 0 when the first processor has FLAG. The kernel takes vmx and svm out of the
# flags when firmware has turned them off.
cpu_has_flag() {
  local line
  while IFS= read -r line; do
    case "$line " in
    flags*" $1 "*) return 0 ;;
    flags*) return 1 ;;
    *) ;;
    esac
  done </proc/cpuinfo
  return 1
}
