# Reads only. One function per area; each check is one evidence line, each device one INFO line.

main() {
  local row fail_unfit
  fail_unfit=no
  # MAAS gives the parameter as one argument; only the exact text true counts
  if [ "${1:-}" = --fail-unfit=true ]; then
    fail_unfit=yes
  fi
  # text is handled as bytes, and tools answer in English
  LC_ALL=C
  export LC_ALL
  evidence_begin \
    cpu_vendor smt kernel_log kernel_lockdown racadm bmc_lockdown bios_settings bios_pending \
    cpu_virtualization kvm_module kvm_device \
    iommu_table iommu_groups \
    gpu_count gpu_link gpu_numa nvswitch_count \
    bf3_count bf3_link bf3_sriov \
    fabric_count fabric_link fabric_numa \
    nvme_count nvme_identity os_disk nvme_raw
  if ! row=$(dmi_class "$HARDWARE_CLASSES"); then
    skip_machine
    return 0
  fi
  require_commands awk dmesg find mktemp modprobe readlink timeout wipefs
  require_root
  class_read "$row"
  log_info "hardware class $class_name; reading only"
  firmware_area
  kvm_area
  iommu_area
  pci_scan
  driver_scan
  gpu_area
  bf3_area
  fabric_area
  nvme_area
  finish
  if [ "$evidence_verdict" = FAIL ] && [ "$fail_unfit" = yes ]; then
    log_error 'not fit for slices, and fail_unfit is true: see the lines with status=FAIL'
    return 1
  fi
}

# skip_machine: a machine of no class is none of this script's business.
skip_machine() {
  local vendor product
  vendor=$(dmi_read sys_vendor)
  product=$(dmi_read product_name)
  evidence_fact SLICE_SUMMARY hardware_class "no hardware class for DMI vendor '$vendor', product '$product'"
  result_value verdict SKIP
  result_value hardware_class none
  write_result skipped
}

# class_read ROW: splits the class's row into class_*.
class_read() {
  IFS='|' read -r class_name _ _ class_bmc class_cpu \
    class_gpu_ids class_gpu_count class_nvswitch_ids class_nvswitch_count \
    class_bf3_ids class_bf3_count class_fabric_ids class_fabric_count \
    class_nvme_count class_os_model class_bios class_bios_groups \
    class_repository class_suite class_package class_key_url class_fingerprint <<ROW
$1
ROW
}

# write_result STATUS: the YAML, where MAAS asks for it.
write_result() {
  if [ -n "${RESULT_PATH:-}" ]; then
    result_write "$RESULT_PATH" "$1"
  fi
}

# finish: summary line and YAML. "degraded" shows in MAAS and does not fail the commissioning; main's status may.
finish() {
  local area verdict
  evidence_summary SLICE_SUMMARY "hardware class $class_name"
  result_value verdict "$evidence_verdict"
  result_value hardware_class "$class_name"
  for area in FIRMWARE:firmware KVM:kvm IOMMU:iommu GPU:gpu BF3:bf3 FABRIC:fabric NVME:nvme; do
    verdict=$(evidence_area_verdict "SLICE_${area%:*}")
    result_value "${area#*:}" "$verdict"
  done
  result_value failures "$evidence_failures"
  result_value warnings "$evidence_warnings"
  if [ "$evidence_verdict" = PASS ]; then
    write_result passed
  else
    write_result degraded
  fi
}

# --- firmware ---------------------------------------------------------------------------------------

firmware_area() {
  local vendor release
  evidence_fact SLICE_FIRMWARE hardware_class "$class_name"
  release=$(dmi_read bios_version)
  evidence_fact SLICE_FIRMWARE bios_version "${release:-unknown}"
  vendor=$(cpu_vendor)
  if [ "$class_cpu" = - ]; then
    evidence_warn SLICE_FIRMWARE cpu_vendor "$vendor; class $class_name names no vendor" \
      'set cpu.vendor of the hardware class'
    # what follows is judged for the processor that is there
    class_cpu=$vendor
  elif [ "$vendor" = "$class_cpu" ]; then
    evidence_pass SLICE_FIRMWARE cpu_vendor "$vendor"
  else
    evidence_fail SLICE_FIRMWARE cpu_vendor "$vendor, but class $class_name has $class_cpu" \
      'correct cpu.vendor of the hardware class, or the DMI names that choose the class'
  fi
  smt_check
  kernel_log_check
  kernel_lockdown_check
  hugepage_facts
  racadm_checks
}

# smt_check: LogicalProc, seen from the running kernel.
smt_check() {
  local active control
  case ",$class_bios," in
  *,LogicalProc=Enabled,* | *.LogicalProc=Enabled,*) ;;
  *)
    evidence_skip SLICE_FIRMWARE smt "class $class_name does not ask for LogicalProc=Enabled"
    return 0
    ;;
  esac
  active=
  control=unknown
  if [ -r /sys/devices/system/cpu/smt/active ]; then
    read -r active </sys/devices/system/cpu/smt/active || :
    read -r control </sys/devices/system/cpu/smt/control || :
  fi
  case $active in
  1) evidence_pass SLICE_FIRMWARE smt "sibling threads are on (smt/control: $control)" ;;
  0)
    evidence_fail SLICE_FIRMWARE smt "sibling threads are off (smt/control: $control)" \
      'set LogicalProc=Enabled in the BIOS and power-cycle; look for nosmt on the kernel command line'
    ;;
  *)
    evidence_warn SLICE_FIRMWARE smt 'this kernel does not say whether sibling threads are on' \
      'look at LogicalProc in the BIOS'
    ;;
  esac
}

# kernel_log_check: what the kernel says that firmware has turned off.
kernel_log_check() {
  local log line found
  if ! log=$(timeout 30 dmesg 2>&1) || [ -z "$log" ]; then
    evidence_warn SLICE_FIRMWARE kernel_log 'the kernel log cannot be read' 'look at dmesg as root'
    return 0
  fi
  found=
  while IFS= read -r line; do
    case $line in
    *'disabled by BIOS'* | *'not enabled (by BIOS)'* | *'disabled by bios'*) found="$found${found:+; }$line" ;;
    *) ;;
    esac
  done <<LOG
$log
LOG
  if [ -z "$found" ]; then
    evidence_pass SLICE_FIRMWARE kernel_log 'the kernel reports nothing that firmware has disabled'
  else
    evidence_fail SLICE_FIRMWARE kernel_log "$found" \
      'enable virtualization in the BIOS (Intel VT-x: ProcVirtualization=Enabled; AMD: SVM) and power-cycle'
  fi
}

# kernel_lockdown_check: lockdown stops raw device access and unsigned modules.
kernel_lockdown_check() {
  local modes
  modes=
  if [ -r /sys/kernel/security/lockdown ]; then
    read -r modes </sys/kernel/security/lockdown || :
  fi
  case $modes in
  *'[none]'*) evidence_pass SLICE_FIRMWARE kernel_lockdown "$modes" ;;
  *'['*']'*)
    evidence_warn SLICE_FIRMWARE kernel_lockdown "$modes" \
      'Secure Boot is on: unsigned modules and raw firmware tools will be refused; decide whether this host keeps it'
    ;;
  *) evidence_skip SLICE_FIRMWARE kernel_lockdown 'this kernel does not say (no /sys/kernel/security/lockdown)' ;;
  esac
}

# hugepage_facts: what there is, per NUMA node and page size.
hugepage_facts() {
  local path count node size
  for path in /sys/devices/system/node/node*/hugepages/hugepages-*/nr_hugepages; do
    if ! [ -r "$path" ]; then
      continue
    fi
    count=
    read -r count <"$path" || :
    node=${path#/sys/devices/system/node/}
    size=${path%/nr_hugepages}
    evidence_fact SLICE_FIRMWARE hugepages "${node%%/*}" page_size "${size##*/hugepages-}" count "${count:-unknown}"
  done
}

# racadm_checks: BIOS settings as the BMC reports them.
racadm_checks() {
  case $class_bmc in
  idrac*) ;;
  *)
    evidence_skip SLICE_FIRMWARE racadm "the BMC of class $class_name is $class_bmc: racadm is for iDRACs"
    evidence_skip SLICE_FIRMWARE bmc_lockdown "the BMC of class $class_name is $class_bmc"
    evidence_skip SLICE_FIRMWARE bios_settings "the BMC of class $class_name is $class_bmc"
    evidence_skip SLICE_FIRMWARE bios_pending "the BMC of class $class_name is $class_bmc"
    return 0
    ;;
  esac
  if racadmget_find "$class_name" "$class_repository" "$class_suite" "$class_package" "$class_key_url" \
    "$class_fingerprint"; then
    evidence_pass SLICE_FIRMWARE racadm "$racadmget_said"
  else
    evidence_warn SLICE_FIRMWARE racadm "$racadmget_said; BIOS settings were not read" \
      'see that the machine reaches the repository and that hardware.racadm is right, or read the settings over Redfish'
  fi
  if evidence_stands_on SLICE_FIRMWARE bmc_lockdown racadm; then
    bmc_lockdown_check
  fi
  if evidence_stands_on SLICE_FIRMWARE bios_settings racadm; then
    bios_checks
  else
    evidence_stands_on SLICE_FIRMWARE bios_pending racadm || :
  fi
}

bmc_lockdown_check() {
  local value
  value=$(racadm_lockdown "$racadmget_command") || value=unknown
  case $value in
  Disabled) evidence_pass SLICE_FIRMWARE bmc_lockdown 'SystemLockdown=Disabled' ;;
  unknown)
    evidence_warn SLICE_FIRMWARE bmc_lockdown 'racadm gave no answer that is known for iDRAC.Lockdown' \
      'look at System Lockdown Mode in the iDRAC'
    ;;
  *)
    evidence_warn SLICE_FIRMWARE bmc_lockdown "SystemLockdown=$value" \
      'BIOS changes are refused in System Lockdown Mode; turn it off before changing any'
    ;;
  esac
}

# bios_checks: every attribute of the class, current and pending.
bios_checks() {
  local name want current pending wrong waiting
  if [ "$class_bios" = - ]; then
    evidence_skip SLICE_FIRMWARE bios_settings "class $class_name names no BIOS attributes"
    evidence_skip SLICE_FIRMWARE bios_pending "class $class_name names no BIOS attributes"
    return 0
  fi
  racadm_attributes "$racadmget_command" "$class_bios" "$class_bios_groups"
  wrong=
  waiting=
  while IFS='|' read -r name _ want current pending; do
    if [ -z "$name" ]; then
      continue
    fi
    evidence_fact SLICE_FIRMWARE bios_attribute "$name" current "$current" pending "$pending" wanted "$want"
    if [ "$current" != "$want" ]; then
      wrong="$wrong $name=$current"
    fi
    if [ -n "$pending" ]; then
      waiting="$waiting $name=$pending"
    fi
  done <<ROWS
$racadm_rows
ROWS
  bios_report "$wrong" "$waiting" "$racadm_unread"
}

# bios_report WRONG PENDING UNREAD: lists with a blank before each item.
bios_report() {
  local unread
  unread='racadm gave no known answer, or the class does not give their group (hardware.bios.groups); look in the iDRAC'
  if [ -n "$1" ]; then
    evidence_fail SLICE_FIRMWARE bios_settings "wrong:$1${3:+; not read:$3}" \
      "run $APPLY_SCRIPT with apply_bios=true, or set $class_bios in the BIOS and power-cycle"
  elif [ -n "$3" ]; then
    evidence_warn SLICE_FIRMWARE bios_settings "not read:$3" "$unread"
  else
    evidence_pass SLICE_FIRMWARE bios_settings "$class_bios"
  fi
  if [ -n "$2" ]; then
    evidence_warn SLICE_FIRMWARE bios_pending "pending:$2" \
      'a configuration job is staged: commit or clear it, then commission again'
  elif [ -n "$3" ]; then
    evidence_warn SLICE_FIRMWARE bios_pending "not read:$3" "$unread"
  else
    evidence_pass SLICE_FIRMWARE bios_pending 'nothing is pending'
  fi
}

# --- KVM and IOMMU ----------------------------------------------------------------------------------

kvm_area() {
  local flag module
  case $class_cpu in
  amd) flag=svm module=kvm_amd ;;
  *) flag=vmx module=kvm_intel ;;
  esac
  if cpu_has_flag "$flag"; then
    evidence_pass SLICE_KVM cpu_virtualization "the processor has $flag"
  else
    evidence_fail SLICE_KVM cpu_virtualization "the processor does not show $flag" \
      'enable virtualization in the BIOS (Intel VT-x: ProcVirtualization=Enabled; AMD: SVM) and power-cycle'
  fi
  if evidence_stands_on SLICE_KVM kvm_module cpu_virtualization; then
    kvm_module_check "$module"
  fi
  if evidence_stands_on SLICE_KVM kvm_device kvm_module; then
    if [ -c /dev/kvm ]; then
      evidence_pass SLICE_KVM kvm_device '/dev/kvm is a character device'
    else
      evidence_fail SLICE_KVM kvm_device '/dev/kvm is missing' "look in dmesg what $module says"
    fi
  fi
}

# kvm_module_check MODULE: loaded, or what modprobe says. The commissioning kernel may come without it.
kvm_module_check() {
  local answer
  if ! [ -e "/sys/module/$1" ]; then
    if ! answer=$(timeout 60 modprobe "$1" 2>&1); then
      case $answer in
      *'not found'*)
        evidence_skip SLICE_KVM kvm_module "this kernel comes without $1: judged on the deployed host"
        ;;
      *)
        evidence_fail SLICE_KVM kvm_module "modprobe $1: ${answer:-failed}" \
          'enable virtualization in the BIOS and power-cycle; look in dmesg for kvm'
        ;;
      esac
      return 0
    fi
  fi
  if [ -e "/sys/module/$1" ]; then
    evidence_pass SLICE_KVM kvm_module "$1 is loaded"
  else
    evidence_fail SLICE_KVM kvm_module "modprobe $1 succeeded, but $1 is not loaded" 'look in dmesg for kvm'
  fi
}

iommu_area() {
  local table groups path
  case $class_cpu in
  amd) table=IVRS ;;
  *) table=DMAR ;;
  esac
  if [ -s "/sys/firmware/acpi/tables/$table" ]; then
    evidence_pass SLICE_IOMMU iommu_table "firmware gives the ACPI table $table"
  else
    evidence_fail SLICE_IOMMU iommu_table "firmware gives no ACPI table $table" \
      'enable the IOMMU in the BIOS (Intel VT-d comes with ProcVirtualization; AMD: IOMMU) and power-cycle'
  fi
  if evidence_stands_on SLICE_IOMMU iommu_groups iommu_table; then
    groups=0
    for path in /sys/kernel/iommu_groups/*; do
      if [ -e "$path" ]; then
        groups=$((groups + 1))
      fi
    done
    iommu_groups_check "$groups"
  fi
}

# iommu_groups_check COUNT: none is only wrong where the kernel was asked for an IOMMU.
iommu_groups_check() {
  local asked
  if [ "$1" -gt 0 ]; then
    evidence_pass SLICE_IOMMU iommu_groups "$1 groups"
    return 0
  fi
  case $class_cpu in
  amd)
    asked=on
    case "$(cmdline_value amd_iommu || :),$(cmdline_value iommu || :)," in
    off,* | *,off,*) asked=off ;;
    *) ;;
    esac
    ;;
  *) asked=$(cmdline_value intel_iommu) || asked=off ;;
  esac
  case $asked, in
  on,*)
    evidence_fail SLICE_IOMMU iommu_groups 'no groups, though the kernel was asked for an IOMMU' \
      'look in dmesg for DMAR, AMD-Vi and iommu'
    ;;
  *)
    evidence_skip SLICE_IOMMU iommu_groups \
      'no groups, and the kernel command line asks for no IOMMU: judged on the deployed host'
    ;;
  esac
}

# --- PCI devices --------------------------------------------------------------------------------------

gpu_area() {
  pci_facts SLICE_GPU gpu "$class_gpu_ids"
  count_check SLICE_GPU gpu_count GPUs "$class_gpu_ids" "$class_gpu_count"
  if evidence_stands_on SLICE_GPU gpu_link gpu_count; then
    link_check SLICE_GPU gpu_link "$class_gpu_ids"
  fi
  if evidence_stands_on SLICE_GPU gpu_numa gpu_count; then
    numa_check SLICE_GPU gpu_numa "$class_gpu_ids"
  fi
  pci_facts SLICE_GPU nvswitch "$class_nvswitch_ids"
  count_check SLICE_GPU nvswitch_count NVSwitches "$class_nvswitch_ids" "$class_nvswitch_count"
}

bf3_area() {
  pci_facts SLICE_BF3 bf3 "$class_bf3_ids"
  count_check SLICE_BF3 bf3_count 'BlueField functions' "$class_bf3_ids" "$class_bf3_count"
  if evidence_stands_on SLICE_BF3 bf3_link bf3_count; then
    link_check SLICE_BF3 bf3_link "$class_bf3_ids"
  fi
  if evidence_stands_on SLICE_BF3 bf3_sriov bf3_count; then
    sriov_check "$class_bf3_ids"
  fi
}

fabric_area() {
  pci_facts SLICE_FABRIC fabric "$class_fabric_ids"
  count_check SLICE_FABRIC fabric_count 'fabric functions' "$class_fabric_ids" "$class_fabric_count"
  if evidence_stands_on SLICE_FABRIC fabric_link fabric_count; then
    link_check SLICE_FABRIC fabric_link "$class_fabric_ids"
  fi
  if evidence_stands_on SLICE_FABRIC fabric_numa fabric_count; then
    numa_check SLICE_FABRIC fabric_numa "$class_fabric_ids"
  fi
}

# driver_scan: sets pci_bound, "path driver" of each device of the class that has a driver.
driver_scan() {
  pci_found "$class_gpu_ids,$class_nvswitch_ids,$class_bf3_ids,$class_fabric_ids"
  pci_bound=
  if [ -n "$pci_value" ]; then
    # shellcheck disable=SC2086 # a list of addresses
    pci_bound=$(pci_drivers $pci_value) || :
  fi
}

# pci_facts AREA KIND IDS: one INFO line per device.
pci_facts() {
  local area kind addresses address id numa width speed driver total current
  area=$1
  kind=$2
  pci_found "$3"
  addresses=$pci_value
  for address in $addresses; do
    pci_id "$address"
    id=$pci_value
    pci_read "$address" numa_node
    numa=$pci_value
    pci_read "$address" current_link_width
    width=$pci_value
    pci_read "$address" max_link_width
    width=$width/$pci_value
    pci_read "$address" current_link_speed
    speed=$pci_value
    pci_read "$address" max_link_speed
    speed=$speed/$pci_value
    pci_read "$address" sriov_totalvfs
    total=$pci_value
    pci_read "$address" sriov_numvfs
    current=$pci_value
    driver=none
    case $pci_bound in
    *"/$address "*)
      driver=${pci_bound#*"/$address "}
      driver=${driver%%
*}
      driver=${driver##*/}
      ;;
    *) ;;
    esac
    evidence_fact "$area" "$kind" "$address" id "$id" numa "${numa:-unknown}" link_width "$width" link_speed "$speed" \
      driver "$driver" sriov_totalvfs "${total:-none}" sriov_numvfs "${current:-none}"
  done
}

# count_check AREA CHECK WHAT IDS COUNTS: IDS and COUNTS are lists of the same length, separated by commas; each ID must
# be there as often as its count says. A missing and a surplus device of two kinds do not make up for each other.
# An ID or count that the class does not give (-) while it gives the other cannot be judged.
count_check() {
  local ids counts id count addresses found good bad open
  if [ "$4/$5" = -/- ]; then
    evidence_skip "$1" "$2" "class $class_name names no $3"
    return 0
  fi
  ids=$4,
  counts=$5,
  good=
  bad=
  open=
  while [ -n "$ids" ]; do
    id=${ids%%,*}
    ids=${ids#*,}
    count=${counts%%,*}
    counts=${counts#*,}
    case $id/$count in
    -/* | */-)
      open="$open${open:+, }$count with ID $id"
      continue
      ;;
    *) ;;
    esac
    pci_found "$id"
    addresses=$pci_value
    found=$pci_count
    if [ "$found" = "$count" ]; then
      good="$good${good:+, }$found of $id"
    else
      bad="$bad${bad:+; }$found of $count $3 with ID $id: $addresses"
    fi
  done
  if [ -z "$bad$open" ]; then
    evidence_pass "$1" "$2" "$3: $good"
  elif [ -z "$bad" ]; then
    evidence_warn "$1" "$2" "class $class_name does not say enough about its $3: $open" \
      'read ID and count from the inventory above and set them in the hardware class'
  else
    evidence_fail "$1" "$2" "$bad" \
      'look in the BMC hardware log for the missing or surplus device; reseat or replace it, or correct the hardware class'
  fi
}

# link_check AREA CHECK IDS: fewer lanes is a fault; a lower speed can be power saving.
link_check() {
  local addresses address narrow slow
  narrow=
  slow=
  pci_found "$3"
  addresses=$pci_value
  for address in $addresses; do
    pci_link "$address"
    case $pci_value in
    full) ;;
    narrow) narrow="$narrow $address" ;;
    *) slow="$slow $address($pci_value)" ;;
    esac
  done
  if [ -n "$narrow" ]; then
    evidence_fail "$1" "$2" "fewer lanes than the device has:$narrow" 'reseat the device or its riser; look in the BMC hardware log'
  elif [ -n "$slow" ]; then
    evidence_warn "$1" "$2" "not at full speed, or unknown:$slow" 'look again under load: an idle device may lower its speed'
  else
    evidence_pass "$1" "$2" 'every link has its full width and speed'
  fi
}

# numa_check AREA CHECK IDS: slices are placed by NUMA node, so each device must have one.
numa_check() {
  local addresses address without
  without=
  pci_found "$3"
  addresses=$pci_value
  for address in $addresses; do
    pci_read "$address" numa_node
    case $pci_value in
    '' | -*) without="$without $address" ;;
    *) ;;
    esac
  done
  if [ -z "$without" ]; then
    evidence_pass "$1" "$2" 'every device has a NUMA node'
  else
    evidence_fail "$1" "$2" "no NUMA node:$without" 'look at the NUMA settings of the BIOS (node interleaving off)'
  fi
}

# sriov_check IDS: firmware must offer virtual functions; creating them is the deployed host's work.
sriov_check() {
  local addresses address total current offered missing
  offered=
  missing=
  pci_found "$1"
  addresses=$pci_value
  for address in $addresses; do
    pci_read "$address" sriov_numvfs
    current=$pci_value
    pci_read "$address" sriov_totalvfs
    total=$pci_value
    case $total in
    '' | 0 | *[!0-9]*) missing="$missing $address" ;;
    *) offered="$offered $address:${current:-unknown}/$total" ;;
    esac
  done
  if [ -z "$missing" ]; then
    evidence_pass SLICE_BF3 bf3_sriov "virtual functions current/total:$offered"
  else
    evidence_fail SLICE_BF3 bf3_sriov "no virtual functions offered:$missing" \
      'set SriovGlobalEnable=Enabled in the BIOS; look at SRIOV_EN and NUM_OF_VFS with mstconfig; power-cycle'
  fi
}

# --- NVMe ---------------------------------------------------------------------------------------------

nvme_area() {
  local devices found name
  # one blank after each name
  devices=
  found=0
  for name in $(nvme_devices); do
    devices="$devices$name "
    found=$((found + 1))
  done
  nvme_facts "$devices"
  if [ "$class_nvme_count" = - ]; then
    evidence_skip SLICE_NVME nvme_count "class $class_name names no number of NVMe devices"
  elif [ "$found" -eq "$class_nvme_count" ]; then
    evidence_pass SLICE_NVME nvme_count "$found whole devices"
  else
    evidence_fail SLICE_NVME nvme_count "$found of $class_nvme_count whole devices: ${devices% }" \
      'look in the BMC hardware log for the missing or surplus disk, or correct the hardware class'
  fi
  if [ -n "$devices" ]; then
    nvme_identity_check "$devices"
  else
    evidence_fail SLICE_NVME nvme_identity 'no NVMe devices' 'look whether the nvme driver is loaded'
  fi
  os_disk_check "$devices"
  if evidence_stands_on SLICE_NVME nvme_raw os_disk; then
    nvme_raw_check
  fi
}

# nvme_pick LINES NAME...: sets picked to those of LINES ("name:text") that are about one of the names, separated by commas;
# empty where there are none.
nvme_pick() {
  local lines name rest
  lines="
$1"
  shift
  picked=
  for name; do
    rest=$lines
    while :; do
      case $rest in
      *"
$name:"*) ;;
      *) break ;;
      esac
      rest=${rest#*"
$name:"}
      picked="$picked${picked:+,}$name:${rest%%
*}"
    done
  done
}

# nvme_facts DEVICES: one INFO line per device; kernel names are advisory, by-id and serial are the identity. Sets
# nvme_occupied, nvme_unread and nvme_nameless to the names of devices that carry something, could not be read,
# have no by-id path.
nvme_facts() {
  local name path mounts signatures
  nvme_occupied=' '
  nvme_unread=' '
  nvme_nameless=
  nvme_links=$(nvme_links) || :
  for path in /sys/block/nvme*; do
    name=${path##*/}
    if [ -e "$path" ] && ! nvme_is_namespace "$name"; then
      evidence_fact SLICE_NVME ignored "$name" reason 'no whole NVMe namespace'
    fi
  done
  if [ -z "$1" ]; then
    return 0
  fi
  # shellcheck disable=SC2086 # names
  mounts=$(nvme_mounts $1)
  # shellcheck disable=SC2086 # names
  if ! signatures=$(nvme_all_signatures $1); then
    # one that cannot be read spoils the answer about all: each is asked alone
    signatures=
    for name in $1; do
      signatures="$signatures$(nvme_signatures "$name")
" || nvme_unread="$nvme_unread$name "
    done
  fi
  for name in $1; do
    nvme_fact "$name" "$mounts" "$signatures"
  done
}

# nvme_fact NAME MOUNTS SIGNATURES: what all devices have of these, as "name:text" lines.
nvme_fact() {
  local by_id serial model bytes pci numa names part parts mounts holders signatures
  case "
$nvme_links" in
  *"/$1 "*)
    by_id=${nvme_links#*"/$1 "}
    by_id=${by_id%%
*}
    ;;
  *)
    by_id=none
    nvme_nameless="$nvme_nameless $1"
    ;;
  esac
  nvme_read "$1" device/serial
  serial=$nvme_value
  nvme_read "$1" device/model
  model=$nvme_value
  # sysfs counts sectors of 512 bytes
  nvme_read "$1" size
  bytes=$((${nvme_value:-0} * 512))
  nvme_pci "$1"
  pci=$nvme_value
  pci_read "${pci:-none}" numa_node
  numa=$pci_value
  nvme_names "$1"
  names=$nvme_value
  parts=
  for part in ${names#"$1"}; do
    parts="$parts${parts:+,}$part"
  done
  nvme_held "$1"
  # shellcheck disable=SC2086 # names
  nvme_pick "$nvme_value" $names
  holders=$picked
  # shellcheck disable=SC2086 # names
  nvme_pick "$2" $names
  mounts=$picked
  # shellcheck disable=SC2086 # names
  nvme_pick "$3" $names
  signatures=$picked
  if [ -n "$parts$mounts$holders$signatures" ]; then
    nvme_occupied="$nvme_occupied$1 "
  fi
  case $nvme_unread in
  *" $1 "*) signatures=unreadable ;;
  *) ;;
  esac
  evidence_fact SLICE_NVME device "$by_id" kernel_name "$1" serial "$serial" model "$model" bytes "$bytes" \
    pci "${pci:-unknown}" numa "${numa:-unknown}" partitions "${parts:-none}" mounts "${mounts:-none}" \
    holders "${holders:-none}" signatures "${signatures:-none}"
}

# nvme_identity_check DEVICES: each has a by-id path, no serial twice.
nvme_identity_check() {
  local name serial serials twice
  serials=' '
  twice=
  for name in $1; do
    nvme_read "$name" device/serial
    serial=$nvme_value
    case $serials in
    *" ${serial:-none} "*) twice="$twice $name(${serial:-none})" ;;
    *) serials="$serials${serial:-none} " ;;
    esac
  done
  if [ -z "$nvme_nameless$twice" ]; then
    evidence_pass SLICE_NVME nvme_identity 'every device has an nvme-eui by-id path and a serial of its own'
  else
    evidence_fail SLICE_NVME nvme_identity "${nvme_nameless:+no nvme-eui by-id path:$nvme_nameless }${twice:+serial seen before:$twice}" \
      'a disk without a stable identity cannot be approved for slices: look at its firmware, or whether udev has run'
  fi
}

# os_disk_check DEVICES: exactly one device has the model of the class's OS disk. Sets os_disk.
os_disk_check() {
  local name candidates
  candidates=
  os_disk=
  if [ "$class_os_model" = - ]; then
    evidence_warn SLICE_NVME os_disk "class $class_name names no OS disk model" 'set os_disk.model of the hardware class'
    return 0
  fi
  for name in $1; do
    nvme_read "$name" device/model
    if [ "$nvme_value" = "$class_os_model" ]; then
      candidates="$candidates $name"
      os_disk=$name
    fi
  done
  case $candidates in
  ' '*' '*)
    evidence_fail SLICE_NVME os_disk "more than one device is a $class_os_model:$candidates" \
      'the OS disk cannot be told from the others: make os_disk.model of the hardware class more exact'
    ;;
  ' '*) evidence_pass SLICE_NVME os_disk "$os_disk is the $class_os_model" ;;
  *)
    evidence_fail SLICE_NVME os_disk "no device is a $class_os_model" \
      'look in the BMC hardware log for the OS disk, or correct os_disk.model of the hardware class'
    ;;
  esac
}

# nvme_raw_check: the disks that could become slice disks carry nothing. What they carry does not make the
# machine unfit; it needs an approved transition.
nvme_raw_check() {
  local name used unread
  used=
  unread=
  for name in $nvme_occupied; do
    if [ "$name" != "$os_disk" ]; then
      used="$used $name"
    fi
  done
  for name in $nvme_unread; do
    if [ "$name" != "$os_disk" ]; then
      unread="$unread $name"
    fi
  done
  if [ -n "$used$unread" ]; then
    evidence_warn SLICE_NVME nvme_raw "${used:+not empty:$used }${unread:+signatures unreadable:$unread}" \
      'these disks need an approved storage transition before they can carry slices; nothing was changed'
  else
    evidence_pass SLICE_NVME nvme_raw 'no partitions, mounts, swap, holders or signatures outside the OS disk'
  fi
}
