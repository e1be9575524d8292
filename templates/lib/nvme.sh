# nvme: whole NVMe namespaces and everything that lives on them; only looks. Identity is the by-id path and the
# serial: kernel names move from boot to boot.

# nvme_devices: prints the names of all whole namespaces (nvme0n1), in order. Partitions, hidden path devices of
# native multipath (nvme4c4n1) and other odd names are left out.
nvme_devices() {
  local path name
  for path in /sys/block/nvme*; do
    name=${path##*/}
    nvme_is_namespace "$name" || continue
    nvme_read "$name" hidden
    if [ "$nvme_value" = 1 ]; then
      continue
    fi
    printf '%s\n' "$name"
  done
}

# nvme_is_namespace NAME: returns 0 for nvme<number>n<number>.
nvme_is_namespace() {
  local rest
  case $1 in
  nvme*n*) rest=${1#nvme} ;;
  *) return 1 ;;
  esac
  case ${rest%%n*}/${rest#*n} in
  /* | */ | *[!0-9/]*) return 1 ;;
  *) return 0 ;;
  esac
}

# nvme_read NAME ATTRIBUTE: sets nvme_value to a sysfs attribute of the block device, without blanks around it (model
# and serial are padded); empty where absent.
nvme_read() {
  nvme_value=
  if [ -r "/sys/block/$1/$2" ]; then
    read -r nvme_value <"/sys/block/$1/$2" || :
  fi
}

# nvme_pci NAME: sets nvme_value to the PCI address of the (first) controller; empty where unknown.
nvme_pci() {
  local path
  nvme_value=
  # the controller itself, or the controllers below the subsystem of a multipath namespace
  for path in "/sys/block/$1/device" "/sys/block/$1/device"/nvme[0-9]*; do
    if [ -r "$path/address" ]; then
      read -r nvme_value <"$path/address" || :
      break
    fi
  done
}

# nvme_pci_address NAME: prints the PCI address of the (first) controller; empty where unknown.
nvme_pci_address() {
  nvme_pci "$1"
  printf '%s\n' "$nvme_value"
}

# nvme_links: prints "target path" of every nvme-eui.* link in /dev/disk/by-id: for a walk over many devices.
# shellcheck disable=SC2329 # not every script walks over many
nvme_links() {
  find /dev/disk/by-id -maxdepth 1 -name 'nvme-eui.*' -printf '%l %p\n'
}

# nvme_by_id NAME: prints the nvme-eui.* path in /dev/disk/by-id that leads to the device. Returns 1 when none does.
nvme_by_id() {
  local path target
  for path in /dev/disk/by-id/nvme-eui.*; do
    target=$(readlink "$path") || continue
    if [ "${target##*/}" = "$1" ]; then
      printf '%s\n' "$path"
      return 0
    fi
  done
  return 1
}

# nvme_names NAME: sets nvme_value to the names of the device and its partitions, separated by blanks.
nvme_names() {
  local path
  nvme_value=$1
  for path in "/sys/block/$1/$1"*; do
    if [ -e "$path/partition" ]; then
      nvme_value="$nvme_value ${path##*/}"
    fi
  done
}

# nvme_parts NAME: prints the device and its partitions, one name a line.
nvme_parts() {
  nvme_names "$1"
  # shellcheck disable=SC2086 # names
  printf '%s\n' $nvme_value
}

# nvme_part_path DISK NAME: prints the sysfs folder of a disk or of a partition of it.
nvme_part_path() {
  if [ "$1" = "$2" ]; then
    printf '/sys/block/%s\n' "$1"
  else
    printf '/sys/block/%s/%s\n' "$1" "$2"
  fi
}

# nvme_holders DISK: prints what the kernel has built on the disk or a partition (md, LVM, dm-crypt), as name:holder.
nvme_holders() {
  nvme_held "$1"
  printf '%s' "$nvme_value"
}

# nvme_held DISK: sets nvme_value to the same, each on a line.
nvme_held() {
  local part folder path held
  held=
  nvme_names "$1"
  for part in $nvme_value; do
    folder=/sys/block/$1
    if [ "$part" != "$1" ]; then
      folder=$folder/$part
    fi
    for path in "$folder/holders"/*; do
      if [ -e "$path" ] || [ -L "$path" ]; then
        held="$held$part:${path##*/}
"
      fi
    done
  done
  nvme_value=$held
}

# nvme_mounts DISK...: prints where the disks and their partitions are mounted or swapped on, as name:place. Asks for the
# children by device number: a question for the parent alone misses mounted children. Reads the view of
# process 1, which a unit's own mount namespace cannot hide.
nvme_mounts() {
  local disk part number asked
  asked=
  for disk; do
    nvme_names "$disk"
    for part in $nvme_value; do
      number=none
      if [ "$part" = "$disk" ] && [ -r "/sys/block/$disk/dev" ]; then
        read -r number <"/sys/block/$disk/dev" || :
      elif [ -r "/sys/block/$disk/$part/dev" ]; then
        read -r number <"/sys/block/$disk/$part/dev" || :
      fi
      asked="$asked$part ${number:-none} "
    done
  done
  # fields of mountinfo: mount, parent, device number, root, place; the place keeps its backslash escapes
  NVME_ASKED=$asked awk '
    BEGIN { words = split(ENVIRON["NVME_ASKED"], word, " ") }
    FILENAME == "/proc/swaps" { swap[$1] = 1; next }
    { places[$3] = places[$3] " " $5 }
    END {
      for (i = 1; i < words; i += 2) {
        found = split(places[word[i + 1]], place, " ")
        for (j = 1; j <= found; j++) print word[i] ":" place[j]
        if (("/dev/" word[i]) in swap) print word[i] ":swap"
      }
    }' /proc/1/mountinfo /proc/swaps
}

# nvme_signatures DISK: prints what signatures the disk and its partitions carry, as name:type. Read-only. Returns 1
# when one could not be read: then nothing is known.
nvme_signatures() {
  local part parts listing line status
  status=0
  parts=$(nvme_parts "$1")
  while IFS= read -r part; do
    if ! listing=$(timeout 30 wipefs --no-act --parsable "/dev/$part" 2>&1); then
      status=1
      continue
    fi
    while IFS= read -r line; do
      case $line in
      '' | '#'*) ;;
      *) printf '%s:%s\n' "$part" "${line##*,}" ;;
      esac
    done <<LISTING
$listing
LISTING
  done <<PARTS
$parts
PARTS
  return "$status"
}

# nvme_all_signatures DISK...: the same for many disks, in one process.
# shellcheck disable=SC2329 # not every script walks over many
nvme_all_signatures() {
  local disk part listing line
  for disk; do
    shift
    nvme_names "$disk"
    for part in $nvme_value; do
      set -- "$@" "/dev/$part"
    done
  done
  listing=$(timeout 30 wipefs --no-act --parsable --output DEVICE,TYPE "$@" 2>&1) || return 1
  while IFS= read -r line; do
    case $line in
    '' | '#'*) ;;
    nvme*,*) printf '%s:%s\n' "${line%%,*}" "${line##*,}" ;;
    *) return 1 ;;
    esac
  done <<LISTING
$listing
LISTING
}
