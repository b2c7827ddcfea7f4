"""Ryu applications: thin adapters between the switches, the API and `controller`; they decide nothing.

`backplane` is what Ryu loads; `openflow`, `ovsdb`, `discovery` and `packets` face the switches, `rest` the people;
`auditing` looks after what the switches hold; `settings`, `state` and `store` are what it starts from and keeps;
`changes` and `reloading` carry changes out. `cli` is the command for people, a client of the API that shares nothing
with the rest.
"""
