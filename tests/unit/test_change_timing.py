"""When the steps of a change go out: what opens a way comes first, and is given time."""

from __future__ import annotations

from controller.rules.placed import PATH_RANKS, Turn
from controller.rules.reconciler import CACHE_S, DRAIN_S
from tests.virtual import VirtualFabric

TEXT = """
segments: {{s: {{}}}}
platforms:
  one:
    dpid: 1
    servers: {{a: {{port: 1, segment: s, mac: "02:00:00:00:00:01"}}}}
    trunks: {{x: {{port: 20}}, y: {{port: 21}}}}
  two:
    dpid: 2
    servers: {{b: {{port: 1, segment: s, mac: "02:00:00:00:00:02"}}}}
    trunks: {{x: {{port: 20}}, y: {{port: 21}}}}
links: [[one.x, two.x]{more}]
"""
ONE_LINK, TWO_LINKS = TEXT.format(more=""), TEXT.format(more=", [one.y, two.y]")


def fabric(text: str) -> VirtualFabric:
    built = VirtualFabric(TWO_LINKS)
    built.start()
    built.change(text)
    built.settle()
    return built


def turns_of_next_step(built: VirtualFabric) -> set[int]:
    """The turns of what the next step puts in; the step is carried out."""
    batches = built.control.next_step(built.now)
    for name, batch in batches.items():
        built.switches[name].carry_out(batch)
        built.control.step_confirmed(name, {}, built.now)
    return {wanted.order // PATH_RANKS for batch in batches.values() for wanted, _ in batch.upserts}


def test_a_way_is_open_for_a_while_before_anything_is_sent_there() -> None:
    built = fabric(ONE_LINK)
    built.change(TWO_LINKS)
    while turns_of_next_step(built) != {Turn.TRANSIT}:
        pass
    built.now += CACHE_S * 0.9
    assert not turns_of_next_step(built)
    built.now += CACHE_S * 0.2
    assert turns_of_next_step(built) == {Turn.LINK}
    assert turns_of_next_step(built) == {Turn.PATH}


def test_a_way_is_closed_when_packets_on_it_have_drained() -> None:
    built = fabric(TWO_LINKS)
    built.change(ONE_LINK)
    while turns_of_next_step(built):
        built.now += CACHE_S
    written = [switch.written for switch in built.switches.values()]
    built.now += DRAIN_S
    assert not turns_of_next_step(built)
    assert [switch.written for switch in built.switches.values()] > written
