"""IP protocols by name and number (IANA, Assigned Internet Protocol Numbers)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from controller.model.wording import describe, did_you_mean, listed

MAX_PROTOCOL: Final = 255
TCP: Final = 6
UDP: Final = 17
NUMBERS: Final[Mapping[str, int]] = {"tcp": TCP, "udp": UDP, "icmp": 1, "icmpv6": 58, "sctp": 132}
_NAMES: Final = {number: name for name, number in NUMBERS.items()}


def parse_protocol(value: Any) -> int:
    """The number of a protocol from its name or number; raises `ValueError` where it is none."""
    number = NUMBERS.get(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= MAX_PROTOCOL:
        hint = did_you_mean(value, NUMBERS) if isinstance(value, str) else ""
        expected = f"expected a protocol of {listed(NUMBERS)} or 0 to {MAX_PROTOCOL}"
        raise ValueError(f"{expected}, found {describe(value)}{hint}")
    return number


def format_protocol(number: int) -> str | int:
    """A protocol as people write it: its name where it has one here."""
    return _NAMES.get(number, number)
