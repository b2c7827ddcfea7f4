"""What a switch holds: flow entries, groups and meters, as values that can be compared."""
