# libvirt, the disks of the slots, the images that guests are cloned from.

storage_checks() {
  libvirt
  libvirt_folder
  slot_disks
  image_cache
}

# libvirt: an answer, not a state: the daemon stops when it is idle and its socket starts it again.
libvirt() {
  has libvirt virsh || return 0
  if timeout 60 virsh --quiet --connect qemu:///system list --all --name >/dev/null 2>&1; then
    pass libvirt 'libvirt answers on qemu:///system'
  else
    fail libvirt 'libvirt does not answer on qemu:///system' 'look at: systemctl status libvirtd.socket libvirtd.service'
  fi
}

libvirt_folder() {
  local mode
  mode=$(stat -c %a /var/lib/libvirt 2>/dev/null) || mode=missing
  case $mode in
  755) pass libvirt_folder '/var/lib/libvirt can be passed through (0755)' ;;
  *)
    fail libvirt_folder "/var/lib/libvirt: $mode, not 755" \
      'guests cannot read their keys below it; run gpuaas-slice-runtime-prepare'
    ;;
  esac
}

# domain_disks: prints "device domain" for every disk of every domain, running or shut off. Returns 1 when libvirt does not say.
domain_disks() {
  local domain domains listing
  domains=$(timeout 60 virsh --quiet --connect qemu:///system list --all --name 2>/dev/null) || return 1
  for domain in $domains; do
    listing=$(timeout 60 virsh --quiet --connect qemu:///system domblklist --details "$domain" 2>/dev/null) || return 1
    printf '%s\n' "$listing" | awk -v domain="$domain" '$1 == "block" && $2 == "disk" { print $4, domain }' |
      while read -r source name; do
        source=$(readlink -f "$source") || continue
        printf '%s %s\n' "$source" "$name"
      done
  done
}

# slot_disks: every approved disk is raw, or a guest's.
slot_disks() {
  local disk found guests joined number os used wrong
  number=0
  used=
  wrong=
  guests=$(domain_disks) || guests=
  os=
  if [ -n "${GPUAAS_OS_DISK?}" ]; then
    os=$(readlink -f "${GPUAAS_OS_DISK?}") || os=
  fi
  for disk in ${GPUAAS_SLOT_DISKS?}; do
    number=$((number + 1))
    disk_use "$disk" "$guests" "$os"
    case $found in
    '') ;;
    'guest '*) used="$used; ${disk##*/} belongs to ${found#guest }" ;;
    *) wrong="$wrong${wrong:+; }${disk##*/} $found" ;;
    esac
  done
  if [ "$number" -eq 0 ]; then
    fail slot_disks 'no slot of this node names a disk' "approve the node's slots, render and deliver its node.env"
  elif [ -n "$wrong" ]; then
    fail slot_disks "$wrong" 'run gpuaas-slice-storage-transition (a dry run first), or correct the approved slots'
  else
    pass slot_disks "$number slot disks are there and unused by the host$used"
  fi
}

# disk_use PATH GUESTS OS_DISK: sets found to what stands against the disk: empty where it is raw.
disk_use() {
  local device domain name
  device=$(readlink -f "$1") || device=
  name=${device#/dev/}
  if [ -z "$device" ] || ! nvme_is_namespace "$name" || ! [ -e "/sys/block/$name" ]; then
    found='is not there'
    return 0
  fi
  if [ "$device" = "$3" ]; then
    found='is the OS disk'
    return 0
  fi
  join "$(nvme_mounts "$name")"
  if [ -n "$joined" ]; then
    found="is in use by the host: $joined"
    return 0
  fi
  case "
$2" in
  *"
$device "*)
    domain="
$2
"
    domain=${domain#*"
$device "}
    found="guest ${domain%%"
"*}"
    ;;
  *) disk_raw "$name" ;;
  esac
}

# disk_raw NAME: sets found to partitions, holders or signatures of the disk.
disk_raw() {
  local signatures
  found=
  join "$(nvme_parts "$1")"
  if [ "$joined" != "$1" ]; then
    found="has partitions: ${joined#"$1; "}"
    return 0
  fi
  join "$(nvme_holders "$1")"
  if [ -n "$joined" ]; then
    found="is held: $joined"
  elif ! signatures=$(nvme_signatures "$1"); then
    found='cannot be read'
  elif [ -n "$signatures" ]; then
    join "$signatures"
    found="carries signatures: $joined"
  fi
}

# image_cache: the images that guests are cloned from, by what they begin with.
image_cache() {
  local found path
  if ! [ -d "$IMAGE_CACHE" ]; then
    fail image_cache "$IMAGE_CACHE is missing" 'install libvirt, or run gpuaas-slice-runtime-prepare'
    return 0
  fi
  found=
  for path in "$IMAGE_CACHE"/*; do
    if [ -f "$path" ] && [ "$(head -c 3 "$path" | tr -d '\000')" = QFI ]; then
      found="$found${found:+; }${path##*/}"
    fi
  done
  case "; $found; " in
  '; ; ')
    if [ -n "$GUEST_IMAGE" ]; then
      fail image_cache "$IMAGE_CACHE holds no guest image" "fetch $GUEST_IMAGE"
    else
      warn image_cache "$IMAGE_CACHE holds no guest image" 'the first slice has to wait for one; name it in slice.guest.image'
    fi
    ;;
  *"; ${GUEST_IMAGE:-${found%%;*}}; "*) pass image_cache "$IMAGE_CACHE holds $found" ;;
  *) fail image_cache "$IMAGE_CACHE does not hold $GUEST_IMAGE, but $found" "fetch $GUEST_IMAGE" ;;
  esac
}
