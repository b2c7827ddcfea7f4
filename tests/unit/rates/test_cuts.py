"""What is left between two platforms, and what limits it."""

from __future__ import annotations

from controller.rates.cuts import Room, capacity_between
from tests.unit.rates.small import MBIT, book, demand, grant, line, network

SQUARE = network(line("a-b"), line("b-d", 60), line("a-c", 50), line("c-d", 90))
PORT = ("port d:1", "out")


def test_one_path_has_less_than_all_together() -> None:
    room = capacity_between(book(SQUARE), "a", "d")
    assert room == Room(60 * MBIT, room.limits, 110 * MBIT, (("a-c", "a"), ("b-d", "b")))
    assert set(room.limits) == {("a-c", "a"), ("b-d", "b")}


def test_what_is_granted_is_not_left() -> None:
    held = book(SQUARE, (demand("x", "a>d", 20), grant(20, "a-c", "c-d")))
    assert capacity_between(held, "a", "d").all_paths_bps == 90 * MBIT


def test_what_is_kept_for_failures_is_not_left() -> None:
    held = book(SQUARE, (demand("x", "a>b", 30, protected=True), grant(30, "a-b")))
    room = capacity_between(held, "a", "c")
    assert (room.one_path_bps, room.all_paths_bps) == (60 * MBIT, 80 * MBIT)


def test_the_port_limits_where_it_holds_less() -> None:
    ports = network(*SQUARE.lines.values(), ports={PORT: 40})
    assert capacity_between(book(ports), "a", "d", [PORT]) == Room(40 * MBIT, (PORT,), 40 * MBIT, (PORT,))


def test_parallel_links_add_up() -> None:
    pair = network(line("a-b.1"), line("a-b.2"))
    room = capacity_between(book(pair), "a", "b")
    assert (room.one_path_bps, room.all_paths_bps) == (100 * MBIT, 200 * MBIT)
    assert room.cut == (("a-b.1", "a"), ("a-b.2", "a"))


def test_without_a_path_nothing_is_left() -> None:
    assert capacity_between(book(network(line("a-b"), line("c-d"))), "a", "d") == Room(0, (), 0, ())


def test_where_nothing_limits_there_is_no_figure() -> None:
    assert capacity_between(book(network()), "a", "a", [PORT]) == Room(None, (), None, ())
