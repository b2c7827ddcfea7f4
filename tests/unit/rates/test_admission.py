"""One demand at a time: which path it gets and how much of it, or what stands in its way."""

from __future__ import annotations

import pytest

from controller.model.grants import Grant
from controller.rates.admission import admit
from controller.rates.network import Offer
from tests.unit.rates.small import MBIT, book, demand, grant, line, network

ONE_LINE = network(line("a-b"))
SQUARE = network(line("a-b"), line("b-d"), line("a-c", cost=2), line("c-d", cost=2))
BIG = (demand("big", "a>b", 60), grant(60, "a-b"))
SMALL = (demand("small", "a>b", 30), grant(30, "a-b"))


def refused(answer: Grant | Offer) -> Offer:
    assert isinstance(answer, Offer), answer
    return answer


def test_the_cheapest_path_that_holds_all_that_is_asked_is_taken() -> None:
    assert admit(book(SQUARE), demand("r", "a>d", 80)) == grant(80, "a-b", "b-d")


def test_what_counts_is_what_a_path_costs_not_how_many_links_it_has() -> None:
    detour = network(line("a-d", cost=5), line("a-b"), line("b-c"), line("c-d"))
    assert admit(book(detour), demand("r", "a>d", 80)) == grant(80, "a-b", "b-c", "c-d")


def test_a_dearer_path_is_taken_where_the_cheapest_does_not_hold_all() -> None:
    full = book(SQUARE, (demand("x", "b>d", 30), grant(30, "b-d")))
    assert admit(full, demand("r", "a>d", 80, 30)) == grant(80, "a-c", "c-d")


def test_of_paths_that_do_not_hold_all_the_widest_is_taken() -> None:
    full = book(SQUARE, (demand("x", "b>d", 60), grant(60, "b-d")), (demand("y", "a>c", 50), grant(50, "a-c")))
    assert admit(full, demand("r", "a>d", 80, 30)) == grant(50, "a-c", "c-d")


def test_of_equally_wide_paths_the_cheapest_is_taken() -> None:
    full = book(SQUARE, (demand("x", "b>d", 60), grant(60, "b-d")), (demand("y", "a>c", 60), grant(60, "a-c")))
    assert admit(full, demand("r", "a>d", 80, 30)) == grant(40, "a-b", "b-d")


def test_of_equal_paths_the_first_by_name_is_taken() -> None:
    assert admit(book(network(line("a-b.2"), line("a-b.1"))), demand("r", "a>b", 10)) == grant(10, "a-b.1")


def test_what_is_left_is_granted_between_floor_and_asked_then_nothing_is_left() -> None:
    half = book(ONE_LINE, (demand("half", "a>b", 50), grant(50, "a-b")))
    first = demand("first", "a>b", 80, 30)
    answer = admit(half, first)
    assert answer == grant(50, "a-b")
    half.put(first, grant(50, "a-b"))
    offer = refused(admit(half, demand("second", "a>b", 40)))
    assert offer.rate_bps == 0
    assert offer.message == (
        "nothing is left from a to b: link a-b holds 100 Mbit/s, of which first has 50 Mbit/s and half has 50 Mbit/s"
    )


def test_a_refusal_offers_what_is_left_and_says_who_has_the_rest() -> None:
    offer = refused(admit(book(ONE_LINE, SMALL, BIG), demand("r", "a>b", 40)))
    assert offer == Offer(
        10 * MBIT,
        (("a-b", "a"),),
        ("big", "small"),
        "10 Mbit/s is left from a to b: link a-b holds 100 Mbit/s, of which big has 60 Mbit/s and small has 30 Mbit/s",
    )


def test_a_long_list_is_cut_short() -> None:
    many = [(demand(f"r{number}", "a>b", 20), grant(20, "a-b")) for number in range(5)]
    offer = refused(admit(book(ONE_LINE, *many), demand("r", "a>b", 40)))
    assert offer.holders == ("r0", "r1", "r2", "r3", "r4")
    assert offer.message.endswith("r0 has 20 Mbit/s, r1 has 20 Mbit/s, r2 has 20 Mbit/s and 2 more reservations")


def test_an_offer_names_the_links_that_every_path_must_cross() -> None:
    chain = network(line("a-b.1"), line("a-b.2"), line("b-c"), line("b-x", 5))
    held = book(chain, (demand("x", "a>b", 70), grant(70, "a-b.1")), (demand("y", "a>b", 80), grant(80, "a-b.2")))
    offer = refused(admit(held, demand("r", "a>c", 60)))
    assert (offer.rate_bps, offer.limits) == (30 * MBIT, (("a-b.1", "a"), ("a-b.2", "a")))
    assert offer.holders == ("y", "x")


def test_links_that_lead_nowhere_do_not_limit() -> None:
    held = book(network(line("a-b"), line("a-x", 10)), BIG)
    assert refused(admit(held, demand("r", "a>b", 60))).limits == (("a-b", "a"),)


def test_the_smaller_cut_is_named() -> None:
    star = network(line("a-b", 10), line("a-c", 10), line("b-d"), line("c-d"), line("d-e", 10))
    assert refused(admit(book(star), demand("r", "a>e", 60))).limits == (("d-e", "d"),)


def test_without_a_path_there_is_no_offer() -> None:
    offer = refused(admit(book(network(line("a-b"), line("c-d"))), demand("r", "a>d", 1)))
    assert offer == Offer(0, (), (), "no path from a to d")


def test_a_link_without_a_rate_holds_nothing_and_says_so() -> None:
    offer = refused(admit(book(network(line("a-b", 0))), demand("r", "a>b", 1)))
    assert offer.message == "nothing is left from a to b: link a-b has no rate that could be reserved"


# Directions


def test_each_way_of_a_link_is_held_for_itself() -> None:
    assert admit(book(ONE_LINE, BIG), demand("r", "b>a", 80)) == grant(80, "a-b")


def test_both_ways_need_room_each_way() -> None:
    assert admit(book(ONE_LINE, BIG), demand("r", "b>a", 80, 10, both=True)) == grant(40, "a-b")


def test_both_ways_load_both() -> None:
    held = book(ONE_LINE, (demand("r", "a>b", 60, both=True), grant(60, "a-b")))
    assert (held.left(("a-b", "a")), held.left(("a-b", "b"))) == (40 * MBIT, 40 * MBIT)


# Ports

OUT, IN = ("port b:1", "out"), ("port a:1", "in")


def test_a_port_limits_like_a_link() -> None:
    held = book(network(line("a-b"), ports={OUT: 20}))
    assert admit(held, demand("r", "a>b", 80, 10, ports=(IN, OUT))) == grant(20, "a-b")
    offer = refused(admit(held, demand("r", "a>b", 80, 30, ports=(IN, OUT))))
    assert (offer.rate_bps, offer.limits) == (20 * MBIT, (OUT,))
    assert offer.message == "20 Mbit/s is left from a to b: port b:1 (out) holds 20 Mbit/s"


def test_a_port_that_is_loaded_twice_holds_half() -> None:
    held = book(network(ports={OUT: 20}))
    assert admit(held, demand("r", "a>a", 80, 10, ports=(OUT, OUT))) == grant(10)


def test_on_one_platform_ports_alone_limit() -> None:
    held = book(network(ports={OUT: 20}), (demand("x", "a>a", 15, ports=(OUT,)), grant(15)))
    assert admit(held, demand("r", "a>a", 80, ports=(IN,))) == grant(80)
    offer = refused(admit(held, demand("r", "a>a", 80, ports=(OUT,))))
    assert offer.message == "5 Mbit/s is left on a: port b:1 (out) holds 20 Mbit/s, of which x has 15 Mbit/s"


# Rates


def test_a_grant_is_whole_kbits() -> None:
    odd = network(line("a-b"), ports={OUT: 1})
    held = book(odd, (demand("x", "a>b", 0.0005, ports=(OUT,)), grant(0.0005, "a-b")))
    assert admit(held, demand("r", "a>b", 1, 0.5, ports=(OUT,))) == grant(0.999, "a-b")


def test_less_than_a_kbit_is_nothing() -> None:
    held = book(ONE_LINE, (demand("x", "a>b", 99.9995), grant(99.9995, "a-b")))
    assert refused(admit(held, demand("r", "a>b", 1, 0))).rate_bps == 0


def test_what_a_reservation_has_itself_counts_as_free() -> None:
    held = book(ONE_LINE, BIG, SMALL)
    before = held.grants
    assert admit(held, demand("big", "a>b", 70)) == grant(70, "a-b")
    assert held.grants == before


# Protected


def test_a_protected_path_keeps_room_on_the_way_round() -> None:
    ring = network(line("a-b"), line("b-c"), line("c-a"))
    held = book(ring, (demand("r", "a>b", 60, protected=True), grant(60, "a-b")))
    assert [held.backup(way) for way in (("c-a", "a"), ("b-c", "c"), ("a-b", "a"))] == [60 * MBIT, 60 * MBIT, 0]
    offer = refused(admit(held, demand("x", "a>c", 50)))
    assert offer.rate_bps == 40 * MBIT
    assert "link c-a holds 100 Mbit/s, of which 60 Mbit/s is kept for failures" in offer.message


def test_failures_that_cannot_happen_together_share_the_room_that_is_kept() -> None:
    ring = network(line("a-b.1"), line("a-b.2"), line("a-b.3", cost=0))
    held = book(ring)
    for name, link in (("x", "a-b.1"), ("y", "a-b.2")):
        held.put(demand(name, "a>b", 60, protected=True), grant(60, link))
    assert held.backup(("a-b.3", "a")) == 60 * MBIT


def test_lines_that_share_a_risk_fail_together() -> None:
    ring = network(line("a-b.1", risks=["duct"]), line("a-b.2", risks=["duct"]), line("a-b.3", cost=0))
    held = book(ring, (demand("x", "a>b", 60, protected=True), grant(60, "a-b.1")))
    assert admit(held, demand("y", "a>b", 60, 10, protected=True)) != grant(60, "a-b.2")
    held.put(demand("y", "a>b", 40, protected=True), grant(40, "a-b.2"))
    assert held.backup(("a-b.3", "a")) == 100 * MBIT


def test_a_path_without_a_way_round_protects_nothing() -> None:
    tail = network(line("a-b"), line("b-c"), line("c-a"), line("c-d"))
    offer = refused(admit(book(tail), demand("r", "a>d", 10, protected=True)))
    assert offer == Offer(0, (("c-d", "c"),), (), "no protected path from a to d: link c-d has no way round")


def test_a_way_round_that_shares_a_risk_protects_nothing() -> None:
    pair = network(line("a-b.1", risks=["duct"]), line("a-b.2", risks=["duct"]))
    offer = refused(admit(book(pair), demand("r", "a>b", 10, protected=True)))
    assert offer.message == "no protected path from a to b: link a-b.1 has no way round and link a-b.2 has no way round"


def test_a_path_whose_way_round_runs_back_over_it_holds_less() -> None:
    """Round a-b traffic comes by c, over c-b: there the reservation's own way back is already."""
    ring = network(line("a-b"), line("b-c"), line("c-a", 60, cost=9))
    own = demand("r", "a>c", 80, 10, protected=True, both=True)
    assert admit(book(ring), own) == grant(60, "c-a")
    assert admit(book(network(line("a-b"), line("b-c"), line("c-a", 40, cost=9))), own) == grant(40, "a-b", "b-c")


def test_another_path_is_tried_where_the_cheapest_does_not_hold_what_its_hops_do() -> None:
    ring = network(line("a-b"), line("b-c"), line("c-a", cost=9))
    assert admit(book(ring), demand("r", "a>c", 80, 10, protected=True, both=True)) == grant(80, "c-a")


def test_the_way_round_is_what_a_refusal_names_where_it_is_full() -> None:
    ring = network(line("a-b"), line("b-c"), line("c-a"))
    held = book(ring, (demand("x", "a>c", 100), grant(100, "c-a")), (demand("y", "a>b", 90), grant(90, "a-b")))
    offer = refused(admit(held, demand("r", "a>b", 20, 5, protected=True)))
    assert offer.rate_bps == 0
    assert ("c-a", "a") in offer.limits


@pytest.mark.parametrize("protected", [False, True])
def test_admission_leaves_the_book_as_it_is(protected: bool) -> None:
    held = book(SQUARE, (demand("x", "a>d", 30, protected=True), grant(30, "a-b", "b-d")))
    ways = [(name, end) for name, one in SQUARE.lines.items() for end in one.ends]
    before = [(held.load(way), held.backup(way), held.left(way)) for way in ways]
    admit(held, demand("r", "a>d", 90, 10, protected=protected))
    admit(held, demand("x", "a>d", 90, 10, protected=protected))
    assert [(held.load(way), held.backup(way), held.left(way)) for way in ways] == before
