"""What the API shows: the state of the fabric as documents, read and never changed.

`kinds` lists the kinds of resource, all of one shape (`resource`): `segments`, `platforms`, `servers`, `uplinks`,
`links`, `reservations` (with `offers` where they cannot be had). There is one `fabric`, `paths` through it, and the
`capacity` that is left on them; `bypasses` and `rules` are parts of others. `reading` is what they read. What a change
would do: `plans`; what became of one: `changed`; links and platforms out of use: `overrides`, and whether they still
carry traffic: `usage`; what is measured: `metrics`, `port_metrics` and `rate_metrics`, each `sampled`.
"""
