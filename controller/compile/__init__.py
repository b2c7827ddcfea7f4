"""From an owner (a port, a server, a link …) to its rules: pure functions, one module a feature.

`owners` says which serves whom: `base`, `ports`, `servers`, `links`, `paths`, `flooding` for segments and trees,
`reservations`, and `shares`: a server's own rates.
"""
