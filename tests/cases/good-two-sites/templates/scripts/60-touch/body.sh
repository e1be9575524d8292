main() {
  true
}
