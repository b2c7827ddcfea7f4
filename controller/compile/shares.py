"""A server's own rates: what it sends to others of the fabric, and what it and hosts beyond uplinks send each other.

This is for traffic without a reservation: what is reserved has a meter of its own, and is taken off these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.rules.placed import Placed, Turn
from controller.rules.rules import FlowEntry, Match, Meter, match
from controller.rules.tables import MeterKind, Priority, Reg, Table, meter_number


@dataclass(frozen=True, slots=True)
class ShareInput:
    """A server's share; a rate in kbit/s is None where there is no limit.

    `index` is its number in meters; `tag` what its packets' tag was, 0 where it has none; `uplinks` are the ports, by
    platform, of the uplinks of its segment.
    """

    platform: str
    port: int
    tag: int
    segment: int
    mac: int | None
    index: int
    fabric_kbps: int | None
    uplink_kbps: int | None
    down_kbps: int | None
    uplinks: tuple[tuple[str, int], ...]


def compile_share(share: ShareInput) -> Iterator[Placed]:
    """At home what it sends; at the uplinks what is sent to it."""
    own = {"in_port": share.port, Reg.TAG: share.tag}
    yield from _limited(
        share.platform, MeterKind.FABRIC_SHARE, share, share.fabric_kbps, match(**own, **{Reg.UPLINK: 0})
    )
    yield from _limited(share.platform, MeterKind.UPLINK_SHARE, share, share.uplink_kbps, match(**own))
    if share.mac is not None:
        for platform, port in share.uplinks:
            to_it = match(in_port=port, eth_dst=share.mac, **{Reg.SEGMENT: share.segment})
            yield from _limited(platform, MeterKind.DOWN_SHARE, share, share.down_kbps, to_it)


def _limited(platform: str, kind: MeterKind, share: ShareInput, kbps: int | None, wanted: Match) -> Iterator[Placed]:
    if kbps is None:
        return
    meter = rate_meter(meter_number(kind, share.index), kbps)
    priority = Priority.SPECIFIC if kind is MeterKind.FABRIC_SHARE else Priority.NORMAL
    yield Placed(platform, meter, Turn.METER)
    yield Placed(platform, FlowEntry(Table.SHARE, priority, wanted, (), Table.FORWARD, meter.number), Turn.ENTRY)


def rate_meter(number: int, kbps: int) -> Meter:
    """A meter that holds to a rate, with a burst of half a second: TCP needs about that much to make use of it."""
    return Meter(number, kbps, max(kbps // 2, 64), packets=False)
