"""Packets over a ring of three platforms, as compiled: delivered once, round a failed link, never for ever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.compile.flooding import FloodInput, SegmentInput, TreeInput
from controller.compile.links import Bypass, Hop, TrunkInput
from controller.compile.owners import BaseInput, Input, LinkInput, compile_owner
from controller.compile.paths import PathInput
from controller.compile.ports import PortInput, PortKind
from controller.compile.servers import ServerInput
from controller.model.identity import Server
from controller.rules.lookup import SwitchTables
from controller.rules.packet import Frame, build, parse
from controller.rules.rules import ClearInPort, FlowEntry, Output, Rule
from controller.verifier import Network, follow

RING = ("A", "B", "C")
NEXT, BACK, SEGMENT, TREE = 11, 12, 10, 100
BROADCAST = (1 << 48) - 1
LINKS = {(name, NEXT): (RING[(at + 1) % 3], BACK) for at, name in enumerate(RING)}
LINKS |= {far: near for near, far in LINKS.items()}


def mac(platform: str) -> int:
    return 0x020000000000 | ord(platform)


def _server(platform: str) -> ServerInput:
    server = Server(platform, platform, 1, "s", mac(platform), ((ord(platform), 4),))
    others = tuple(name for name in RING if name != platform)
    return ServerInput(server, SEGMENT, RING.index(platform) + 1, others)


def _link(at: int) -> LinkInput:
    near, far, third = RING[at], RING[(at + 1) % 3], RING[(at + 2) % 3]
    forth = Bypass(3100 + at, BACK, (Hop(third, NEXT, BACK),), NEXT)
    back = Bypass(3200 + at, NEXT, (Hop(third, BACK, NEXT),), BACK)
    return LinkInput((TrunkInput(near, NEXT, far, BACK, forth), TrunkInput(far, BACK, near, NEXT, back)))


def _inputs() -> Iterator[Input]:
    for at, name in enumerate(RING):
        yield from (BaseInput(name), PortInput(name, 1, PortKind.SERVER, storm=100), _server(name), _link(at))
        yield from (PortInput(name, trunk, PortKind.TRUNK) for trunk in (NEXT, BACK))
        yield PathInput(name, (at + 1) % 3 + 1, (NEXT,), 1)
        yield PathInput(name, (at + 2) % 3 + 1, (BACK,), 1)
    yield SegmentInput(SEGMENT, RING)
    trunks = {"A": (NEXT,), "B": (NEXT, BACK), "C": (BACK,)}
    yield TreeInput(SEGMENT, TREE, tuple(FloodInput(name, ((1, None),), trunks[name]) for name in RING))


def ring(*down: tuple[str, int]) -> Network:
    rules: dict[str, list[Rule]] = {name: [] for name in RING}
    for wanted in _inputs():
        for placed in compile_owner(wanted):
            rules[placed.platform].append(placed.rule)
    return Network({name: SwitchTables(held) for name, held in rules.items()}, LINKS, frozenset(down))


def packet(sender: str, eth_dst: int) -> Frame:
    fields = {"eth_src": mac(sender), "eth_dst": eth_dst, "eth_type": 0x0800, "ipv4_src": ord(sender)}
    return parse(build(fields))


FAILURES = [(), *(((name, NEXT),) for name in RING), *(((name, BACK),) for name in RING)]


@pytest.mark.parametrize("down", FAILURES)
@pytest.mark.parametrize("sender", RING)
@pytest.mark.parametrize("receiver", RING)
def test_unicast_arrives_once_and_as_it_was_with_any_one_link_down(
    sender: str, receiver: str, down: tuple[tuple[str, int], ...]
) -> None:
    if sender == receiver:
        return
    sent = packet(sender, mac(receiver))
    journey = follow(ring(*down), (sender, 1), sent)
    assert [(found.platform, found.port, found.frame.key) for found in journey.deliveries] == [(receiver, 1, sent.key)]
    assert not journey.drops
    assert not journey.loops


@pytest.mark.parametrize("down", FAILURES)
@pytest.mark.parametrize("sender", RING)
def test_broadcast_reaches_all_others_once_with_any_one_link_down(
    sender: str, down: tuple[tuple[str, int], ...]
) -> None:
    journey = follow(ring(*down), (sender, 1), packet(sender, BROADCAST))
    assert journey.reached == {(name, 1) for name in RING if name != sender}
    assert len(journey.deliveries) == 2
    assert not journey.loops


def test_two_failures_drop_and_never_loop() -> None:
    journey = follow(ring(("A", NEXT), ("C", NEXT)), ("A", 1), packet("A", mac("B")))
    assert not journey.deliveries
    assert not journey.loops
    assert [drop.platform for drop in journey.drops] == ["A"]


def test_a_question_is_answered_where_it_is_asked() -> None:
    asked = {"arp_op": 1, "arp_sha": mac("A"), "arp_spa": ord("A"), "arp_tpa": ord("C")}
    frame = parse(build({"eth_src": mac("A"), "eth_dst": BROADCAST, "eth_type": 0x0806, **asked}))
    journey = follow(ring(), ("A", 1), frame)
    assert [at for at, _ in journey.visits] == [("A", 1)]
    (answer,) = journey.deliveries
    assert (answer.platform, answer.port) == ("A", 1)
    assert (answer.frame.fields["arp_op"], answer.frame.fields["arp_sha"]) == (2, mac("C"))


def test_a_forged_sender_is_dropped_with_the_place_and_a_copy() -> None:
    journey = follow(ring(), ("A", 1), packet("B", mac("C")))
    (drop,) = journey.drops
    assert (drop.platform, drop.step and drop.step.table) == ("A", 20)
    assert [platform for platform, _ in journey.copies] == ["A"]


def _wires(*rules: FlowEntry) -> Network:
    return Network({name: SwitchTables(rules) for name in ("A", "B")}, {("A", 1): ("B", 1), ("B", 1): ("A", 1)})


def test_a_packet_that_goes_round_is_found() -> None:
    bounce = FlowEntry(0, 1, (), (ClearInPort(), Output(1)))
    assert follow(_wires(bounce), ("A", 2), packet("A", 1)).loops == [("B", 1)]


def test_a_frame_delivered_twice_is_found() -> None:
    twice = FlowEntry(0, 1, (), (Output(3), Output(3)))
    assert follow(_wires(twice), ("A", 2), packet("A", 1)).duplicates == [("A", 3)]


def test_what_leaves_by_a_dead_port_is_lost() -> None:
    network = _wires(FlowEntry(0, 1, (), (Output(1),)))
    lost = Network(network.tables, network.links, frozenset({("B", 1)}))
    assert [drop.reason for drop in follow(lost, ("A", 2), packet("A", 1)).drops] == ["port 1 is down"]


def test_a_platform_that_is_not_there_ends_the_packet() -> None:
    assert "Z" in follow(_wires(), ("Z", 2), packet("A", 1)).drops[0].reason
