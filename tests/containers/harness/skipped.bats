@test "skipped" {
    skip "for a reason"
}
