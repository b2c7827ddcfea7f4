"""Who gives way when ways are over their capacity, and who need not after all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from controller.rates.book import Book, Held
from controller.rates.network import whole


@contextmanager
def trial(book: Book) -> Iterator[dict[str, int]]:
    """Who is pushed within, and had what, is written into a list: he has it again after it."""
    before: dict[str, int] = {}
    try:
        yield before
    finally:
        for name, rate_bps in before.items():
            book.rerate(name, rate_bps)


def _in_the_way(book: Book, priority: int) -> list[Held]:
    """Those below a priority who load ways that are over their capacity, in the order in which they give way."""
    found = {held.demand.name: held for way in book.overfull for held in book.concerned(way)}
    lower = (held for held in found.values() if held.demand.priority < priority)
    ordered = sorted(lower, key=lambda held: held.demand.name, reverse=True)
    return sorted(ordered, key=lambda held: held.demand.priority)


def push_down(book: Book, priority: int, before: dict[str, int]) -> None:
    for held in _in_the_way(book, priority):
        if held.slack_bps and held.burden.touches(book.overfull):
            _push(book, held, held.rate_bps - held.slack_bps, before)


def push_out(book: Book, priority: int, before: dict[str, int]) -> None:
    for held in _in_the_way(book, priority):
        if held.burden.touches(book.overfull):
            _push(book, held, 0, before)


def _push(book: Book, held: Held, rate_bps: int, before: dict[str, int]) -> None:
    before.setdefault(held.demand.name, held.rate_bps)
    book.rerate(held.demand.name, rate_bps)


# Who need not


def let_in(book: Book, before: Mapping[str, int]) -> None:
    """Those who are out have their floors again where there is room."""
    for name in _deserving(book, before):
        held = book.held[name]
        floor = min(held.demand.least_bps, before[name])
        if not held.rate_bps and book.most(held.burden) >= floor:
            book.rerate(name, floor)


def restore(book: Book, before: Mapping[str, int]) -> None:
    """Those who are in have what they had, as far as there is room."""
    for name in _deserving(book, before):
        if book.held[name].rate_bps:
            raise_by_room(book, name, before[name])


def _deserving(book: Book, names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: (-book.held[name].demand.priority, name))


def raise_by_room(book: Book, name: str, to_bps: int) -> None:
    """Raise a grant as far as there is room on its path."""
    held = book.held[name]
    book.rerate(name, min(held.rate_bps + whole(book.most(held.burden)), to_bps))


def pushed(book: Book, before: Mapping[str, int]) -> dict[str, int]:
    rates = {name: book.held[name].rate_bps for name in before}
    return {name: rate_bps for name, rate_bps in rates.items() if rate_bps != before[name]}
