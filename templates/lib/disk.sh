# disk: whole disks by stable identity, and everything that can stand on one. Only looks.
#
# A table (disk_table) has one line for each disk and partition: "DISK PART NUMBER HEX DEVT MAPPED". Answers are lines that begin
# with the DISK they are about, fields separated by tabs. Where something could not be looked at, a function returns 1:
# then nothing is known.
# Needs: nvme.

# disk_name PATH: sets disk_found to the kernel name of the whole disk that PATH leads to now. Returns 1 where it leads to
# none: to nothing, a partition, a device that is made of others, or one whose own node is another device.
disk_name() {
  local kind number name
  kind=$(stat -L -c '%F %t %T' -- "$1" 2>/dev/null) || return 1
  case $kind in
  'block special file '*) ;;
  *) return 1 ;;
  esac
  number=${kind#block special file }
  number=$((0x${number% *})):$((0x${number#* }))
  name=$(readlink "/sys/dev/block/$number") || return 1
  name=${name##*/}
  nvme_read "$name" dev
  [ "$nvme_value" = "$number" ] || return 1
  if [ -e "/sys/block/$name/dm" ] || [ -e "/sys/block/$name/md" ]; then
    return 1
  fi
  if ! [ "$1" -ef "/dev/$name" ]; then
    number=$(stat -L -c '%F %t %T' -- "/dev/$name" 2>/dev/null) || return 1
    [ "$number" = "$kind" ] || return 1
  fi
  disk_found=$name
}

# disk_facts NAME: prints what must not change between a plan and its apply, on one line: name, device number, the
# kernel's number of this very device, size in sectors, world-wide identity (such as eui.0123456789abcdef), serial. "-" is
# unknown. Identity and serial as the kernel says them, else as udev does.
disk_facts() {
  local facts wwid serial properties line
  nvme_read "$1" dev
  facts=${nvme_value:--}
  nvme_read "$1" diskseq
  facts="$facts ${nvme_value:--}"
  nvme_read "$1" size
  facts="$facts ${nvme_value:--}"
  nvme_read "$1" wwid
  wwid=$nvme_value
  nvme_read "$1" device/serial
  serial=$nvme_value
  if [ -z "$wwid" ] || [ -z "$serial" ]; then
    properties=$(timeout 30 udevadm info --query=property --name="/dev/$1" 2>/dev/null) || properties=
    while IFS= read -r line; do
      case $line in
      ID_WWN=*) wwid=${wwid:-${line#*=}} ;;
      ID_SERIAL_SHORT=*) serial=${serial:-${line#*=}} ;;
      *) ;;
      esac
    done <<PROPERTIES
$properties
PROPERTIES
  fi
  printf '%s\n' "$1 $facts ${wwid:--} ${serial:--}"
}

# disk_table NAME...: prints the table of the disks.
disk_table() {
  local name folder number major minor
  for name; do
    for folder in "/sys/block/$name" "/sys/block/$name/$name"*; do
      if [ "${folder##*/}" != "$name" ] && ! [ -e "$folder/partition" ]; then
        continue
      fi
      read -r number <"$folder/dev"
      major=${number%:*}
      minor=${number#*:}
      printf '%s %s %s %x:%x %s %02x:%02x\n' "$name" "${folder##*/}" "$number" "$major" "$minor" \
        "$(((minor & 255) | (major << 8) | ((minor & ~255) << 12)))" "$major" "$minor"
    done
  done
}

# disk_match TABLE: reads lines of `stat -L -c '%f %t:%T %d %n'` and prints "DISK<tab>PATH" for each path that is a node of a
# disk or partition, or a file on one.
disk_match() {
  DISK_TABLE=$1 awk '
    BEGIN {
      lines = split(ENVIRON["DISK_TABLE"], line, "\n")
      for (i = 1; i <= lines; i++) { split(line[i], field, " "); node[field[4]] = field[1]; file[field[5]] = field[1] }
    }
    { path = $0; sub(/^[^ ]* [^ ]* [^ ]* /, "", path) }
    $1 ~ /^6/ && $2 in node { print node[$2] "\t" path; next }
    $3 in file { print file[$3] "\t" path }'
}

# disk_touching TABLE PATHS: prints "DISK<tab>PATH" for each of PATHS, one a line, that leads to one of the disks.
disk_touching() {
  [ -n "$2" ] || return 0
  { printf '%s\n' "$2" | xargs -r -d '\n' stat -L -c '%f %t:%T %d %n' -- 2>/dev/null || :; } | disk_match "$1"
}

# disk_mounts TABLE SHARES: prints every mount of the disks in any process's view, as "DISK<tab>share|other<tab>PLACE<tab>PID",
# and what is mounted below a share, as "DISK<tab>below<tab>PLACE<tab>SHARE".
# A share is a mount of a whole file system at one of SHARES (mount points, one a line) in the view of process 1, and
# what goes with it in other views when it is unmounted there.
disk_mounts() {
  stat -L -c '%i %n' /proc/1/ns/mnt /proc/[0-9]*/ns/mnt 2>/dev/null | DISK_TABLE=$1 DISK_SHARES=$2 awk '
    BEGIN {
      lines = split(ENVIRON["DISK_TABLE"], line, "\n")
      for (i = 1; i <= lines; i++) { split(line[i], field, " "); disk[field[3]] = field[1] }
      lines = split(ENVIRON["DISK_SHARES"], line, "\n")
      for (i = 1; i <= lines; i++) if (line[i] != "") share[line[i]] = 1
    }
    # look: at one line of the mountinfo of process pid
    function look(part, above, kind, place) {
      if (pid == 1) answered = 1
      # an unmount reaches other views through the mount above: where that one is shared, and theirs is its peer or follows it
      group[$1] = ""
      for (i = 7; i <= NF && $i != "-"; i++) if ($i ~ /^(shared|master):/) { split($i, part, ":"); group[$1] = group[$1] " " part[1] part[2] " " }
      above = group[$2]
      if ($3 in disk) {
        kind = "other"
        if (pid == 1) {
          if ($4 == "/" && $5 in share) {
            kind = "share"
            taken[$5] = disk[$3]
            if (match(above, / shared[0-9]+ /)) follows[$5] = substr(above, RSTART + 7, RLENGTH - 8)
          }
        }
        else if ($5 in follows && (index(above, " shared" follows[$5] " ") || index(above, " master" follows[$5] " "))) kind = "share"
        print disk[$3] "\t" kind "\t" $5 "\t" pid
      }
      if (pid == 1) for (place in share) if (index($5, place "/") == 1) below[$5] = place
    }
    $1 in seen { next }
    {
      seen[$1] = 1
      view = $2
      sub("/ns/mnt", "/mountinfo", view)
      split(view, word, "/")
      pid = word[3]
      split("", group)
      while ((getline < view) > 0) look()
      close(view)
    }
    END {
      for (place in below) if (below[place] in taken) print taken[below[place]] "\tbelow\t" place "\t" below[place]
      exit !answered
    }'
}

# disk_swaps TABLE: prints swap areas on the disks, and swap files on their file systems, as "DISK<tab>PATH".
disk_swaps() {
  local areas
  areas=$(awk 'NR > 1 { gsub(/\\040/, " ", $1); print $1 }' /proc/swaps) || return 1
  disk_touching "$1" "$areas"
}

# disk_users TABLE: prints who uses the disks or files on them, as "DISK<tab>/proc/PID/...": open files, working and root
# folders, programs, mapped files, and files behind loop devices.
disk_users() {
  local table listing numbers file path paths
  table=$1
  listing=$(find /proc/[0-9]*/fd /proc/[0-9]*/cwd /proc/[0-9]*/root /proc/[0-9]*/exe -maxdepth 1 -type l \
    -exec stat -L -c '%f %t:%T %d %n' {} + 2>/dev/null) || :
  # this shell's own folder is among them, or the question was not answered
  case $listing in
  *" /proc/$$/cwd"*) ;;
  *) return 1 ;;
  esac
  printf '%s\n' "$listing" | disk_match "$table"
  paths=
  for file in /sys/block/loop*/loop/backing_file; do
    if { read -r path <"$file"; } 2>/dev/null; then
      paths="$paths$path
"
    fi
  done
  disk_touching "$table" "${paths%?}"
  numbers=
  while read -r _ _ _ _ _ file; do
    numbers="$numbers${file:+ $file }
"
  done <<TABLE
$table
TABLE
  listing=$(grep -s -F -e "${numbers%?}" /proc/[0-9]*/maps) || :
  [ -n "$listing" ] || return 0
  printf '%s\n' "$listing" | DISK_TABLE=$table awk '
    BEGIN {
      lines = split(ENVIRON["DISK_TABLE"], line, "\n")
      for (i = 1; i <= lines; i++) { split(line[i], field, " "); disk[field[6]] = field[1] }
    }
    $4 in disk { sub(/:.*/, "", $1); if (!($1 in seen)) { seen[$1] = 1; print disk[$4] "\t" $1 } }'
}

# disk_claim NAME...: prints each of the disks that cannot be claimed (O_EXCL) with all its partitions: something is mounted
# from it somewhere, or swap, md, dm or ZFS holds it. Returns 1 where it could not try.
disk_claim() {
  # shellcheck disable=SC2016 # perl
  timeout 30 perl -MFcntl -e 'for (@ARGV) { sysopen(my $f, "/dev/$_", O_RDONLY | O_EXCL) or print "$_\n" }' -- "$@"
}

# disk_signatures NAME: prints every signature on the disk and its partitions, as "PART,TYPE,UUID,LABEL" (blanks in a label
# as \x20). Read-only. Returns 1 when one of them could not be read: then nothing is known.
disk_signatures() {
  local name path
  name=$1
  set -- "/dev/$name"
  for path in "/sys/block/$name/$name"*; do
    if [ -e "$path/partition" ]; then
      set -- "$@" "/dev/${path##*/}"
    fi
  done
  timeout 30 wipefs --no-act --parsable --noheadings --output DEVICE,TYPE,UUID,LABEL -- "$@"
}

# disk_tags NAME SIGNATURES: prints by which other names the disk's contents can be asked for, as "DISK<tab>UUID=..." (LABEL,
# PARTUUID, PARTLABEL; blanks as \x20), and its PCI address as "DISK<tab>pci:...". Of every one of SIGNATURES (what
# disk_signatures printed), since one disk can carry several.
disk_tags() {
  local part uuid label listing
  while IFS=, read -r _ _ uuid label; do
    [ -z "$uuid" ] || printf '%s\tUUID=%s\n' "$1" "$uuid"
    [ -z "$label" ] || printf '%s\tLABEL=%s\n' "$1" "$label"
  done <<SIGNATURES
$2
SIGNATURES
  # without a signature of its own it has no table
  case "
$2" in
  *"
$1,"*)
    listing=$(timeout 30 partx --raw --noheadings --output UUID,NAME "/dev/$1" 2>/dev/null) || listing=
    while read -r uuid label _; do
      [ -z "$uuid" ] || printf '%s\tPARTUUID=%s\n' "$1" "$uuid"
      [ -z "$label" ] || printf '%s\tPARTLABEL=%s\n' "$1" "$label"
    done <<PARTITIONS
$listing
PARTITIONS
    ;;
  *) ;;
  esac
  part=$(nvme_pci_address "$1")
  [ -z "$part" ] || printf '%s\tpci:%s\n' "$1" "$part"
}

# disk_entries: prints what the host is told to mount, swap on or decrypt, as "FILE:LINE<tab>SPEC<tab>PLACE".
disk_entries() {
  local file
  set --
  for file in /etc/fstab /etc/crypttab /etc/systemd/system/*.mount /etc/systemd/system/*.swap; do
    if [ -f "$file" ]; then
      set -- "$@" "$file"
    fi
  done
  [ $# -gt 0 ] || return 0
  awk '
    function plain(text, at, digits) {
      gsub(/"/, "", text)
      while ((at = match(text, /\\[0-7][0-7][0-7]/)) > 0) {
        digits = substr(text, at + 1, 3)
        text = substr(text, 1, at - 1) sprintf("%c", substr(digits, 1, 1) * 64 + substr(digits, 2, 1) * 8 + substr(digits, 3)) substr(text, at + 4)
      }
      return text
    }
    /^[[:space:]]*(#|$)/ { next }
    FILENAME == "/etc/fstab" { print FILENAME ":" FNR "\t" plain($1) "\t" plain($2) }
    FILENAME == "/etc/crypttab" { print FILENAME ":" FNR "\t" plain($2) "\t" $1 }
    FILENAME ~ /[.](mount|swap)$/ && /^What=/ { print FILENAME ":" FNR "\t" substr($0, 6) "\t-" }' "$@"
}

# disk_named TABLE NAMES ENTRIES: prints which of ENTRIES ("WHERE<tab>SPEC<tab>PLACE") name one of the disks by any alias, as
# "DISK<tab>WHERE<tab>SPEC<tab>PLACE". NAMES is what disk_tags printed, and "DISK<tab>PATH" for the links that are asked about:
# a link or a partition's link counts also where it leads nowhere now.
disk_named() {
  local paths touched
  [ -n "$3" ] || return 0
  paths=$(printf '%s\n' "$3" | awk -F '\t' '$2 ~ /^\// && !seen[$2]++ { print $2 }')
  touched=$(disk_touching "$1" "$paths")
  printf '%s\n' "$3" | DISK_NAMES=$2 DISK_TOUCHED=$touched awk -F '\t' '
    function folded(text, at) {
      while ((at = match(text, /\\x[0-9a-f][0-9a-f]/)) > 0)
        text = substr(text, 1, at - 1) sprintf("%c", (index(hex, substr(text, at + 2, 1)) - 1) * 16 + index(hex, substr(text, at + 3, 1)) - 1) substr(text, at + 4)
      return tolower(text)
    }
    BEGIN {
      hex = "0123456789abcdef"
      lines = split(ENVIRON["DISK_NAMES"], line, "\n")
      for (i = 1; i <= lines; i++) {
        split(line[i], field, "\t")
        if (field[2] ~ /^\//) link[field[2]] = field[1]; else if (field[2] != "") disk[folded(field[2])] = field[1]
      }
      lines = split(ENVIRON["DISK_TOUCHED"], line, "\n")
      for (i = 1; i <= lines; i++) { split(line[i], field, "\t"); if (field[2] != "") touched[field[2]] = field[1] }
    }
    $2 == "" { next }
    $2 in touched { print touched[$2] "\t" $0; next }
    folded($2) in disk { print disk[folded($2)] "\t" $0; next }
    { for (path in link) if ($2 == path || index($2, path "-part") == 1) { print link[path] "\t" $0; next } }'
}

# disk_on_vfio NAME: prints the PCI address of the disk's controller where it is bound to vfio-pci, or told to be.
disk_on_vfio() {
  local folder driver override
  for folder in "/sys/block/$1/device/device" "/sys/block/$1/device"/nvme[0-9]*/device; do
    [ -e "$folder" ] || continue
    driver=$(readlink "$folder/driver") || driver=
    { read -r override <"$folder/driver_override"; } 2>/dev/null || override=
    case ${driver##*/}/$override in
    vfio-pci/* | */vfio-pci)
      driver=$(readlink -f "$folder")
      printf '%s\n' "${driver##*/}"
      ;;
    *) ;;
    esac
  done
}
