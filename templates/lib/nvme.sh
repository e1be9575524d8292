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

# nvme_bytes NAME: prints the size in bytes (sysfs counts sectors of 512 bytes).
nvme_bytes() {
  nvme_read "$1" size
  printf '%s\n' "$((${nvme_value:-0} * 512))"
}

# nvme_pci_address NAME: prints the PCI address of the (first) controller; empty where unknown.
nvme_pci_address() {
  local path value
  value=
  # the controller itself, or the controllers below the subsystem of a multipath namespace
  for path in "/sys/block/$1/device" "/sys/block/$1/device"/nvme[0-9]*; do
    if [ -r "$path/address" ]; then
      read -r value <"$path/address" || :
      break
    fi
  done
  printf '%s\n' "$value"
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

# nvme_parts NAME: prints the device and its partitions, one name a line.
nvme_parts() {
  local path
  printf '%s\n' "$1"
  for path in "/sys/block/$1/$1"*; do
    if [ -e "$path/partition" ]; then
      printf '%s\n' "${path##*/}"
    fi
  done
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
  local part folder path
  nvme_parts "$1" | while IFS= read -r part; do
    folder=/sys/block/$1
    if [ "$part" != "$1" ]; then
      folder=$folder/$part
    fi
    for path in "$folder/holders"/*; do
      if [ -e "$path" ] || [ -L "$path" ]; then
        printf '%s:%s\n' "$part" "${path##*/}"
      fi
    done
  done
}

# nvme_mounts DISK: prints where the disk and its partitions are mounted or swapped on, as name:place. Asks for the
# children by device number: a question for the parent alone misses mounted children. Reads the view of
# process 1, which a unit's own mount namespace cannot hide.
nvme_mounts() {
  local part number
  nvme_parts "$1" | while IFS= read -r part; do
    number=none
    if [ "$part" = "$1" ] && [ -r "/sys/block/$1/dev" ]; then
      read -r number <"/sys/block/$1/dev" || :
    elif [ -r "/sys/block/$1/$part/dev" ]; then
      read -r number <"/sys/block/$1/$part/dev" || :
    fi
    nvme_places "$part" "$number"
  done
}

# nvme_places NAME NUMBER: prints the mounts of a device number and the swap on a device of that name.
nvme_places() {
  local device place rest
  # fields of mountinfo: mount, parent, device number, root, place; the place keeps its backslash escapes
  while read -r _ _ device _ place rest; do
    if [ "$device" = "$2" ]; then
      printf '%s:%s\n' "$1" "$place"
    fi
  done </proc/1/mountinfo
  while read -r device rest; do
    if [ "$device" = "/dev/$1" ]; then
      printf '%s:swap\n' "$1"
    fi
  done </proc/swaps
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
