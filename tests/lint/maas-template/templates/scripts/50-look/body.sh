main() {
  lspci -nn
}
