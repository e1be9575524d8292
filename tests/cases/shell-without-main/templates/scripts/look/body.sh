start() {
  true
}
