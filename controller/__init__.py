"""Every decision of Backplane, as plain Python: no switch, no socket, no clock.

`control` carries one change from its start to its end: what is wanted and what is seen (`model`) is read by `derive`,
compiled by owner into rules (`compile`), and compared with what the switches hold (`rules.reconciler`). `docs/house.md`
has all rooms.
"""
