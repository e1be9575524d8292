main() {
  disk_wipe /dev/disk/by-id/nvme-eui.1
}
