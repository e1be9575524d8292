}
main() {
  true
}
