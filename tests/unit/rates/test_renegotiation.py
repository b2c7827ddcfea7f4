"""What becomes of all reservations when links, rates or reservations have changed."""

from __future__ import annotations

from controller.model.grants import Grant
from controller.rates.network import Demand, Network
from controller.rates.preemption import Preempt
from controller.rates.renegotiation import Outcome, renegotiate
from tests.unit.rates.small import MBIT, demand, grant, has, line, network

ONE_LINE = network(line("a-b"))
SQUARE = (line("a-b"), line("b-d"), line("a-c", cost=2), line("c-d", cost=2))


def outcome(of: Network, demands: list[Demand], preempt: Preempt = "none", **before: Grant) -> Outcome:
    """What comes of it; the same again changes nothing."""
    wanted = {one.name: one for one in demands}
    found = renegotiate(of, wanted, before, preempt)
    assert renegotiate(of, wanted, found.grants, preempt) == found
    return found


def granted(of: Network, demands: list[Demand], preempt: Preempt = "none", **before: Grant) -> dict[str, object]:
    return dict(has(outcome(of, demands, preempt, **before).grants))


def test_what_fits_stays_where_it_is_though_another_path_is_cheaper() -> None:
    assert granted(network(*SQUARE), [demand("r", "a>d", 50)], r=grant(50, "a-c", "c-d")) == {"r": (50, "a-c c-d")}


def test_what_has_lost_its_path_gets_another() -> None:
    ring = network(*SQUARE, down={"a-b"})
    assert granted(ring, [demand("r", "a>d", 50)], r=grant(50, "a-b", "b-d")) == {"r": (50, "a-c c-d")}


def test_what_does_not_fit_elsewhere_gets_less_and_all_again_when_there_is_room() -> None:
    demands = [demand("r", "a>d", 80, 30), demand("x", "a>c", 50)]
    failed = outcome(network(*SQUARE, down={"a-b"}), demands, r=grant(80, "a-b", "b-d"), x=grant(50, "a-c"))
    assert has(failed.grants) == {"r": (50, "a-c c-d"), "x": (50, "a-c")}
    assert granted(network(*SQUARE), demands, **failed.grants)["r"] == (80, "a-b b-d")


def test_what_cannot_have_its_floor_keeps_what_there_is() -> None:
    demands = [demand("r", "a>d", 80, 60), demand("x", "a>c", 50)]
    failed = outcome(network(*SQUARE, down={"a-b"}), demands, r=grant(80, "a-b", "b-d"), x=grant(50, "a-c"))
    assert has(failed.grants)["r"] == (50, "a-c c-d")
    assert failed.offers["r"].message == (
        "50 Mbit/s is left from a to d: link a-c holds 100 Mbit/s, of which x has 50 Mbit/s"
    )


def test_what_has_no_path_has_nothing() -> None:
    found = outcome(network(line("a-b"), down={"a-b"}), [demand("r", "a>b", 10)], r=grant(10, "a-b"))
    assert found.grants == {}
    assert found.offers["r"].message == "no path from a to b"


def test_who_has_nothing_is_told_what_there_is() -> None:
    demands = [demand("r", "a>b", 10, 5), demand("x", "a>b", 100)]
    found = outcome(ONE_LINE, demands, x=grant(100, "a-b"))
    assert list(found.offers) == ["r"]
    assert found.offers["r"].rate_bps == 0


def test_the_highest_priority_is_placed_first_then_by_name() -> None:
    lost = [demand("a", "a>d", 60, 10, 0), demand("b", "a>d", 60, 10, 1), demand("c", "a>d", 60, 10, 0)]
    before = {name: grant(30, "a-b", "b-d") for name in "abc"}
    assert granted(network(*SQUARE, down={"a-b"}), lost, **before) == {
        "b": (40, "a-c c-d"),
        "a": (30, "a-c c-d"),
        "c": (30, "a-c c-d"),
    }


def test_those_who_have_nothing_are_tried_by_priority_then_name() -> None:
    waiting = [demand("a", "a>b", 60, priority=0), demand("b", "a>b", 60, priority=1), demand("c", "a>b", 40)]
    assert granted(ONE_LINE, waiting) == {"b": (60, "a-b"), "c": (40, "a-b")}


def test_what_becomes_free_goes_to_those_who_asked_for_more() -> None:
    """The case of two: 80 with a floor of 30 has 50; the other goes; it has 80."""
    first = demand("first", "a>b", 80, 30)
    assert granted(ONE_LINE, [first], first=grant(50, "a-b")) == {"first": (80, "a-b")}


def test_who_can_have_more_elsewhere_moves_there() -> None:
    pair = network(line("a-b.1"), line("a-b.2", cost=5))
    demands = [demand("r", "a>b", 80, 10), demand("x", "a>b", 60)]
    before = {"r": grant(40, "a-b.1"), "x": grant(60, "a-b.1")}
    assert granted(pair, demands, **before) == {"r": (80, "a-b.2"), "x": (60, "a-b.1")}


def test_nobody_moves_for_nothing() -> None:
    pair = network(line("a-b.1"), line("a-b.2", 40))
    demands = [demand("r", "a>b", 80, 10), demand("x", "a>b", 60)]
    before = {"r": grant(40, "a-b.1"), "x": grant(60, "a-b.1")}
    assert granted(pair, demands, **before) == has(before)


def test_who_is_gone_holds_nothing() -> None:
    assert granted(ONE_LINE, [demand("r", "a>b", 80)], gone=grant(90, "a-b")) == {"r": (80, "a-b")}


# Less capacity


def test_where_a_line_holds_less_the_lower_ones_go_down_to_their_floors_first() -> None:
    demands = [demand("high", "a>b", 60, 10, 1), demand("low", "a>b", 40, 10, 0)]
    before = {"high": grant(60, "a-b"), "low": grant(40, "a-b")}
    assert granted(network(line("a-b", 80)), demands, **before) == {"high": (60, "a-b"), "low": (20, "a-b")}
    assert granted(network(line("a-b", 50)), demands, **before) == {"high": (40, "a-b"), "low": (10, "a-b")}


def test_where_not_all_floors_fit_the_lower_ones_lose_their_place() -> None:
    demands = [demand("high", "a>b", 60, 50, 1), demand("low", "a>b", 40, 30, 0)]
    before = {"high": grant(60, "a-b"), "low": grant(40, "a-b")}
    found = outcome(network(line("a-b", 70)), demands, **before)
    assert has(found.grants) == {"high": (60, "a-b"), "low": (10, "a-b")}
    assert found.offers["low"].rate_bps == 10 * MBIT


# Other demands


def test_a_lower_rate_is_followed_in_place() -> None:
    assert granted(ONE_LINE, [demand("r", "a>b", 20)], r=grant(80, "a-b")) == {"r": (20, "a-b")}


def test_a_grant_that_no_longer_leads_there_is_replaced() -> None:
    assert granted(network(*SQUARE), [demand("r", "a>c", 50)], r=grant(50, "a-b", "b-d")) == {"r": (50, "a-c")}


def test_a_floor_that_was_raised_moves_the_reservation() -> None:
    pair = network(line("a-b.1"), line("a-b.2"))
    demands = [demand("r", "a>b", 80, 70), demand("x", "a>b", 60)]
    before = {"r": grant(40, "a-b.1"), "x": grant(60, "a-b.1")}
    assert granted(pair, demands, **before) == {"r": (80, "a-b.2"), "x": (60, "a-b.1")}


# Pushing


def test_the_new_take_nothing_from_others_unless_they_may() -> None:
    demands = [demand("new", "a>b", 60, 10, 5), demand("old", "a>b", 90, 20, 0)]
    assert granted(ONE_LINE, demands, old=grant(90, "a-b")) == {"new": (10, "a-b"), "old": (90, "a-b")}
    assert granted(ONE_LINE, demands, "floor", old=grant(90, "a-b")) == {"new": (60, "a-b"), "old": (40, "a-b")}


def test_who_was_pushed_out_finds_another_place() -> None:
    pair = network(line("a-b"), line("a-c", 40), line("c-b", 40))
    demands = [demand("new", "a>b", 80, priority=5), demand("old", "a>b", 90, 90)]
    found = outcome(pair, demands, "out", old=grant(90, "a-b"))
    assert has(found.grants) == {"new": (80, "a-b"), "old": (40, "a-c c-b")}


def test_a_higher_priority_is_raised_at_the_cost_of_lower_ones() -> None:
    demands = [demand("high", "a>b", 80, 10, 5), demand("low", "a>b", 60, 20, 0)]
    before = {"high": grant(40, "a-b"), "low": grant(60, "a-b")}
    assert granted(ONE_LINE, demands, **before) == has(before)
    assert granted(ONE_LINE, demands, "floor", **before) == {"high": (80, "a-b"), "low": (20, "a-b")}


def test_who_has_less_than_his_floor_pushes_others_out_for_it() -> None:
    demands = [demand("high", "a>b", 80, 60, 5), demand("low", "a>b", 80, 80, 0)]
    before = {"high": grant(20, "a-b"), "low": grant(80, "a-b")}
    assert granted(ONE_LINE, demands, "floor", **before) == has(before)
    assert granted(ONE_LINE, demands, "out", **before) == {"high": (60, "a-b"), "low": (40, "a-b")}


# Protected

RING = (line("a-b"), line("b-c"), line("c-d"), line("d-a"))


def test_a_protected_reservation_has_its_rate_on_the_way_round_though_nothing_protects_it_there() -> None:
    own = demand("r", "a>b", 60, protected=True)
    found = outcome(network(*RING, down={"a-b"}), [own], r=grant(60, "a-b"))
    assert has(found.grants) == {"r": (60, "d-a c-d b-c")}
    assert found.exposed == {"r"}


def test_it_is_protected_again_when_it_can_be() -> None:
    own = demand("r", "a>b", 60, protected=True)
    found = outcome(network(*RING), [own], r=grant(60, "d-a", "c-d", "b-c"))
    assert has(found.grants) == {"r": (60, "d-a c-d b-c")}
    assert found.exposed == frozenset()


def test_it_moves_to_where_it_is_protected() -> None:
    tail = network(line("a-b.1"), line("b-c"), line("a-c"), line("a-x"), line("x-c"), down={"b-c"})
    own = demand("r", "a>c", 60, protected=True)
    assert outcome(tail, [own], r=grant(60, "a-b.1", "b-c")).exposed == frozenset()


def test_rates_that_are_held_go_before_protection_against_the_next_failure() -> None:
    """Round a-b and round b-c the traffic comes over a-c; with a-b gone both cannot be kept any more."""
    triangle = (line("a-b"), line("b-c"), line("a-c"))
    demands = [demand("x", "a>b", 60, protected=True), demand("y", "a>c", 40)]
    before = {"x": grant(60, "a-b"), "y": grant(40, "a-c")}
    found = outcome(network(*triangle, down={"a-b"}), demands, **before)
    assert has(found.grants) == {"x": (60, "a-c b-c"), "y": (40, "a-c")}


def test_protected_ones_that_were_broken_go_before_others() -> None:
    three = (line("a-b.1"), line("a-b.2"), line("a-b.3", 60))
    demands = [demand("a", "a>b", 40), demand("z", "a>b", 60, protected=True), demand("o", "a>b", 40)]
    before = {"a": grant(40, "a-b.1"), "z": grant(60, "a-b.1"), "o": grant(40, "a-b.2")}
    found = outcome(network(*three, down={"a-b.1"}), demands, **before)
    assert found.grants["z"].rate_bps == 60 * MBIT
    assert found.grants["o"] == before["o"]


def test_both_ways_are_kept_on_one_way_round_though_the_switches_use_two() -> None:
    """Round a-b the switch at a goes by c, that at b by d: a path of both ways over one of them is to be had after."""
    both_rounds = (line("a-b"), line("a-c"), line("c-b"), line("a-d"), line("b-d"))
    demands = [demand("r", "a>b", 60, both=True, protected=True), demand("x", "b>c", 50, 1)]
    before = outcome(network(*both_rounds), demands).grants
    assert has(before) == {"r": (60, "a-b"), "x": (40, "c-b")}
    after = outcome(network(*both_rounds, down={"a-b"}), demands, **before)
    assert after.grants["r"].rate_bps == 60 * MBIT
