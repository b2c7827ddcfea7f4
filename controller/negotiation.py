"""Who has been granted what: keeps the grants in step with what is asked for, with the links and with the leases.

The work is `controller.rates`; here the fabric becomes what that looks at, and what came of it becomes state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, Literal, TypeAlias

from controller.asking import Asking, Site
from controller.events import History
from controller.model.alarms import Alarms
from controller.model.changes import Changes
from controller.model.fabric import Fabric
from controller.model.grants import Grant
from controller.model.spec import ReservationSpec
from controller.model.units import format_rate
from controller.rates.cuts import Room, capacity_between
from controller.rates.network import Demand, Offer, Way
from controller.rates.table import Table
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


_STEPS: Final = 16
"""So many searches are made at a time: each takes a millisecond or a few in a large fabric, and nobody waits."""


class Negotiation:
    """The outcomes of all reservations.

    What has lost its path has a place again at once; who has less than it wants is tried in small steps, while
    `pending`. `stuck` are those for whom there was nothing when all was negotiated last.
    """

    def __init__(self, fabric: Fabric, routing: Routing, alarms: Alarms, history: History) -> None:
        self._fabric, self._alarms, self._history = fabric, alarms, history
        self.outcomes: dict[str, Outcome] = {}
        self._asking = Asking(fabric, routing)
        self._site = Site({}, {}, {})
        self._demands: dict[str, Demand] = {}
        self._begun = False
        self.stuck: frozenset[str] = frozenset()
        self._table: Table | None = None
        self._steps: Iterator[None] | None = None
        self._unanswered: list[str] | None = None
        """Those whose best offer is still to be found; None: it is not known yet who they are."""
        self._to_settle: set[str] = set()
        self._offers: dict[str, tuple[Offer, tuple[int, ...]]] = {}
        """The best offers that are known, each with what was left then of what limits it."""

    # When

    def tick(self) -> None:
        """Leases that have ended since the last call."""
        self._fabric.changes.reservations |= self._lapsed()

    def _lapsed(self) -> set[str]:
        """Reservations whose lease has ended, or begun anew, since all was negotiated last."""
        known = ((name, self.outcomes.get(name)) for name in self._fabric.leases)
        return {name for name, found in known if found and (found.state == "expired") != self._is_over(name)}

    def renew(self, name: str, until: float | None = None) -> None:
        """A reservation was asked for again: its lease begins anew, if it has one; or is what it was: `until`."""
        self._fabric.leases.pop(name, None)
        if until is not None:
            self._fabric.leases[name] = until
        self._fabric.changes.reservations.add(name)

    def follow(self, changes: Changes, rerouted: Rerouted, at_once: bool = False) -> bool:
        """Negotiate anew where anything has changed that grants depend on; marks in `changes` whose grant is another.

        `at_once`: until all have been tried. Answers whether anything of reservations may be another: grants, their
        links, their ends.
        """
        ends = any(self._fabric.declared.reservations_of(name) for name in changes.servers)
        concerned = bool(changes.everything or changes.reservations or rerouted.looked_at or ends)
        if concerned:
            self._look(changes, rerouted)
        return self._go_on(changes, at_once) or concerned

    @property
    def pending(self) -> bool:
        """Whether some are still to be tried."""
        return self._steps is not None or bool(self._unanswered)

    def _look(self, changes: Changes, rerouted: Rerouted) -> None:
        if changes.everything:
            self._forget()
        self._lease()
        demands = self._asking.demands(self._is_over)
        moved = changes.everything or bool(rerouted.links or rerouted.looked_at)
        site = self._asking.site() if moved or not self._begun else self._site
        if not self._begun or changes.everything or (demands, site) != (self._demands, self._site) or self._lapsed():
            self._negotiate(demands, site)

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

    # What is held

    def loads(self) -> dict[Way, int]:
        """What each way of each link must hold at most, bit/s: what is granted over it, and what may be diverted."""
        if not self._fabric.grants or self._table is None:
            return {}
        book = self._table.book
        ways = ((name, end) for name, line in self._site.lines.items() for end in line.ends)
        return {way: book.load(way) + book.backup(way) for way in ways}

    def between(self, source: str, target: str) -> Room | None:
        """What a further reservation could have from one server or uplink to another; None: one of them is nowhere."""
        one, other = self._fabric.host_end(source), self._fabric.host_end(target)
        if one is None or other is None or self._table is None:
            return None
        return capacity_between(self._table.book, one[0], other[0], self._asking.loaded(source, one, target, other))

    # What comes of it

    def _negotiate(self, demands: dict[str, Demand], site: Site) -> None:
        """Begin anew; on the same site with what is there."""
        if self._table is not None and site == self._site:
            self._table.change(demands)
        else:
            self._table = self._table_of(demands, site)
            self._offers.clear()
        self._demands, self._site = demands, site
        self._steps, self._unanswered = self._table.steps(), None
        self._to_settle = set(self._fabric.declared.reservations)

    def _table_of(self, demands: dict[str, Demand], site: Site) -> Table:
        """Who is stuck stays so while nothing has become free: no demand gone or changed, no line wider, no more to be
        pushed. Where a line is wider, paths may be shorter."""
        lines = self._site.lines
        grew = any(n not in lines or lines[n].capacity_bps < line.capacity_bps for n, line in site.lines.items())
        freed = any(demands.get(name) != demand for name, demand in self._demands.items())
        other = grew or freed or site.preempt != self._site.preempt
        stuck = frozenset() if self._begun and other else self.stuck & demands.keys()
        return Table(site.network, demands, self._fabric.grants, site.preempt, stuck, shorter=self._begun and grew)

    def _go_on(self, changes: Changes, at_once: bool) -> bool:
        """Make some steps, and take over what came of them; answers whether anything did."""
        if not self.pending or self._table is None:
            return False
        if at_once or not self._begun:
            deque(self._table.steps(), maxlen=0)
            self._steps = None
        elif self._steps is None:
            self._seek_offers()
        elif sum(1 for _ in islice(self._steps, _STEPS)) < _STEPS:
            self._steps = None
        if self._steps is None and self._unanswered is None:
            self._unanswered = self._table.short
        self.stuck = frozenset(self._table.stuck)
        before, now = self._fabric.grants, self._table.book.grants
        differing = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
        self._fabric.grants = now
        self._fabric.version += bool(differing)
        changes.reservations |= differing
        self._settle_all(differing, before)
        return bool(differing)

    def _settle_all(self, differing: set[str], before: Mapping[str, Grant]) -> None:
        specs, concerned = self._fabric.declared.reservations, differing | self._to_settle
        self._to_settle = set()
        for name in sorted(concerned & specs.keys()):
            self._settle(name, specs[name], before.get(name))
        self._begun = True
        if concerned:
            self._alarms.keep("rate", dict(self._missed()))

    # Offers

    def outcome(self, name: str) -> Outcome | None:
        """What became of a reservation, with the best offer where it has less than its floor; None: there is none."""
        found = self.outcomes.get(name)
        if found is None or found.state not in ("violated", "refused"):
            return found
        return replace(found, offer=self.offer(name))

    def offer(self, name: str) -> Offer | None:
        """The best that one that has less than its floor could have now."""
        if self._table is None or name not in self._demands:
            return None
        book, known = self._table.book, self._offers.get(name)
        if known is not None and known[1] == tuple(map(book.left, known[0].limits)):
            return known[0]
        offer = self._table.offer(name)
        if offer is not None:
            self._offers[name] = offer, tuple(map(book.left, offer.limits))
        return offer

    def _seek_offers(self) -> None:
        """What some of those could have who have nothing, or too little."""
        names = self._unanswered or []
        for name in names[:_STEPS]:
            self.offer(name)
            self._to_settle.add(name)
        self._unanswered = names[_STEPS:]

    def _settle(self, name: str, spec: ReservationSpec, had: Grant | None) -> None:
        grant = self._fabric.grants.get(name)
        state = self._state(name, spec, grant)
        known = self._offers.get(name) if state in ("violated", "refused") else None
        outcome = Outcome(state, grant, known[0] if known else None)
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
        """Reservations that have not what they need at least, and why."""
        for name, outcome in self.outcomes.items():
            if outcome.state == "violated" or (outcome.state == "refused" and self._is_refused_for_good(name, outcome)):
                why = f": {outcome.offer.message}" if outcome.offer else ""
                yield name, f"reservation {name} {_SAID[outcome.state]}{why}"

    def _is_refused_for_good(self, name: str, outcome: Outcome) -> bool:
        """Where there has been no path yet the links' and the platforms' own alarms say so."""
        return name not in self._demands or (outcome.offer is not None and bool(outcome.offer.limits))
