"""Reservations: what was asked for, what is granted, what is measured."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypeAlias

from controller.compile.reservations import DirectionInput
from controller.measuring import Measured
from controller.model.spec import ReservationSpec
from controller.model.topology import End
from controller.queues import Mechanism
from controller.views.offers import OfferView, view_offer
from controller.views.reading import Reading
from controller.views.resource import Resource, Status, View

State: TypeAlias = Literal["granted", "reduced", "violated", "refused", "expired", "inactive"]
"""`granted`: all that was asked for; `reduced`: less, but its floor at least; `violated`: it had its floor and has it
no more; `refused`: it never had; `expired`: its lease is over; `inactive`: it does not go with the document's file."""


class DirectionView(View):
    """One direction of a reservation; all rates are layer-2 bit/s, without FCS and labels."""

    source: str
    target: str
    links: tuple[str, ...]
    """In order; none where both ends are on one platform."""
    label: int | None
    """Of its pinned path; null: its rules wait for the MAC of an end, or no label is left for it: see `alarms`."""
    measured_bps: int | None
    """What arrives at the last platform, over the last ten seconds; null: nothing was counted yet."""
    policed_bps: int | None
    """What was dropped beyond the grant where it entered, over the same time."""
    policed_packets: int | None
    """How many packets that were since its path is as it is."""
    kept_by: Mechanism | None
    """How the grant is kept where others overload a port: `queue`: flow entries name a queue; `mark`: the devices of
    the ports find the queue by label and address; `police`: not; it is metered where it enters and nothing more."""


class ReservationStatus(Status):
    """A reservation as it is now; all rates are layer-2 bit/s, without FCS and labels."""

    state: State
    asked_bps: int
    floor_bps: int
    granted_bps: int
    directions: tuple[DirectionView, ...]
    """The way there, and with `both` the way back; none where nothing is granted."""
    lease_left_s: int | None
    """How long it still holds unless it is asked for again; null: until it is deleted."""
    offer: OfferView | None
    """What could be had now, where that is less than it needs."""


def reservation_names(reading: Reading) -> Collection[str]:
    """All that are asked for."""
    return reading.fabric.declared.reservations.keys()


def view_reservation(reading: Reading, name: str) -> Resource[ReservationSpec, ReservationStatus]:
    """One reservation; `name` is one of `reservation_names`."""
    spec = reading.fabric.declared.reservations[name]
    outcome = reading.control.negotiation.outcome(name)
    granted = outcome.granted if outcome else None
    status = ReservationStatus(
        state=outcome.state if outcome else "refused",
        alarms=reading.alarms_of(name),
        asked_bps=spec.rate,
        floor_bps=spec.floor_bps,
        granted_bps=granted.rate_bps if granted else 0,
        directions=tuple(_directions(reading, name, spec)) if granted else (),
        lease_left_s=_lease_left(reading, name),
        offer=view_offer(outcome.offer) if outcome and outcome.offer else None,
    )
    return Resource(name=name, origin=reading.origin(("reservations", name)), spec=spec, status=status)


def inactive_reservation(
    reading: Reading, name: str, spec: ReservationSpec, reasons: tuple[str, ...]
) -> ReservationStatus:
    """The status of one that does not fit."""
    return ReservationStatus(
        state="inactive",
        alarms=reading.alarms_of(name),
        reasons=reasons,
        asked_bps=spec.rate,
        floor_bps=spec.floor_bps,
        granted_bps=0,
        directions=(),
        lease_left_s=None,
        offer=None,
    )


def _lease_left(reading: Reading, name: str) -> int | None:
    until = reading.fabric.leases.get(name)
    return None if until is None else max(int(until - reading.control.chronicle.history.now), 0)


def _directions(reading: Reading, name: str, spec: ReservationSpec) -> list[DirectionView]:
    links = reading.fabric.grants[name].links if name in reading.fabric.grants else ()
    ways = [(spec.source, spec.target, links), (spec.target, spec.source, links[::-1])][: 2 if spec.both else 1]
    pinned, measured = reading.granted.get(name, ()), reading.control.measuring.of(name)
    found = []
    for index, (source, target, over) in enumerate(ways):
        direction = pinned[index] if len(pinned) == len(ways) else None
        found.append(_direction(reading, source, target, over, direction, measured[index : index + 1]))
    return found


def _direction(
    reading: Reading,
    source: str,
    target: str,
    links: tuple[str, ...],
    pinned: tuple[DirectionInput, End] | None,
    measured: tuple[Measured, ...],
) -> DirectionView:
    now = measured[0] if measured else None
    return DirectionView(
        source=source,
        target=target,
        links=links,
        label=pinned[0].label if pinned else None,
        measured_bps=now.bps if now else None,
        policed_bps=now.policed_bps if now else None,
        policed_packets=now.policed_packets if now else None,
        kept_by=reading.control.queues.kept_by(*pinned) if pinned else None,
    )
