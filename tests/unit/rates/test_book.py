"""What is written down counts, and what is struck out leaves nothing behind."""

from __future__ import annotations

import pytest

from controller.rates.book import Book
from tests.unit.rates.small import MBIT, book, demand, grant, line, network

RING = network(line("a-b"), line("b-c"), line("c-a"))


def test_the_biggest_holder_comes_first() -> None:
    held = book(RING, (demand("x", "a>b", 10), grant(10, "a-b")), (demand("y", "a>b", 20), grant(20, "a-b")))
    assert held.holders(("a-b", "a")) == ("y", "x")
    assert held.load(("a-b", "a")) == 30 * MBIT
    assert held.holders(("a-b", "b")) == ()


def test_what_is_taken_out_leaves_nothing_behind() -> None:
    held = book(RING)
    held.put(demand("x", "a>c", 40, both=True, protected=True), grant(40, "a-b", "b-c"))
    assert held.load(("a-b", "b")) == 40 * MBIT
    held.take("x")
    ways = [(name, end) for name, one in RING.lines.items() for end in one.ends]
    assert all(held.load(way) == held.backup(way) == 0 and held.left(way) == 100 * MBIT for way in ways)
    assert held.grants == {}


def test_the_most_that_is_kept_falls_with_the_one_that_needs_it() -> None:
    held = book(network(line("a-b.1"), line("a-b.2"), line("a-b.3", cost=0)))
    held.put(demand("x", "a>b", 60, protected=True), grant(60, "a-b.1"))
    held.put(demand("y", "a>b", 50, protected=True), grant(50, "a-b.2"))
    held.rerate("x", 20 * MBIT)
    assert held.backup(("a-b.3", "a")) == 50 * MBIT
    held.take("y")
    assert held.backup(("a-b.3", "a")) == 20 * MBIT


def test_too_much_is_seen() -> None:
    held = book(RING, (demand("x", "a>b", 120), grant(120, "a-b")))
    assert held.overfull == {("a-b", "a")}
    assert held.left(("a-b", "a")) == -20 * MBIT
    held.rerate("x", 100 * MBIT)
    assert not held.overfull


def test_a_protected_grant_that_cannot_be_protected_is_exposed() -> None:
    tail = network(line("a-b"))
    assert book(tail, (demand("x", "a>b", 10, protected=True), grant(10, "a-b"))).exposed == {"x"}


@pytest.mark.parametrize(
    ("links", "message"),
    [
        (("b-c",), "x: expected links from a to b, found b-c"),
        ((), "x: expected links from a to b, found no links"),
        (("a-b", "gone"), "x: expected links from a to b, found a-b, gone"),
    ],
)
def test_links_that_do_not_lead_there_are_refused(links: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Book(RING).put(demand("x", "a>b", 10), grant(10, *links))


def test_nobody_has_two_grants() -> None:
    held = book(RING, (demand("x", "a>b", 10), grant(10, "a-b")))
    with pytest.raises(ValueError, match="x: has a grant already, expected none"):
        held.put(demand("x", "a>b", 10), grant(10, "a-b"))
