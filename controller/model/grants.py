"""What a reservation has been granted: kept over restarts, like all that is allotted once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grant:
    """A rate, layer-2 bit/s without FCS and labels, and the links from source to target; none within a platform."""

    rate_bps: int
    links: tuple[str, ...] = ()
