"""From an owner (a port, a server, a link …) to its rules: pure functions, one module a feature.

`owners` says which serves whom: `base`, `ports`, `servers`, `links`, `paths`, and `flooding` for segments and trees.
"""
