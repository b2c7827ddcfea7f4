"""Finding out what is wired to what: the frames that are sent, and when."""
