# Looks.
echo loose

main() {
  log_info "$GREETING" "$SITE_NAME"
  log_warn "$GREETING"
}

log_info() {
  printf '%s\n' "$1"
  look_aside
}

look_aside() {
  true
}
