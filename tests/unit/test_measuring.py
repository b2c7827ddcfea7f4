"""What reservations really get: bytes over a window, drops of the meter, and counters that begin anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.compile.reservations import Chosen, DirectionInput, Stage, end_key, reservation_meter, steer_keys
from controller.measuring import WINDOW_S, Measured, Measuring
from controller.pinning import Granted
from controller.rules.rules import Counted
from controller.rules.tables import PATH_LABELS

CHOSEN = Chosen(464, 0x020000000101, None, 0x020000000201, None)
ACROSS = DirectionInput(CHOSEN, "a", PATH_LABELS[5], 20, (Stage("m", 20, 21), Stage("b", 20, None)), 800, 200, False)
WITHIN = replace(ACROSS, stages=(), out_port=None)
END = ("b", 1)
MOVED = replace(ACROSS, label=PATH_LABELS[6])
FRAME, LABEL = 1000, 4
"""Bytes of a frame, and of the label that counters of the last platform count with it."""


def granted(*directions: DirectionInput) -> Granted:
    return {"one": tuple((direction, END) for direction in directions)}


def following(*directions: DirectionInput) -> Measuring:
    measuring = Measuring()
    measuring.follow(granted(*directions))
    return measuring


def arrive(measuring: Measuring, packets: int, now: float, direction: DirectionInput = ACROSS) -> None:
    """The last platform tells how many packets have arrived so far."""
    key = end_key(direction)
    assert key
    measuring.counted("b", Counted({key: packets}, {}, octets={key: packets * (FRAME + LABEL)}), now)


def enter(measuring: Measuring, packets: int, dropped: int, now: float, direction: DirectionInput = ACROSS) -> None:
    """The first platform tells how many packets came so far, and how many of them its meter has dropped."""
    meter, (key, *_) = reservation_meter(direction.label), steer_keys(direction)
    octets = {key: packets * FRAME}
    measuring.counted("a", Counted({key: packets}, {meter: dropped}, {}, octets, {meter: dropped * FRAME}), now)


def bps(measuring: Measuring) -> int:
    (found,) = measuring.of("one")
    return found.bps


def test_before_anything_is_counted_there_is_nothing_to_tell() -> None:
    measuring = following(ACROSS)
    assert measuring.of("one") == ()
    assert measuring.platforms() == {"a", "b"}
    arrive(measuring, 500, 0.0)
    assert measuring.of("one") == (Measured(0, 0, 0),)


def test_what_arrives_is_told_in_layer_2_bits_without_the_label() -> None:
    measuring = following(ACROSS)
    arrive(measuring, 500, 0.0)
    arrive(measuring, 700, 2.0)
    assert bps(measuring) == 200 * FRAME * 8 // 2


def test_what_is_policed_is_told_beside_it() -> None:
    measuring = following(ACROSS)
    enter(measuring, 100, 10, 0.0)
    enter(measuring, 500, 110, 2.0)
    assert measuring.of("one") == (Measured(0, 100 * FRAME * 8 // 2, 110),)


def test_within_a_platform_what_enters_and_is_not_dropped_arrives() -> None:
    measuring = following(WITHIN)
    assert measuring.platforms() == {"a"}
    enter(measuring, 100, 10, 0.0, WITHIN)
    enter(measuring, 500, 110, 2.0, WITHIN)
    assert measuring.of("one") == (Measured(300 * FRAME * 8 // 2, 100 * FRAME * 8 // 2, 110),)


def test_only_the_last_window_counts() -> None:
    measuring = following(ACROSS)
    packets = 0
    for second in range(0, 31, 2):
        packets += 1000 if second <= 10 else 10
        arrive(measuring, packets, float(second))
    assert bps(measuring) == 5 * FRAME * 8


def test_a_flow_that_stops_is_seen_to_stop() -> None:
    measuring = following(ACROSS)
    arrive(measuring, 0, 0.0)
    arrive(measuring, 1000, 2.0)
    arrive(measuring, 1000, 2.0 + WINDOW_S)
    assert bps(measuring) == 0


def test_counters_that_begin_anew_are_no_negative_rate() -> None:
    measuring = following(ACROSS)
    arrive(measuring, 5000, 0.0)
    arrive(measuring, 6000, 2.0)
    arrive(measuring, 10, 4.0)
    assert bps(measuring) == 0
    arrive(measuring, 30, 6.0)
    assert bps(measuring) == 20 * FRAME * 8 // 2


def test_a_grant_that_moves_is_measured_anew_under_its_new_label() -> None:
    measuring = following(ACROSS)
    arrive(measuring, 5000, 0.0)
    arrive(measuring, 6000, 2.0)
    measuring.follow(granted(MOVED))
    arrive(measuring, 7000, 4.0)
    assert bps(measuring) == 0, "the entry of the old path has no say any more"
    arrive(measuring, 100, 6.0, MOVED)
    assert bps(measuring) == 0
    arrive(measuring, 300, 8.0, MOVED)
    assert bps(measuring) == 200 * FRAME * 8 // 2


def test_both_directions_are_measured_each_for_itself() -> None:
    back = replace(ACROSS, platform="b", label=PATH_LABELS[9], stages=(Stage("m", 21, 20), Stage("a", 20, None)))
    measuring = following(ACROSS, back)
    key = end_key(back)
    assert key
    for packets, now in ((0, 0.0), (300, 2.0)):
        arrive(measuring, 2 * packets, now)
        measuring.counted("a", Counted({key: packets}, {}, octets={key: packets * (FRAME + LABEL)}), now)
    assert [found.bps for found in measuring.of("one")] == [300 * FRAME * 8, 150 * FRAME * 8]


def test_what_is_granted_no_more_is_forgotten() -> None:
    measuring = following(ACROSS)
    arrive(measuring, 500, 0.0)
    measuring.follow({})
    assert (measuring.of("one"), measuring.platforms()) == ((), set())


@pytest.mark.parametrize("platform", ["m", "elsewhere"])
def test_switches_on_the_way_and_others_have_no_say(platform: str) -> None:
    measuring = following(ACROSS)
    key = end_key(ACROSS)
    assert key
    measuring.counted(platform, Counted({key: 5}, {}, octets={key: 5000}), 0.0)
    assert measuring.of("one") == ()
