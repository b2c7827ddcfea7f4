"""From an owner (a port, a server, a link …) to its rules: pure functions, one module a feature."""
