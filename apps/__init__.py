"""Ryu applications: thin adapters between the switches, the API and `controller`."""
