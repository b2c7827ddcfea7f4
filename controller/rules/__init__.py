"""What a switch holds: flow entries, groups and meters, as values that can be compared.

`rules` are the values, of `fields`; `tables` owns every number, `protocols` what our frames and rules agree on.
`placed` says where a rule belongs and when its turn comes, `reconciler` compares and makes the steps; `audit` compares
again with what a switch reports later on.

A switch in Python: a `packet` (built by `packet_build`) goes through the `simulator`, by `lookup` in the tables,
`pipeline` state, to its `outcome`. `readable` puts all of it into words.
"""
