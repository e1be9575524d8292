# Looks.

main() {
   log_info "$(count_files /etc)"
}
