main() {
  list_folders /etc
}
