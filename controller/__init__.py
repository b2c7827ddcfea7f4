"""Every decision of Backplane, as plain Python: no switch, no socket, no clock.

Data goes one way: what is wanted and what is seen (`model`) is compiled by owner into rules
(`compile`), followed through them (`verifier`), and compared with what the switches hold (`rules.reconciler`).
`control` carries one change from its start to its end.
"""
