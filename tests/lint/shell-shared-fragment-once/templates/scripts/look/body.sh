main() {
  list_files "$FOLDER"
}
