# Looks aside: a part of the body.
look_aside() {
  printf '%s\n' "$ASIDE" "$NOWHERE"
}
