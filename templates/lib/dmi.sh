# dmi: which hardware class this machine is.

# dmi_read NAME: prints the DMI value NAME (sys_vendor, product_name, ...) without blanks around it; empty where absent.
dmi_read() {
  local value
  value=
  if [ -r "/sys/class/dmi/id/$1" ]; then
    read -r value <"/sys/class/dmi/id/$1" || :
  fi
  printf '%s\n' "$value"
}

# dmi_class TABLE: prints the row of TABLE whose second and third column are this machine's vendor and product, both
# compared whole. A row is "name|vendor|product|...". Returns 1 when none is.
dmi_class() {
  local vendor product row rest
  vendor=$(dmi_read sys_vendor)
  product=$(dmi_read product_name)
  while IFS= read -r row; do
    rest=${row#*|}
    case $rest in
    "$vendor|$product|"*)
      printf '%s\n' "$row"
      return 0
      ;;
    *) ;;
    esac
  done <<TABLE
$1
TABLE
  return 1
}
