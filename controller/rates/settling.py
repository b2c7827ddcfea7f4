"""What of earlier grants can stay on a network: the book that renegotiation begins with."""

from __future__ import annotations

from collections.abc import Mapping

from controller.model.grants import Grant
from controller.rates.book import Book, Held
from controller.rates.burden import find_burden
from controller.rates.eased import Without
from controller.rates.network import Demand, Hop, Network, whole


def settle(network: Network, demands: Mapping[str, Demand], grants: Mapping[str, Grant]) -> Book:
    """The book of the grants that stay, at their rates where these fit.

    A protected one whose line has failed is where the switches have put it: on the way round. Where a way is over its
    capacity, those who load it lose their protection, then what is above the floor, then their place: the lowest
    priority first, then the last name. `Book.exposed` has those that have no protection.
    """
    book = Book(network)
    for name in sorted(grants):
        demand = demands.get(name)
        hops = _where(network, demand, grants[name]) if demand else None
        if demand is not None and hops is not None:
            rate_bps = min(grants[name].rate_bps, demand.asked_bps)
            book.put(demand, Grant(rate_bps, tuple(hop.line.name for hop in hops)))
    if book.overfull:
        _relieve(book)
    return book


def _where(network: Network, demand: Demand, grant: Grant) -> tuple[Hop, ...] | None:
    hops = network.path(demand, grant.links)
    if hops is None and demand.protected:
        hops = network.detour(demand, grant.links)
    return hops


def _relieve(book: Book) -> None:
    """Enter anew those who load ways over their capacity: floors first, then what they had, then protection."""
    found = {held.demand.name: held for way in book.overfull for held in book.concerned(way)}
    concerned = sorted(found.values(), key=lambda held: (-held.demand.priority, held.demand.name))
    for held in concerned:
        book.take(held.demand.name)
    placed = [held for held in concerned if _place(book, held)]
    for held in placed:
        now = book.held[held.demand.name]
        book.rerate(held.demand.name, min(held.rate_bps, now.rate_bps + whole(book.most(now.burden))))
    for held in placed:
        guard(book, held.demand.name)


def _place(book: Book, held: Held) -> bool:
    demand = held.demand
    book.put(demand, Grant(0, held.links), guarded=False)
    rate_bps = min(demand.least_bps, held.rate_bps)
    if book.most(book.held[demand.name].burden) < rate_bps:
        book.take(demand.name)
        return False
    book.rerate(demand.name, rate_bps)
    return True


def guard(book: Book, name: str) -> bool:
    """Protect a grant where it is, if it is to be and there is room for it."""
    held = book.held[name]
    hops = book.network.path(held.demand, held.links)
    if held.guarded or not held.demand.protected or hops is None:
        return False
    burden = find_burden(book.network, held.demand, hops, True)
    if burden is None:
        return False
    if Without(book, held).most(burden) < held.rate_bps:
        return False
    book.take(name)
    book.put(held.demand, held.grant, guarded=True)
    return True
