# unused_one: nothing.
unused_one() {
  true
}
