main() {
  printf '%s\n' "$UPLINK"
}
