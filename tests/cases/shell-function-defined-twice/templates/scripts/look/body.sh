log_info() {
  true
}
main() {
  log_info hello
}
