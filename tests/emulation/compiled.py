"""Owners of every kind, made by hand, and the rules that they compile to."""

from __future__ import annotations

from collections.abc import Iterable

from controller.compile.flooding import FloodInput, SegmentInput, TreeInput
from controller.compile.links import Bypass, Hop, TrunkInput
from controller.compile.owners import BaseInput, Input, LinkInput, compile_owner
from controller.compile.paths import PathInput
from controller.compile.ports import PortInput, PortKind
from controller.compile.reservations import Chosen, DirectionInput, ReservationInput, Stage
from controller.compile.servers import ServerInput
from controller.compile.shares import ShareInput
from controller.model.identity import Server
from controller.rules.rules import Rule, RuleKey

V6 = 0xFD000002 << 96


def inputs() -> Iterable[Input]:
    """Owners of every kind, with every way they can be."""
    yield BaseInput("one")
    for number, kind in enumerate(PortKind, 1):
        for plus, learns in ((0, False), (10, True)):
            yield PortInput(
                "one", number + plus, kind, discovers=not learns, learns=learns, segment=7, storm=500, kbps=80_000
            )
    yield from servers()
    way = Bypass(3100, 21, (Hop("one", 22, 23), Hop("two", 8, 9)), 24)
    yield LinkInput((TrunkInput("one", 20, "two", 30, way), TrunkInput("two", 30, "one", 20, way)))
    yield LinkInput((TrunkInput("one", 21, "two", 31), TrunkInput("two", 31, "one", 21)))
    for index, ports in enumerate(((), (20,), (20, 21)), 2):
        yield PathInput("one", index, ports, float("inf") if not ports else 2.0)
    yield PathInput("two", 3, (30, 31), 1.0)
    yield from reservations()
    yield ShareInput("one", 2, 0x1064, 7, 0x020000000101, 5, 40_000, 20_000, 10_000, (("one", 4), ("two", 4)))
    yield SegmentInput(7, ("one", "two"))
    yield TreeInput(7, 8, (FloodInput("one", ((1, None), (2, 100)), (20, 21)), FloodInput("two", (), (30,))))


def reservations() -> Iterable[ReservationInput]:
    """To a server, with and without a classifier, passing and ending; from and to an uplink; within a platform."""
    mac, other = 0x020000000100, 0x020000000104
    web = (("ip_dscp", 46), ("ip_proto", 6), ("tcp_dst", 80))
    end, through = Stage("two", 30, None), Stage("two", 31, 30)
    there = DirectionInput(Chosen(7, mac, None, other, None, web), "one", 2048, 20, (end,), 60_000, 6_000, True)
    back = DirectionInput(Chosen(7, other, None, mac, None), "two", 2049, 31, (Stage("one", 21, None),), 9, 64, False)
    yield ReservationInput((there, back))
    passing = (through, Stage("one", 20, None))
    yield ReservationInput((DirectionInput(Chosen(7, None, 4, mac, None), "one", 2050, 21, passing, 9, 64, True),))
    yield ReservationInput((DirectionInput(Chosen(7, mac, None, None, 3), "one", 2051, None, (), 9, 64, False),))


def servers() -> Iterable[ServerInput]:
    v4, v6 = (0x0A010000, 4), (V6, 6)
    for number, (platform, port, vlan, addresses, declared) in enumerate(
        (
            ("one", 1, None, (v4,), True),
            ("one", 2, 100, (v4, v6), True),
            ("one", 3, None, (v6,), False),
            ("one", 3, None, (), True),
            ("two", 1, None, (v4, v6), True),
            ("two", 2, 200, (v4,), True),
        )
    ):
        own = tuple((address + number, version) for address, version in addresses)
        mac = 0x020000000100 + number
        server = Server(f"s{number}", platform, port, "web", mac, own, vlan, declared, open_addresses=not own)
        elsewhere = ("two",) if platform == "one" else ("one",)
        yield ServerInput(server, 7, 3, elsewhere, left=elsewhere[0] if number else None, guarded=frozenset({"one"}))
    silent = Server("s9", "one", 9, "web", None, (), None, True, open_addresses=True)
    yield ServerInput(silent, 7, 3, ("two",))
    external = Server("s10", "two", 4, "web", 0x02000000010A, (), None, False)
    yield ServerInput(external, 7, 3, ("one",), uplink=3)


def wanted(platform: str) -> dict[RuleKey, Rule]:
    """All rules of a platform in the order of their turns, one for each key."""
    placed = [rule for owner in inputs() for rule in compile_owner(owner) if rule.platform == platform]
    placed.sort(key=lambda rule: rule.order)
    return {rule.rule.key: rule.rule for rule in placed}
