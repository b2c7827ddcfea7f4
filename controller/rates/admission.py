"""Admission of one demand: the cheapest path that holds all that is asked, else the widest one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from controller.model.grants import Grant
from controller.rates.book import Book
from controller.rates.burden import find_burden
from controller.rates.network import KBIT, Demand, Offer, whole
from controller.rates.offers import explain
from controller.rates.remainder import Remainder
from controller.rates.search import Path, Widths, cheapest_few, find_cheapest, widest_bps

CANDIDATES: Final = 2
"""So many paths are tried at each rate for a protected demand (see `find_best`)."""


def admit(book: Book, demand: Demand) -> Grant | Offer:
    """What one path can hold of a demand now, its floor at least; else the best offer, and what stands in its way.

    The book stays as it is. What it holds for the same name counts as free.
    """
    with book.without(demand.name):
        found = find_best(book, demand, demand.protected, KBIT)
        rate_bps = found.rate_bps if found else 0
        if found is not None and rate_bps >= demand.least_bps:
            return found
        return explain(book, demand, rate_bps, found.links if found else ())


def find_best(now: Remainder, demand: Demand, guarded: bool, least_bps: int) -> Grant | None:
    """The most of what is asked that one path can hold, on the cheapest such path; None if that is below `least_bps`.

    Exact, but for guarded demands, whose diversions may meet each other and their own load: of these the whole path is
    checked, for the `CANDIDATES` cheapest paths whose single hops hold all that is asked, as many at the highest rate
    that any path's hops hold, and as many at the least. What is granted always fits; a path beyond these is not seen.
    """
    ports = find_burden(now.network, demand, (), False)
    most = min(demand.asked_bps, whole(now.most(ports)) if ports else 0)
    least = max(least_bps, KBIT)
    if most < least:
        return None
    widths = Widths(now, demand, guarded)
    best: Grant | None = None
    for rate_bps in _rates(widths, demand, most, least):
        for grant in _grants(now, demand, guarded, _paths(widths, demand, guarded, rate_bps), most):
            if grant.rate_bps == most:
                return grant
            if grant.rate_bps >= least and (best is None or grant.rate_bps > best.rate_bps):
                best = grant
        if best is not None and best.rate_bps >= rate_bps:
            return best
    return best


def _rates(widths: Widths, demand: Demand, most: int, least: int) -> Iterator[int]:
    """The rates that paths are looked for at: all, the highest possible, the least."""
    source, target = demand.source, demand.target
    yield most
    if most == least or find_cheapest(widths, source, target, least) is None:
        return
    yield whole(widest_bps(widths, source, target, most))
    yield least


def _paths(widths: Widths, demand: Demand, guarded: bool, rate_bps: int) -> Iterator[Path]:
    tried = CANDIDATES if guarded else 1
    return cheapest_few(widths, demand.source, demand.target, rate_bps, tried)


def _grants(now: Remainder, demand: Demand, guarded: bool, paths: Iterable[Path], most: int) -> Iterator[Grant]:
    for path in paths:
        burden = find_burden(now.network, demand, path, guarded)
        if burden is not None:
            yield Grant(min(most, whole(now.most(burden))), tuple(hop.line.name for hop in path))
