# list_files FOLDER: its files.
list_files() {
  find $1 -maxdepth 1 -type f
}

# list_folders FOLDER: its folders.
list_folders() {
  find "$1" -maxdepth 1 -type d
}
