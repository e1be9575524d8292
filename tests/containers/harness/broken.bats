@test "passes" {
    true
}

@test "fails" {
    [ "what was seen" = "what was expected" ]
}
