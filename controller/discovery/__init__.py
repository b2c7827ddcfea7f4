"""Finding out what is wired to what: `frames` is the signed probe, `prober` says when to send which."""
