"""Addresses and types of protocols that rules and our own frames must agree on."""

from __future__ import annotations

from typing import Final

DISCOVERY_DST: Final = 0x0180C200000E
"""The nearest-bridge group address (IEEE 802.1AB 7.1): no bridge forwards it."""
DISCOVERY_TYPE: Final = 0x88CC
"""LLDP's ethertype."""
