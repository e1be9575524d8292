main() {
  log_info "$BRIDGE"
}
