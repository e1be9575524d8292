# initramfs: the one place that knows initramfs-tools and dracut apart. Needs: log.

# initramfs_kind: prints initramfs-tools, dracut or none.
initramfs_kind() {
  if command -v update-initramfs >/dev/null 2>&1; then
    printf 'initramfs-tools\n'
  elif command -v dracut >/dev/null 2>&1; then
    printf 'dracut\n'
  else
    printf 'none\n'
  fi
}

# initramfs_image: prints the image of the running kernel.
initramfs_image() {
  local release path
  release=$(uname -r)
  for path in "/boot/initrd.img-$release" "/boot/initramfs-$release.img"; do
    if [ -e "$path" ]; then
      printf '%s\n' "$path"
      return 0
    fi
  done
  printf '/boot/initrd.img-%s\n' "$release"
}

# initramfs_update: builds the images of all kernels anew. Returns 1 where that fails.
# shellcheck disable=SC2329 # not every script builds
initramfs_update() {
  local kind
  kind=$(initramfs_kind)
  case $kind in
  initramfs-tools) timeout 900 update-initramfs -u -k all >&2 ;;
  dracut) timeout 900 dracut --force --regenerate-all >&2 ;;
  *)
    log_error 'neither update-initramfs nor dracut is there; install initramfs-tools'
    return 1
    ;;
  esac
}

# initramfs_holds PATH: returns 0 when the image of the running kernel holds PATH with the very content it has now, 1 when it
# does not, 2 when that cannot be seen.
initramfs_holds() {
  local image kind listing folder status
  image=$(initramfs_image)
  kind=$(initramfs_kind)
  [ -r "$image" ] || return 2
  case $kind in
  initramfs-tools)
    listing=$(timeout 120 lsinitramfs "$image" 2>/dev/null) || return 2
    case "
$listing
" in
    *"
${1#/}
"*) ;;
    *) return 1 ;;
    esac
    folder=$(mktemp -d) || return 2
    status=2
    if timeout 300 unmkinitramfs "$image" "$folder" 2>/dev/null; then
      status=1
      # an image with early microcode is unpacked into folders of their own
      if cmp -s "$1" "$folder$1" || cmp -s "$1" "$folder/main$1"; then
        status=0
      fi
    fi
    rm -rf "$folder"
    return "$status"
    ;;
  dracut)
    listing=$(timeout 120 lsinitrd -f "${1#/}" "$image" 2>/dev/null) || return 2
    [ "$listing" = "$(cat "$1")" ]
    ;;
  *) return 2 ;;
  esac
}
