"""Reservations that come, go and change on the same network: the others stay as they are."""

from __future__ import annotations

from dataclasses import replace

from controller.rates.network import Demand, Network
from controller.rates.table import Table
from tests.unit.rates.small import demand, has, line, network

ONE_LINE = network(line("a-b"))
TRIANGLE = network(line("a-b"), line("b-c"), line("c-a"))


def seated(of: Network, *demands: Demand) -> Table:
    table = Table(of, {one.name: one for one in demands}, {}, "floor")
    for _ in table.steps():
        pass
    return table


def change(table: Table, *demands: Demand) -> dict[str, tuple[float, str]]:
    """Who has what when others ask."""
    table.change({one.name: one for one in demands})
    for _ in table.steps():
        pass
    return has(table.book.grants)


def test_who_comes_gets_what_is_left_and_who_goes_leaves_it_to_the_others() -> None:
    first, second = demand("first", "a>b", 80, 30), demand("second", "a>b", 50)
    table = seated(ONE_LINE, second)
    assert change(table, second, first) == {"second": (50, "a-b"), "first": (50, "a-b")}
    assert change(table, first) == {"first": (80, "a-b")}


def test_who_had_nothing_is_tried_again_when_somebody_goes() -> None:
    first, second = demand("first", "a>b", 80), demand("second", "a>b", 50)
    table = seated(ONE_LINE, first, second)
    assert table.short == ["second"]
    assert change(table, second) == {"second": (50, "a-b")}


def test_who_asks_for_something_else_stays_where_that_is_served() -> None:
    own = demand("r", "a>b", 60)
    assert change(seated(ONE_LINE, own), replace(own, rate_bps=own.rate_bps // 2)) == {"r": (30, "a-b")}
    assert change(seated(TRIANGLE, own), replace(own, target="c")) == {"r": (60, "c-a")}


def test_who_asks_for_protection_that_cannot_be_had_keeps_his_rate() -> None:
    own, other = demand("r", "a>b", 60), demand("x", "a>c", 60)
    table = seated(TRIANGLE, own, other)
    assert change(table, replace(own, protected=True), other) == {"r": (60, "a-b"), "x": (60, "c-a")}
    assert table.book.exposed == {"r"}
    assert change(table, replace(own, protected=True)) == {"r": (60, "a-b")}
    assert table.book.exposed == frozenset()
