VERSION=1
main() {
  true
}
printf 'done\n'
