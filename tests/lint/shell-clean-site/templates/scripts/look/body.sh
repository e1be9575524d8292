# Looks into folders.

main() {
  local folder
  for folder in "${FOLDERS% *}" "${FOLDERS#* }"; do
    log_info "$folder"
  done
}
