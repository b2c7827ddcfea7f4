"""Who has been granted what: keeps the grants in step with what is asked for, with the links and with the leases.

The work is `controller.rates`; here the fabric becomes what that looks at, and what came of it becomes state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from controller.events import History
from controller.model.alarms import Alarms
from controller.model.changes import Changes
from controller.model.fabric import Fabric
from controller.model.grants import Grant
from controller.model.spec import ReservationSpec
from controller.model.topology import End
from controller.model.units import format_rate
from controller.rates.book import Book
from controller.rates.cuts import Room, capacity_between
from controller.rates.network import Demand, Line, Network, Offer, Way
from controller.rates.renegotiation import renegotiate
from controller.routing import Rerouted, Routing

ReservationState: TypeAlias = Literal["granted", "reduced", "violated", "refused", "expired"]
_SAID: Final[Mapping[str, str]] = {
    "granted": "has all that it asked for",
    "reduced": "has less than it asked for, and its floor at least",
    "violated": "has less than its floor",
    "refused": "has nothing",
    "expired": "has nothing: its lease is over",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a reservation: its state, what it has, and the best that could be offered where that is less."""

    state: ReservationState
    granted: Grant | None
    offer: Offer | None


class Negotiation:
    """The outcomes of all reservations; `book` is what all ways hold."""

    def __init__(self, fabric: Fabric, routing: Routing, alarms: Alarms, history: History) -> None:
        self._fabric, self._routing = fabric, routing
        self._alarms, self._history = alarms, history
        self.outcomes: dict[str, Outcome] = {}
        self._lines: dict[str, Line] = {}
        self._demands: dict[str, Demand] = {}
        self._begun = False

    # When

    def tick(self) -> None:
        """Leases that have ended since the last call."""
        self._fabric.changes.reservations |= self._lapsed()

    def _lapsed(self) -> set[str]:
        """Reservations whose lease has ended, or begun anew, since all was negotiated last."""
        return {name for name, found in self.outcomes.items() if (found.state == "expired") != self._is_over(name)}

    def renew(self, name: str, until: float | None = None) -> None:
        """A reservation was asked for again: its lease begins anew, if it has one; or is what it was: `until`."""
        self._fabric.leases.pop(name, None)
        if until is not None:
            self._fabric.leases[name] = until
        self._fabric.changes.reservations.add(name)

    def follow(self, changes: Changes, rerouted: Rerouted) -> bool:
        """Negotiate anew where anything has changed that grants depend on; marks in `changes` whose grant is another.

        Answers whether anything of reservations may be another: grants, their links, their ends.
        """
        ends = any(self._fabric.declared.reservations_of(name) for name in changes.servers)
        if not (changes.everything or changes.reservations or rerouted.looked_at or ends):
            return False
        if changes.everything:
            self._forget()
        self._lease()
        demands = self._wanted()
        moved = changes.everything or bool(rerouted.links or rerouted.looked_at)
        lines = self._lines_now() if moved or not self._begun else self._lines
        same = (demands, lines) == (self._demands, self._lines) and not self._lapsed()
        if not self._begun or changes.everything or not same:
            self._demands, self._lines = demands, lines
            self._negotiate(changes)
            self._begun = True
        return True

    def _forget(self) -> None:
        """What was granted to those that nobody asks for any more is free."""
        fabric, asked = self._fabric, self._fabric.declared.reservations
        fabric.grants = {name: grant for name, grant in fabric.grants.items() if name in asked}
        fabric.leases = {n: until for n, until in fabric.leases.items() if n in asked and asked[n].lease is not None}
        fabric.promised &= asked.keys()
        for name in self.outcomes.keys() - asked.keys():
            del self.outcomes[name]
            self._history.tell("reservation", name, "gone", f"reservation {name} is no more")

    def _lease(self) -> None:
        for name, spec in self._fabric.declared.reservations.items():
            if spec.lease is not None and name not in self._fabric.leases:
                self._fabric.leases[name] = self._history.now + spec.lease

    def _is_over(self, name: str) -> bool:
        return self._fabric.leases.get(name, float("inf")) <= self._history.now

    # What there is

    def _lines_now(self) -> dict[str, Line]:
        return dict(sorted(self._each_line()))

    def _each_line(self) -> Iterator[tuple[str, Line]]:
        """What is drained, or called failed, is for what has no other way, and holds no reservation."""
        for name, link in self._routing.live.items():
            if link.cost == self._routing.known[name].cost:
                ends = (link.ends[0][0], link.ends[1][0])
                yield name, Line(name, ends, link.cost, self._fabric.declared.reservable_bps(link), link.risks)

    @property
    def network(self) -> Network:
        """The links that can hold reservations, as they were when all was negotiated last, and the ports with a rate."""
        return Network(self._lines, self._ports(), self._bypass)

    def loads(self) -> dict[Way, int]:
        """What each way of each link must hold at most, bit/s: what is granted over it, and what may be diverted."""
        if not self._fabric.grants:
            return {}
        book = self.book()
        ways = ((name, end) for name, line in self._lines.items() for end in line.ends)
        return {way: book.load(way) + book.backup(way) for way in ways}

    def book(self) -> Book:
        """What every way holds now."""
        book = Book(self.network)
        for name, grant in self._fabric.grants.items():
            book.put(self._demands[name], grant)
        return book

    def between(self, source: str, target: str) -> Room | None:
        """What a further reservation could have from one server or uplink to another; None: one of them is nowhere."""
        one, other = self._end(source), self._end(target)
        if one is None or other is None:
            return None
        return capacity_between(self.book(), one[0], other[0], self._loaded(source, one, target, other))

    def _ports(self) -> dict[Way, int]:
        declared = self._fabric.declared
        found: dict[Way, int] = {}
        for end in declared.host_ends:
            rate = declared.port_rate(end)
            if rate is not None:
                found |= {(_port(end), way): rate for way in ("in", "out")}
        for name, spec in declared.servers.items():
            rates = {"fabric": spec.fabric_rate, "uplink": spec.uplink_rate, "down": spec.uplink_rate}
            found |= {(f"server {name}", use): rate for use, rate in rates.items() if rate is not None}
        return found

    def _bypass(self, link: str, near: str) -> tuple[Way, ...] | None:
        way = self._routing.way_round(link, near)
        if way is None:
            return None
        found, at = [], near
        for step in way.links:
            found.append((step.name, at))
            at = step.other(at)[0]
        return tuple(found)

    # What is asked for

    def demand(self, name: str, spec: ReservationSpec) -> Demand | None:
        """What a reservation asks of the network; None where one of its ends is nowhere."""
        source, target = self._end(spec.source), self._end(spec.target)
        if source is None or target is None:
            return None
        return Demand(
            name,
            source[0],
            target[0],
            spec.rate,
            spec.floor_bps,
            spec.priority,
            spec.both,
            spec.protected,
            (*self._loaded(spec.source, source, spec.target, target), *self._loaded_back(spec, source, target)),
        )

    def _loaded_back(self, spec: ReservationSpec, source: End, target: End) -> Iterator[Way]:
        return iter(self._loaded(spec.target, target, spec.source, source) if spec.both else ())

    def _loaded(self, sender: str, at: End, receiver: str, to: End) -> tuple[Way, ...]:
        """What is loaded at the ends: the ports, and the rates of the servers themselves."""
        uplinks = self._fabric.declared.uplinks
        sent = (f"server {sender}", "uplink" if receiver in uplinks else "fabric")
        received = ((f"server {receiver}", "down"),) if sender in uplinks else ()
        return ((_port(at), "in"), (_port(to), "out"), sent, *received)

    def _end(self, name: str) -> End | None:
        uplink, server = self._fabric.declared.uplinks.get(name), self._fabric.servers.get(name)
        if uplink is not None:
            return (uplink.platform, uplink.port)
        return server.end if server else None

    def _wanted(self) -> dict[str, Demand]:
        found = {}
        for name, spec in self._fabric.declared.reservations.items():
            demand = None if self._is_over(name) else self.demand(name, spec)
            if demand is not None:
                found[name] = demand
        return found

    # What comes of it

    def _negotiate(self, changes: Changes) -> None:
        before = self._fabric.grants
        found = renegotiate(self.network, self._demands, before, self._fabric.declared.preempt)
        self._fabric.grants = dict(found.grants)
        changes.reservations |= {n for n in before.keys() | found.grants.keys() if before.get(n) != found.grants.get(n)}
        for name, spec in self._fabric.declared.reservations.items():
            self._settle(name, spec, before.get(name), found.offers.get(name))
        self._alarms.keep("rate", dict(self._missed()))

    def _settle(self, name: str, spec: ReservationSpec, had: Grant | None, offer: Offer | None) -> None:
        grant = self._fabric.grants.get(name)
        outcome = Outcome(self._state(name, spec, grant), grant, offer)
        if outcome.state in ("granted", "reduced"):
            self._fabric.promised.add(name)
        elif outcome.state == "expired":
            self._fabric.promised.discard(name)
        before = self.outcomes.get(name)
        self.outcomes[name] = outcome
        anew = self._begun and (before is None or before.state != outcome.state)
        if anew or had != grant:
            self._tell(name, spec, before, outcome, had)

    def _state(self, name: str, spec: ReservationSpec, grant: Grant | None) -> ReservationState:
        if self._is_over(name):
            return "expired"
        if grant is not None and grant.rate_bps >= spec.floor_bps // 1000 * 1000:
            return "granted" if grant.rate_bps >= spec.rate // 1000 * 1000 else "reduced"
        return "violated" if grant is not None or name in self._fabric.promised else "refused"

    def _tell(
        self, name: str, spec: ReservationSpec, before: Outcome | None, outcome: Outcome, had: Grant | None
    ) -> None:
        grant, was = outcome.granted, before.state if before else None
        moved = bool(grant and had and grant.links != had.links)
        same = bool(grant and had and grant.rate_bps == had.rate_bps and was == outcome.state)
        what = "moved" if moved and same else outcome.state
        rate = format_rate(grant.rate_bps) if grant else "nothing"
        who = f"reservation {name} ({spec.source} to {spec.target})"
        text = f"{who} {_SAID[outcome.state]}: {rate} of {format_rate(spec.rate)}"
        self._history.tell(
            "reservation",
            name,
            what,
            f"{text}, over other links" if moved else text,
            granted_bps=grant.rate_bps if grant else 0,
            was_bps=had.rate_bps if had else 0,
            links=grant.links if grant else (),
        )

    def _missed(self) -> Iterator[tuple[str, str]]:
        """Reservations that have not what they need at least, and why. Where there has been no path yet the links'
        and the platforms' own alarms say so."""
        for name, outcome in self.outcomes.items():
            offer = outcome.offer
            if outcome.state == "violated" or (outcome.state == "refused" and not (offer and not offer.limits)):
                why = f": {offer.message}" if offer else ""
                yield name, f"reservation {name} {_SAID[outcome.state]}{why}"


def _port(end: End) -> str:
    return f"port {end[0]}:{end[1]}"
