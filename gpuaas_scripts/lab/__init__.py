"""Local stand-ins to try and to test against: containers that boot systemd, on fixture hosts."""
