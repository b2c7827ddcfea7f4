"""How fast each client may ask: a token bucket for each."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network
from typing import Final

MOST_KNOWN: Final = 4096
"""How many clients are remembered; the one that was silent for longest is forgotten first."""


class Pace:
    """So many requests a second for each client, and twice as many at once after a pause."""

    def __init__(self, rate_per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate_per_s, self.burst = rate_per_s, 2 * rate_per_s
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str) -> float:
        """Take one request; the answer is for how long the client has to wait instead, seconds (0: go on)."""
        wait_s = self.wait_s(who)
        if not wait_s:
            self.charge(who, 1)
        return wait_s

    def wait_s(self, who: str) -> float:
        """For how long a client has to wait now, seconds."""
        return max(0.0, (1 - self._level(who)) / self.rate_per_s)

    def charge(self, who: str, requests: float) -> None:
        """Count so many requests, whatever is left."""
        self._levels[who] = (self._level(who) - requests, self._clock())
        self._levels.move_to_end(who)
        if len(self._levels) > MOST_KNOWN:
            self._levels.popitem(last=False)

    def _level(self, who: str) -> float:
        level, at = self._levels.get(who, (self.burst, 0.0))
        return min(self.burst, level + (self._clock() - at) * self.rate_per_s)


def neighbourhood(address: str) -> str:
    """An address as one client: of IPv6 its /64, for one host has all of it (RFC 6177)."""
    try:
        return str(IPv6Network((IPv6Address(address.partition("%")[0]), 64), strict=False))
    except ValueError:
        return address
