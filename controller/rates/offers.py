"""Why a demand cannot have more: the ways that limit it, and who holds them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

from controller.model.units import format_rate
from controller.rates.book import Book
from controller.rates.burden import find_burden
from controller.rates.network import KBIT, Demand, Hop, Network, Offer, Way, whole
from controller.rates.search import Widths

_NAMED: Final = 3
"""So many of a kind are named in a sentence."""


def explain(book: Book, demand: Demand, rate_bps: int, links: Sequence[str]) -> Offer:
    """The offer of a rate, the best that a demand can have now, by some links."""
    limits = limits_of(book, demand, rate_bps, links)
    biggest: dict[str, int] = {}
    for way in limits:
        for name, share in book.shares(way).items():
            biggest[name] = max(share, biggest.get(name, 1))
    holders = sorted(biggest, key=lambda name: (-biggest[name], name))
    return Offer(rate_bps, limits, tuple(holders), _sentence(book, demand, rate_bps, limits))


def limits_of(book: Book, demand: Demand, rate_bps: int, links: Sequence[str] = ()) -> tuple[Way, ...]:
    """The ways that let no more than a rate through: ports, links that all paths must cross; none where no path is."""
    ports = find_burden(book.network, demand, (), False)
    found = list(book.narrowest(ports)) if ports and whole(book.most(ports)) <= rate_bps else []
    found += _cut(book, demand, rate_bps)
    if not found and (path := book.network.path(demand, links)):
        burden = find_burden(book.network, demand, path, demand.protected)
        found = list(book.narrowest(burden)) if burden else []
    return tuple(dict.fromkeys(found))


def _cut(book: Book, demand: Demand, rate_bps: int) -> Iterator[Way]:
    """What separates the ends for more than a rate: around the source or around the target, where there are fewer."""
    widths, more = Widths(book, demand, demand.protected), rate_bps + KBIT
    near = _reached(book.network, demand.source, lambda hop: widths.holds(hop, more))
    if demand.target in near:
        return
    far = _reached(book.network, demand.target, lambda hop: widths.holds(book.network.reverse(hop), more))
    around = _leaving(book.network, near, _reached(book.network, demand.target, lambda hop: hop.beyond not in near))
    beyond = _leaving(book.network, _reached(book.network, demand.source, lambda hop: hop.beyond not in far), far)
    for hop in min(around, beyond, key=len):
        yield from _narrow(book, demand, hop, rate_bps)


def _reached(network: Network, start: str, over: Callable[[Hop], bool]) -> set[str]:
    found, waiting = {start}, [start]
    while waiting:
        for hop in network.hops(waiting.pop()):
            if hop.beyond not in found and over(hop):
                found.add(hop.beyond)
                waiting.append(hop.beyond)
    return found


def _leaving(network: Network, near: Collection[str], far: Collection[str]) -> list[Hop]:
    return [hop for platform in sorted(near) for hop in network.hops(platform) if hop.beyond in far]


def _narrow(book: Book, demand: Demand, hop: Hop, rate_bps: int) -> Iterator[Way]:
    """What makes a hop narrow: itself, one way or the other, or the way round it."""
    diverted = book.network.diverted(hop, demand.both) if demand.protected else {}
    if diverted is None:
        yield hop.way
        return
    for step in book.network.directions(hop, demand):
        if not book.has(step.way, rate_bps + KBIT):
            yield step.way
    for way, times in diverted.items():
        if not all(book.has_spare(way, failure, times * (rate_bps + KBIT)) for failure in hop.failures):
            yield way


# In words


def _sentence(book: Book, demand: Demand, rate_bps: int, limits: tuple[Way, ...]) -> str:
    where = f"from {demand.source} to {demand.target}" if demand.source != demand.target else f"on {demand.source}"
    if not limits:
        return f"no path {where}"
    named = [_held(book, demand, way) for way in limits[:_NAMED]]
    why = _joined([*named, *_more(limits, "limits")], "; ")
    if all(_is_bare(book.network, demand, way) for way in limits):
        return f"no protected path {where}: {why}"
    what = f"{format_rate(rate_bps)} is" if rate_bps else "nothing is"
    return f"{what} left {where}: {why}"


def _is_bare(network: Network, demand: Demand, way: Way) -> bool:
    """Whether a protected demand cannot use a line for want of a way round it."""
    hops = network.walk(way[1], way[:1]) if demand.protected else None
    return hops is not None and network.diverted(hops[0], demand.both) is None


def _held(book: Book, demand: Demand, way: Way) -> str:
    """What a way holds and who has it."""
    capacity, name = book.network.capacity(way), _named(book, way)
    if _is_bare(book.network, demand, way):
        return f"{name} has no way round"
    if not capacity:
        return f"{name} has no rate that could be reserved"
    shares = book.shares(way)
    holders = [holder for holder in book.holders(way) if shares[holder]]
    parts = [f"{holder} has {format_rate(shares[holder])}" for holder in holders[:_NAMED]]
    parts += _more(holders, "reservations")
    if book.backup(way):
        parts.append(f"{format_rate(book.backup(way))} is kept for failures")
    text = f"{name} holds {format_rate(capacity)}"
    return f"{text}, of which {_joined(parts)}" if parts else text


def _named(book: Book, way: Way) -> str:
    return f"link {way[0]}" if way[0] in book.network.lines else f"{way[0]} ({way[1]})"


def _more(of: Sequence[object], kind: str) -> list[str]:
    return [f"{len(of) - _NAMED} more {kind}"] if len(of) > _NAMED else []


def _joined(parts: Sequence[str], between: str = ", ") -> str:
    return f"{between.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)
