"""Four platforms in a square: from p1 to p4 there are two equal ways; and what packets wear on them."""

from __future__ import annotations

from controller.compile.reservations import reservation_meter
from controller.model.topology import End
from controller.rules.packet import Frame
from controller.rules.tables import PATH_LABELS
from controller.verifier import Journey
from tests.unit.reserved import (
    UPLINK_PORT,
    Asked,
    Reserved,
    document,
    entered,
    frame,
    home,
    link,
    named,
)

SQUARE = (link("p1-p2"), link("p2-p4"), link("p1-p3"), link("p3-p4"))
"""From p1 to p4 both ways are equal."""
UPPER, LOWER = (named(0, "p1-p2"), named(1, "p2-p4")), (named(2, "p1-p3"), named(3, "p3-p4"))
ISP: End = ("p4", UPLINK_PORT)
BROADCAST, GROUP = (1 << 48) - 1, 0x01005E000001


def on_square(*links: Asked, **asked: Asked) -> str:
    return document(*(links or SQUARE), asked=asked)


def send(fabric: Reserved, of: Frame, source: str, *exceeded: int, choice: int = 0) -> Journey:
    return fabric.send(of, home(source), exceeded, choice)


def udp(fabric: Reserved, source: str, target: str, *exceeded: int, choice: int = 0) -> Journey:
    return send(fabric, frame(source, target), source, *exceeded, choice=choice)


def meter_of(fabric: Reserved, name: str, direction: int = 0) -> int:
    return reservation_meter(fabric.labels(name)[direction])


def tags(journey: Journey) -> list[list[tuple[int, int]]]:
    """What a packet wears on each trunk, the outer tag first: label and PCP."""
    return [[(tag & 0xFFF, tag >> 13) for tag in arrived.vlans] for arrived in entered(journey)[1:]]


def pinned_by(journey: Journey) -> int | None:
    """The label of the pinned path that a packet goes by, if it does."""
    found = {worn[-1][0] for worn in tags(journey)} & set(PATH_LABELS)
    return found.pop() if found else None
