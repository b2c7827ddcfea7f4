"""Fabrics whose trunks have a rate, and what is reserved in them: what `rates` tries."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from fabrics import FIRST_TRUNK, Sketch, with_servers
from traffic import Load

from controller.model.document import dump_document
from controller.model.spec import Document, PlatformSpec, ReservationSpec

MBIT = 1_000_000
CHAIN_BPS, RING_BPS = 100 * MBIT, 50 * MBIT
_BFD_MS = 100
"""Three processors' worth of traffic on two: BFD is not to take a late answer for a fault."""

CHAIN_RESERVED = {"r60": ("s1", "s4", 60 * MBIT), "r20": ("s2", "s5", 20 * MBIT)}
"""From the first platform of a chain to the last: from, to, rate."""
BEST_EFFORT, JOINING = ("s3", "s6"), ("s7", "s8")
"""Who sends without a reservation: over the whole chain, and from its middle on."""

RING_RESERVED: dict[str, dict[str, Any]] = {
    "r12": {"from": "s1", "to": "s5", "rate": 30 * MBIT, "floor": 10 * MBIT},
    "r14": {"from": "s2", "to": "s13", "rate": 30 * MBIT, "priority": 1},
    "r43": {"from": "s14", "to": "s9", "rate": 30 * MBIT, "priority": 1},
    "r32": {"from": "s10", "to": "s6", "rate": 30 * MBIT, "priority": 1},
    "probe12": {"from": "s3", "to": "s7", "rate": MBIT, "protected": True},
    "probe14": {"from": "s4", "to": "s15", "rate": MBIT, "priority": 1},
    "probe43": {"from": "s16", "to": "s11", "rate": MBIT, "priority": 1},
}
"""In a ring of four, each between neighbours; the way round from p1 to p2 is what the others hold most of."""
RING_PROBES = {name: (spec["from"], spec["to"]) for name, spec in RING_RESERVED.items() if name.startswith("probe")}
RING_CUT = ("p1", "p2")


def chain(platforms: int) -> str:
    """Platforms in a row with servers at both ends, and in the middle one where there is such."""
    names = [f"p{number}" for number in range(1, platforms + 1)]
    drawn = Sketch(FIRST_TRUNK)
    for one, other in pairwise(names):
        drawn.join(one, other)
    middle = [names[1], names[-1]] if platforms > 2 else []
    seats = [*[names[0]] * 3, *[names[-1]] * 3, *middle]
    reserved = {name: {"from": a, "to": b, "rate": bps} for name, (a, b, bps) in CHAIN_RESERVED.items()}
    return _text(with_servers(drawn, seats, f"chain-{platforms}"), CHAIN_BPS, reserved)


def chain_loads(platforms: int, reserved_by: str) -> list[Load]:
    """Everybody sends at least twice what he can have; what is reserved by UDP or TCP, the others by UDP."""
    udp = {name: 2 * bps if reserved_by == "UDP" else None for name, (_, _, bps) in CHAIN_RESERVED.items()}
    reserved = [Load(source, target, udp[name]) for name, (source, target, _) in CHAIN_RESERVED.items()]
    joining = [Load(*JOINING, CHAIN_BPS // 2)] if platforms > 2 else []
    return [*reserved, Load(*BEST_EFFORT, 2 * CHAIN_BPS), *joining]


def ring() -> str:
    """Four platforms, four servers on each, and what is reserved between neighbours."""
    drawn = Sketch(FIRST_TRUNK)
    for one, other in (("p1", "p2"), ("p2", "p3"), ("p3", "p4"), ("p4", "p1")):
        drawn.join(one, other)
    seats = [f"p{number}" for number in range(1, 5) for _ in range(4)]
    return _text(with_servers(drawn, seats, "ring"), RING_BPS, RING_RESERVED)


def _text(document: Document, rate_bps: int, reserved: Mapping[str, Mapping[str, Any]]) -> str:
    platforms = {name: _rated(spec, rate_bps) for name, spec in document.platforms.items()}
    reservations = {name: ReservationSpec.model_validate(spec) for name, spec in reserved.items()}
    changed = {"platforms": platforms, "reservations": reservations, "bfd": _BFD_MS}
    return dump_document(document.model_copy(update=changed))


def _rated(spec: PlatformSpec, rate_bps: int) -> PlatformSpec:
    trunks = {name: trunk.model_copy(update={"rate": rate_bps}) for name, trunk in spec.trunks.items()}
    return spec.model_copy(update={"trunks": trunks})


def link_between(document: Document, one: str, other: str) -> str:
    """The name of the link that joins two platforms."""
    ends = {one, other}
    return next(name for name, link in document.links.items() if {end.split(".")[0] for end in link.ends} == ends)


def ring_loads() -> list[Load]:
    """What is reserved there for bulk is sent, and half as much again."""
    bulk = [spec for name, spec in RING_RESERVED.items() if name.startswith("r")]
    return [Load(str(spec["from"]), str(spec["to"]), spec["rate"] * 3 // 2) for spec in bulk]
