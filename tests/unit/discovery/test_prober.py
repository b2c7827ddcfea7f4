"""When probes go out: a world of ports and wires with a clock that is moved by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest

from controller.discovery.prober import BURST, PROBES_PER_S, SILENT_AFTER, Kind, Order, Prober
from controller.model.topology import End

TICK_S = 0.05
A, B = ("chassis1", 1), ("chassis2", 1)


@dataclass
class World:
    """Switches that confirm what they send and hand up what they hear, some with `deaf` ports."""

    wires: dict[End, End] = field(default_factory=dict)
    deaf: set[End] = field(default_factory=set)
    not_ready: set[End] = field(default_factory=set)
    confirms: bool = True
    prober: Prober = field(default_factory=Prober)
    now: float = 1000.0
    orders: list[tuple[float, Order]] = field(default_factory=list)
    hears: dict[End, float] = field(default_factory=dict)

    def up(self, *ends: End, kind: Kind = Kind.UNDECLARED) -> None:
        for end in ends:
            self.prober.port_up(end, kind, self.now)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            for order in self.prober.due(self.now, lambda end: end not in self.not_ready):
                self.orders.append((self.now, order))
                self._carry(order)
            self.now += TICK_S

    def _carry(self, order: Order) -> None:
        if self.confirms:
            self.prober.sent(order, self.now)
        other = self.wires.get(order.end)
        if other in self.prober and other not in self.deaf | self.not_ready:
            self.hears.setdefault(other, self.now)
            self.prober.seen(other, order.end, self.now)

    def probes(self, end: End, since: float = 0.0) -> int:
        return sum(order.end == end and at >= since for at, order in self.orders)


@pytest.fixture
def world() -> World:
    return World()


def joined(*, deaf: frozenset[End] = frozenset()) -> World:
    return World(wires={A: B, B: A}, deaf=set(deaf))


def test_a_link_is_found_from_both_ends_within_a_second() -> None:
    world = joined()
    world.up(A, B)
    world.run(1)
    assert world.hears.keys() == {A, B}
    assert not world.prober.is_silent(A)
    assert not world.prober.is_silent(B)


def test_an_undeclared_port_is_silent_after_three_confirmed_probes(world: World) -> None:
    world.up(A)
    while world.probes(A) < SILENT_AFTER:
        assert not world.prober.is_silent(A)
        world.run(TICK_S)
    assert world.prober.is_silent(A)


def test_a_declared_trunk_is_never_silent(world: World) -> None:
    world.up(A, kind=Kind.TRUNK)
    world.run(10)
    assert not world.prober.is_silent(A)


def test_probes_that_are_not_confirmed_do_not_count_and_are_repeated(world: World) -> None:
    world.confirms = False
    world.up(A)
    world.run(10)
    assert world.probes(A) > SILENT_AFTER
    assert not world.prober.is_silent(A)


def test_a_port_waits_until_its_switch_can_hear_answers(world: World) -> None:
    world.not_ready = {A}
    world.up(A)
    world.run(5)
    assert world.probes(A) == 0
    world.not_ready = set()
    world.run(0.5)
    assert world.prober.is_silent(A)


def test_heard_by_the_other_end_alone_is_not_silent() -> None:
    world = joined(deaf=frozenset({A}))
    world.up(A, B)
    world.run(3)
    assert not world.prober.is_silent(A)
    assert not world.prober.is_silent(B)


def test_a_silent_port_is_probed_at_a_slow_pace(world: World) -> None:
    world.up(A)
    world.run(1)
    since = world.now
    world.run(60)
    assert 6 <= world.probes(A, since) <= 30


def test_a_proved_trunk_is_probed_about_once_a_second() -> None:
    world = joined()
    world.up(A, B, kind=Kind.TRUNK)
    world.run(2)
    since = world.now
    world.run(60)
    assert 30 <= world.probes(A, since) <= 90


def test_a_trunk_without_a_peer_backs_off_and_goes_on_for_hours(world: World) -> None:
    world.up(A, kind=Kind.TRUNK)
    world.run(1)
    assert world.probes(A) >= 6
    world.run(3600)
    since = world.now
    world.run(10)
    assert 5 <= world.probes(A, since) <= 15


def test_a_late_peer_of_a_silent_port_is_found_by_both_within_a_second() -> None:
    world = joined()
    world.up(A)
    world.run(100)
    assert world.prober.is_silent(A)
    world.up(B)
    world.run(1)
    assert world.hears.keys() == {A, B}
    assert not world.prober.is_silent(A)


def test_a_peer_whose_own_port_flapped_is_told_of_the_other_end_within_a_second() -> None:
    world = joined()
    world.up(A, B, kind=Kind.TRUNK)
    world.run(10)
    world.prober.port_down(B)
    world.hears.clear()
    world.run(0.3)
    world.up(B, kind=Kind.TRUNK)
    since = world.now
    world.run(1)
    assert world.hears[B] - since < 0.5


def test_a_flap_starts_all_over(world: World) -> None:
    world.up(A)
    world.run(1)
    world.prober.port_down(A)
    assert not world.prober.is_silent(A)
    world.up(A)
    world.run(TICK_S)
    assert not world.prober.is_silent(A)


def test_what_was_ordered_before_a_flap_does_not_count(world: World) -> None:
    world.confirms = False
    world.up(A)
    world.run(4)
    world.prober.port_down(A)
    world.up(A)
    for _, order in world.orders:
        world.prober.sent(order, world.now)
    assert not world.prober.is_silent(A)


def test_a_port_that_is_down_is_not_probed(world: World) -> None:
    world.up(A)
    world.prober.port_down(A)
    world.run(5)
    assert world.orders == []


def test_telling_of_a_port_again_changes_nothing(world: World) -> None:
    world.up(A)
    world.run(1)
    world.up(A)
    assert world.prober.is_silent(A)


def test_a_port_that_is_now_declared_a_trunk_is_silent_no_more(world: World) -> None:
    world.up(A)
    world.run(1)
    world.up(A, kind=Kind.TRUNK)
    assert not world.prober.is_silent(A)


def test_a_thousand_ports_at_once_are_spread_and_each_gets_its_turn(world: World) -> None:
    ends = [("chassis1", number) for number in range(1, 1001)]
    world.up(*ends)
    world.run(5)
    per_tick = Counter(at for at, _ in world.orders)
    assert max(per_tick.values()) <= BURST
    assert all(world.prober.is_silent(end) for end in ends)
    first_round = [order.end for _, order in world.orders[: len(ends)]]
    assert sorted(first_round) == ends, "no port is probed twice before all were probed once"


def test_calling_often_does_not_send_more(world: World) -> None:
    world.up(*(("chassis1", number) for number in range(1, 1001)))
    calls = [world.prober.due(1000.0 + step / 1000, lambda end: True) for step in range(501)]
    assert sum(map(len, calls)) <= BURST + PROBES_PER_S / 2


def test_a_new_port_does_not_wait_behind_those_that_are_only_watched() -> None:
    count = 3000
    ends = [("chassis1", number) for number in range(count)]
    world = World(wires={end: ("chassis2", end[1]) for end in ends} | {("chassis2", end[1]): end for end in ends})
    world.up(*world.wires, kind=Kind.TRUNK)
    world.run(60)
    late, since = ("chassis9", 1), world.now
    world.up(late)
    world.run(0.5)
    assert world.probes(late, since) >= SILENT_AFTER
