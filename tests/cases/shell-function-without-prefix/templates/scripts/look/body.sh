main() {
  log_info hello
}
