"""Who gives way to a higher priority, and how far."""

from __future__ import annotations

import pytest

from controller.model.grants import Grant
from controller.rates.book import Book
from controller.rates.network import Offer
from controller.rates.preemption import Preempt, admit_pushing
from tests.unit.rates.small import MBIT, book, demand, grant, line, network

ONE_LINE = network(line("a-b"))


def low_ones(*of: tuple[str, float, float, int]) -> Book:
    """Those who hold the line already: name, rate, floor, priority."""
    return book(ONE_LINE, *((demand(name, "a>b", rate, floor, at), grant(rate, "a-b")) for name, rate, floor, at in of))


def pushed(
    held: Book, asked: float, floor: float, preempt: Preempt, priority: int = 5
) -> tuple[float, dict[str, float]]:
    """What one more gets, and what becomes of the others, in Mbit/s."""
    before = held.grants
    found = admit_pushing(held, demand("new", "a>b", asked, floor, priority), preempt)
    assert held.grants == before
    got = found.answer.rate_bps / MBIT if isinstance(found.answer, Grant) else 0
    return got, {name: rate / MBIT for name, rate in found.pushed.items()}


def test_nobody_is_pushed_where_there_is_room() -> None:
    assert pushed(low_ones(("x", 60, 10, 0)), 40, 10, "out") == (40, {})


def test_a_higher_priority_pushes_lower_ones_to_their_floors_before_it_accepts_less() -> None:
    assert pushed(low_ones(("x", 90, 10, 0)), 80, 5, "floor") == (80, {"x": 20})
    assert pushed(low_ones(("x", 90, 40, 0)), 80, 5, "floor") == (60, {"x": 40})


def test_nobody_is_pushed_where_the_document_says_so() -> None:
    assert pushed(low_ones(("x", 90, 10, 0)), 80, 5, "none") == (10, {})


@pytest.mark.parametrize("priority", [0, 1])
def test_an_equal_or_higher_priority_is_not_pushed(priority: int) -> None:
    assert pushed(low_ones(("x", 90, 10, 1)), 80, 5, "out", priority) == (10, {})


def test_the_lowest_priority_gives_way_first_then_the_last_name() -> None:
    held = low_ones(("a", 30, 10, 0), ("b", 30, 10, 0), ("c", 30, 10, 1))
    assert pushed(held, 25, 25, "floor") == (25, {"b": 15})
    assert pushed(held, 40, 40, "floor") == (40, {"a": 20, "b": 10})
    assert pushed(held, 60, 60, "floor") == (60, {"a": 10, "b": 10, "c": 20})


def test_only_those_whose_loss_matters_are_pushed() -> None:
    pair = network(line("a-b"), line("b-c"))
    held = book(
        pair,
        (demand("beside", "b>c", 50, 0, 0), grant(50, "b-c")),
        (demand("before", "a>b", 80, 0, 1), grant(80, "a-b")),
    )
    found = admit_pushing(held, demand("new", "a>b", 50, priority=5), "floor")
    assert found.pushed == {"before": 50 * MBIT}


def test_of_two_paths_the_one_is_taken_where_lower_priorities_give_way() -> None:
    pair = network(line("a-b.1"), line("a-b.2"))
    held = book(
        pair,
        (demand("three", "a>b", 100, 0, 3), grant(100, "a-b.1")),
        (demand("one", "a>b", 100, 0, 1), grant(100, "a-b.2")),
    )
    found = admit_pushing(held, demand("new", "a>b", 50, priority=5), "floor")
    assert (found.answer, found.pushed) == (grant(50, "a-b.2"), {"one": 50 * MBIT})


def test_out_goes_who_is_in_the_way_of_a_floor() -> None:
    assert pushed(low_ones(("x", 90, 60, 0)), 80, 50, "floor") == (0, {})
    assert pushed(low_ones(("x", 90, 60, 0)), 80, 50, "out") == (80, {"x": 0})


def test_nobody_goes_out_for_more_than_a_floor() -> None:
    assert pushed(low_ones(("x", 90, 60, 0)), 80, 30, "out") == (40, {"x": 60})


def test_no_more_go_out_than_must() -> None:
    held = low_ones(("a", 30, 30, 0), ("b", 30, 30, 0), ("c", 30, 30, 1))
    assert pushed(held, 40, 40, "out") == (40, {"b": 0})
    assert pushed(held, 95, 95, "out") == (95, {"a": 0, "b": 0, "c": 0})


def test_a_big_one_that_gives_way_lets_a_small_one_stay() -> None:
    held = low_ones(("a", 10, 10, 0), ("b", 90, 90, 0))
    assert pushed(held, 50, 50, "out") == (50, {"b": 0})


def test_who_went_out_in_vain_is_in_again() -> None:
    held = low_ones(("a", 90, 90, 0), ("z", 10, 10, 0))
    assert pushed(held, 50, 50, "out") == (50, {"a": 0})


def test_what_is_kept_for_failures_gives_way_with_those_it_is_kept_for() -> None:
    ring = network(line("a-b"), line("b-c"), line("c-a"))
    held = book(ring, (demand("x", "a>b", 80, 20, 0, protected=True), grant(80, "a-b")))
    found = admit_pushing(held, demand("new", "a>c", 70, priority=1), "floor")
    assert (found.answer, found.pushed) == (grant(70, "c-a"), {"x": 30 * MBIT})


def test_where_pushing_does_not_help_the_offer_is_what_there_is_without() -> None:
    found = admit_pushing(low_ones(("x", 90, 60, 0)), demand("new", "a>b", 80, 50, 5), "floor")
    assert isinstance(found.answer, Offer)
    assert (found.answer.rate_bps, found.pushed) == (10 * MBIT, {})
