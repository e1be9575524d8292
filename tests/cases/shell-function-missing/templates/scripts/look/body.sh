main() {
  log_info hello
  log_wran hello
}
