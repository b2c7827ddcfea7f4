"""Ryu applications: thin adapters between the switches, the API and `controller`; they decide nothing.

`backplane` is what Ryu loads; `openflow`, `ovsdb`, `discovery` and `packets` face the switches, `rest` the people;
`settings`, `state` and `store` are what it starts from and keeps.
"""
