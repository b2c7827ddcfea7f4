"""What there is to be granted, and what reservations ask of it: the fabric as `controller.rates` looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from controller.model.declared import Preemption
from controller.model.fabric import Fabric
from controller.model.spec import ReservationSpec
from controller.model.topology import End
from controller.rates.network import Demand, Line, Network, Way
from controller.routing import Routing


@dataclass(frozen=True, slots=True)
class Site:
    """What there is to be granted: links, ports with a rate, the way round each link from either end; and what a higher
    priority may do."""

    lines: Mapping[str, Line]
    ports: Mapping[Way, int]
    rounds: Mapping[Way, tuple[Way, ...] | None]
    preempt: Preemption = "floor"

    @property
    def network(self) -> Network:
        """The same for admission."""
        return Network(self.lines, self.ports, lambda link, near: self.rounds.get((link, near)))


class Asking:
    """Reads the fabric and the links."""

    def __init__(self, fabric: Fabric, routing: Routing) -> None:
        self._fabric, self._routing = fabric, routing

    # What there is

    def site(self) -> Site:
        """What there is now."""
        lines = dict(sorted(self._each_line()))
        rounds = {(name, end): self._bypass(name, end) for name, line in lines.items() for end in line.ends}
        return Site(lines, self._ports(), rounds, self._fabric.declared.preempt)

    def _each_line(self) -> Iterator[tuple[str, Line]]:
        """What is drained, or called failed, is for what has no other way, and holds no reservation."""
        for name, link in self._routing.live.items():
            if link.cost == self._routing.known[name].cost:
                ends = (link.ends[0][0], link.ends[1][0])
                yield name, Line(name, ends, link.cost, self._fabric.declared.reservable_bps(link), link.risks)

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
        source, target = self._fabric.host_end(spec.source), self._fabric.host_end(spec.target)
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
            (*self.loaded(spec.source, source, spec.target, target), *self._loaded_back(spec, source, target)),
        )

    def _loaded_back(self, spec: ReservationSpec, source: End, target: End) -> Iterator[Way]:
        return iter(self.loaded(spec.target, target, spec.source, source) if spec.both else ())

    def loaded(self, sender: str, at: End, receiver: str, to: End) -> tuple[Way, ...]:
        """What is loaded at the ends: the ports, and the rates of the servers themselves."""
        uplinks = self._fabric.declared.uplinks
        sent = (f"server {sender}", "uplink" if receiver in uplinks else "fabric")
        received = ((f"server {receiver}", "down"),) if sender in uplinks else ()
        return ((_port(at), "in"), (_port(to), "out"), sent, *received)

    def demands(self, is_over: Callable[[str], bool]) -> dict[str, Demand]:
        """What all ask whose lease is not over."""
        found = {}
        for name, spec in self._fabric.declared.reservations.items():
            demand = None if is_over(name) else self.demand(name, spec)
            if demand is not None:
                found[name] = demand
        return found


def _port(end: End) -> str:
    return f"port {end[0]}:{end[1]}"
