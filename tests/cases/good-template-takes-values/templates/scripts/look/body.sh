main() {
  printf '%s %s\n' "$BRIDGE" "$GPUAAS_FABRIC"
}
