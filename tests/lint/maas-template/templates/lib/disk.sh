# disk_wipe DISK: wipes it.
disk_wipe() {
  wipefs --all "$1"
}
