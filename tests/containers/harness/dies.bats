@test "passes" {
    true
}

@test "takes bats down" {
    pkill -KILL -f bats-exec-suite
}

@test "is never reached" {
    true
}
