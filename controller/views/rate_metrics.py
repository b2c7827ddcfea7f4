"""What is measured of rates: what reservations asked for, have and get, and what links can still hold.

Rates are bytes per second here, as is the custom; layer-2, without FCS and labels.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import get_args

from controller.measuring import Measured
from controller.negotiation import ReservationState
from controller.views.reading import Reading
from controller.views.sampled import Metric, Samples, gauge, total

_DIRECTIONS = ("there", "back")


def _asked(reading: Reading) -> Samples:
    for name, spec in reading.fabric.declared.reservations.items():
        yield (name,), spec.rate / 8


def _floors(reading: Reading) -> Samples:
    for name, spec in reading.fabric.declared.reservations.items():
        yield (name,), spec.floor_bps / 8


def _granted(reading: Reading) -> Samples:
    for name in reading.fabric.declared.reservations:
        grant = reading.fabric.grants.get(name)
        yield (name,), grant.rate_bps / 8 if grant else 0


def _states(reading: Reading) -> Samples:
    for name, outcome in reading.control.negotiation.outcomes.items():
        for state in get_args(ReservationState):
            yield (name, state), outcome.state == state


def _measured(which: str, scale: float) -> Callable[[Reading], Samples]:
    value: Callable[[Measured], int] = attrgetter(which)

    def read(reading: Reading) -> Samples:
        for name in reading.fabric.declared.reservations:
            for direction, found in zip(_DIRECTIONS, reading.control.measuring.of(name), strict=False):
                yield (name, direction), value(found) / scale

    return read


def _reserved(reading: Reading) -> Samples:
    for (link, platform), load in reading.control.loads.items():
        yield (link, platform), load / 8


_WAYS = ("reservation", "direction")
RATE_METRICS: tuple[Metric, ...] = (
    gauge("reservation_asked_bytes_per_second", "What a reservation asks for", _asked, "reservation"),
    gauge("reservation_floor_bytes_per_second", "The least that is of use to a reservation", _floors, "reservation"),
    gauge("reservation_granted_bytes_per_second", "What a reservation has been granted", _granted, "reservation"),
    gauge("reservation_state", "1: the reservation is in this state", _states, "reservation", "state"),
    gauge(
        "reservation_measured_bytes_per_second",
        "What of a reservation arrives at the last platform",
        _measured("bps", 8),
        *_WAYS,
    ),
    gauge(
        "reservation_policed_bytes_per_second",
        "What of a reservation is dropped where it enters, beyond its grant",
        _measured("policed_bps", 8),
        *_WAYS,
    ),
    total(
        "reservation_policed_packets",
        "Packets of a reservation that were dropped where they entered, since its path is as it is",
        _measured("policed_packets", 1),
        *_WAYS,
    ),
    gauge(
        "link_reserved_bytes_per_second",
        "What is granted over a link in one direction, and what may be diverted onto it",
        _reserved,
        "link",
        "from",
    ),
)
