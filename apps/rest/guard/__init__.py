"""Who may use the API, how fast, and what is written down of it.

`gate` stands before every request: `origin` (no other web page), `access` (a token, read from its `token_file`),
`pacing` (not too fast); `audit` tells who changed what, in a file that `audit_file` writes. `listener` is the server
itself: TLS, and no client that is too slow. `settings` puts it together.
"""
