"""What is pinned to a path while that changes: nothing is lost, and nothing is led where it is not carried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, permutations

import pytest

from controller.patience import PATIENCE_S
from controller.rules.packet import Frame
from controller.rules.reconciler import DRAIN_S, Batch
from controller.rules.rules import FlowEntry
from controller.rules.tables import Reg, Table
from controller.verifier import Journey
from tests.unit.reserved import (
    TCP,
    Asked,
    Reserved,
    asks,
    frame,
    home,
    link,
    mac,
    named,
)
from tests.unit.square import (
    SQUARE,
    on_square,
    pinned_by,
    send,
    udp,
)


class Watched(Reserved):
    """After each part of each step every packet arrives, once; and what is led onto a path is carried by it."""

    def __init__(self, asked_for: str, *packets: tuple[str, Frame], order: int = 1) -> None:
        self.packets, self.order, self.watching = packets, order, False
        super().__init__(asked_for)
        self.watching = True
        self.check()

    def step(self) -> bool:
        self.now += 0.01
        batches = self.control.next_step(self.now)
        for name in sorted(batches, reverse=self.order < 0):
            self.carry_out(name, batches[name])
        return bool(batches)

    def carry_out(self, name: str, batch: Batch) -> None:
        super().carry_out(name, batch)
        if self.watching:
            self.check()

    def check(self) -> None:
        for target, packet in self.packets:
            source = next(name for name in SERVERS if mac(name) == packet.fields["eth_src"])
            for choice in range(2):
                journey = send(self, packet, source, choice=choice)
                arrived = [(each.platform, each.port) for each in journey.deliveries]
                assert arrived == [home(target)], (source, target, arrived, journey.drops)
                assert pinned_by(journey) == _led_onto(journey), (source, target)

    def steps(self, count: int) -> None:
        """So many at most, without waiting for anything."""
        for _ in islice(iter(self.step, None), count):
            self.discover()


SERVERS = tuple(f"{letter}{number}" for letter in "abcd" for number in (1, 2))


def _led_onto(journey: Journey) -> int | None:
    """The label that was chosen where a packet came in."""
    for step in journey.visits[0][1].steps:
        if step.registers.get(Reg.PATH) and len(journey.visits) > 1:
            return step.registers[Reg.PATH]
    return None


def _packets() -> Iterator[tuple[str, Frame]]:
    for source, target in (("a1", "d1"), ("d1", "a1"), ("a2", "d2"), ("a1", "b1"), ("c1", "a1")):
        yield target, frame(source, target)
        yield target, frame(source, target, ip_proto=TCP, tcp_dst=80)


def upper_full(**asked: Asked) -> str:
    """There is room over p3 alone."""
    return on_square(link("p1-p2", 5), link("p2-p4", 5), *SQUARE[2:], **asked)


def lower_full(**asked: Asked) -> str:
    """There is room over p2 alone."""
    return on_square(*SQUARE[:2], link("p1-p3", 5), link("p3-p4", 5), **asked)


ONE = asks("a1=d1", 60)
STATES = {
    "nothing": on_square(),
    "over p2": lower_full(one=ONE),
    "over p3": upper_full(one=ONE),
    "protected": on_square(one=asks("a1=d1", 40, protected=True)),
    "one way": on_square(one=asks("a1>d1", 60)),
    "some of it": on_square(one=asks("a1=d1", 60, match={"tcp_dst": 80})),
    "under another name": upper_full(other=ONE),
    "two": on_square(one=ONE, two=asks("a1=d1", 30, match={"tcp_dst": 80})),
    "another end": on_square(one=asks("a1=b1", 60)),
    "reduced": upper_full(one=asks("a1=d1", 60, floor=1), two=asks("a2=d2", 70, priority=1)),
}
CHANGES = [(one, other, number % 2 * 2 - 1) for number, (one, other) in enumerate(permutations(STATES, 2))]
"""From which to which, and in which order switches do their parts."""


@pytest.mark.parametrize(("before", "after", "order"), CHANGES, ids=[f"{one} to {other}" for one, other, _ in CHANGES])
def test_nothing_is_lost_while_it_changes(before: str, after: str, order: int) -> None:
    fabric = Watched(STATES[before], *_packets(), order=order)
    fabric.ask(STATES[after])
    fabric.wait(1)
    assert {found.state for found in fabric.control.negotiation.outcomes.values()} <= {"granted", "reduced"}
    assert len(fabric.path_names()) == sum(map(len, fabric.control.granted.values()))


@pytest.mark.parametrize("protected", [False, True])
@pytest.mark.parametrize("number", range(4))
def test_nothing_is_lost_by_leading_it_round_a_failed_link_and_by_its_return(number: int, protected: bool) -> None:
    """The switches send it round by themselves at once; the new path costs nothing, nor does what comes after."""
    fabric = Watched(on_square(one=asks("a1=d1", 40, protected=protected)), *_packets())
    one, other = fabric.control.routing.known[named(number, "-".join(SQUARE[number]["between"]))].ends
    fabric.unplug(one)
    fabric.check()
    fabric.settle()
    assert fabric.state("one") == "granted"
    assert worn_now(fabric) == fabric.labels("one")
    fabric.plug(one, other)
    fabric.settle()
    fabric.wait(6)
    assert worn_now(fabric) == fabric.labels("one")


OVER_2, OVER_3 = STATES["over p2"], STATES["over p3"]


def worn_now(fabric: Watched) -> list[int | None]:
    """The labels that packets between a1 and d1 wear, there and back."""
    return [pinned_by(udp(fabric, *ends)) for ends in (("a1", "d1"), ("d1", "a1"))]


@pytest.mark.parametrize("away", ["p1", "p2", "p3", "p4"])
@pytest.mark.parametrize(("before", "after"), [("nothing", "over p3"), ("over p2", "over p3"), ("over p2", "nothing")])
def test_nothing_is_lost_while_it_changes_and_a_switch_is_away_however_long(away: str, before: str, after: str) -> None:
    fabric = Watched(STATES[before], *_packets())
    fabric.disconnect(away)
    fabric.change(STATES[after])
    fabric.steps(40)
    fabric.now += PATIENCE_S + 1
    fabric.steps(40)
    fabric.connect(away)
    fabric.settle()
    fabric.wait(1)
    assert fabric.control.converged
    assert pinned_by(udp(fabric, "a1", "d1")) == (fabric.labels("one")[0] if after != "nothing" else None)


@pytest.mark.parametrize("away", ["p3", "p4"])
def test_nothing_is_led_onto_a_path_before_all_of_it_is_there(away: str) -> None:
    """p3 carries it on, p4 is its end: both have their part before p1 begins."""
    fabric = Watched(OVER_2, *_packets())
    old = fabric.labels("one")
    fabric.disconnect(away)
    fabric.change(OVER_3)
    fabric.steps(40)
    assert worn_now(fabric) == old
    fabric.connect(away)
    fabric.settle()
    assert worn_now(fabric) == fabric.labels("one") != old


def carries(fabric: Reserved, label: int) -> set[str]:
    """The platforms that hold an entry for a path's label."""
    return {
        name
        for name, switch in fabric.switches.items()
        for rule in switch.rules.values()
        if isinstance(rule, FlowEntry) and rule.table == Table.LABEL and label in _labels_of(rule)
    }


def _labels_of(rule: FlowEntry) -> Sequence[int]:
    return [value & 0xFFF for name, value, _ in rule.match if name == "vlan_vid"]


def test_a_path_that_is_not_wanted_any_more_stays_while_one_that_may_lead_onto_it_is_away() -> None:
    fabric = Watched(OVER_2, *_packets())
    there, _ = fabric.labels("one")
    fabric.disconnect("p1")
    fabric.change(STATES["nothing"])
    fabric.steps(40)
    fabric.now += PATIENCE_S + 1
    fabric.steps(40)
    assert carries(fabric, there) == {"p2", "p4"}
    fabric.connect("p1")
    fabric.settle()
    fabric.wait(1)
    assert carries(fabric, there) == set()


def test_a_label_that_one_who_is_away_may_still_use_is_given_to_nobody_else() -> None:
    """The same path, asked for under another name meanwhile."""
    fabric = Watched(OVER_2, *_packets())
    old = fabric.labels("one")
    fabric.disconnect("p1")
    fabric.change(STATES["nothing"])
    fabric.steps(40)
    fabric.change(lower_full(other=ONE))
    fabric.steps(40)
    assert not set(fabric.labels("other")) & set(old)
    fabric.connect("p1")
    fabric.settle()
    assert worn_now(fabric) == fabric.labels("other")


def test_what_leads_onto_a_path_goes_before_the_path_and_what_is_on_its_way_has_time_to_arrive() -> None:
    fabric = Watched(OVER_2, *_packets())
    there, _ = fabric.labels("one")
    fabric.change(STATES["nothing"])
    not_led_since, gone_since = list[float](), list[float]()
    while fabric.step() or not fabric.control.converged:
        not_led_since += [] if leads_in(fabric) else [fabric.now]
        gone_since += [] if carries(fabric, there) == {"p2", "p4"} else [fabric.now]
        fabric.now += 0.05
    assert gone_since[0] >= not_led_since[0] + DRAIN_S


def leads_in(fabric: Reserved) -> bool:
    """Whether packets that come in on p1 are led onto a pinned path."""
    rules = fabric.switches["p1"].rules.values()
    return any(isinstance(rule, FlowEntry) and rule.table == Table.STEER and bool(rule.match) for rule in rules)
