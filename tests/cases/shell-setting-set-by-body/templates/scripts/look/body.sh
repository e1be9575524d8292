main() {
  BRIDGE=br0
  printf '%s\n' "$BRIDGE"
}
