main() {
  printf '%s\n' "$GPUAAS_FABRIC"
}
