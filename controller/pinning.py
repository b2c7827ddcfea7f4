"""From grants to what is pinned and metered: each reservation's directions, and what they leave of other rates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from controller.compile.reservations import Chosen, DirectionInput, ReservationInput, Stage
from controller.compile.shares import ShareInput
from controller.model.fabric import Fabric
from controller.model.grants import Grant
from controller.model.identity import Server
from controller.model.ledger import Holding, NothingLeft, apart_name
from controller.model.spec import Classifier, ReservationSpec
from controller.model.topology import End, Link
from controller.routing import Routing
from controller.rules.fields import VLAN_PRESENT
from controller.rules.tables import LABELS, PATH_LABELS, SHARE_INDEXES, UPLINK_INDEXES

_BURST_S = 0.25
_LEAST_BURST_KBIT = 64
"""A few full-size frames."""


Granted: TypeAlias = Mapping[str, tuple[tuple[DirectionInput, End], ...]]
"""What is granted, by reservation: its directions, each with the port where it ends."""


class Pinning:
    """Reads the fabric and the links."""

    def __init__(self, fabric: Fabric, routing: Routing) -> None:
        self._fabric, self._routing = fabric, routing

    # Who is concerned

    def touched_by(self, servers: set[str]) -> Iterator[str]:
        """The reservations that some servers, or uplinks, are an end of."""
        for server in servers:
            yield from self._fabric.declared.reservations_of(server)

    def over(self, links: set[str]) -> Iterator[str]:
        """The reservations whose path uses one of some links."""
        return (name for name, grant in self._fabric.grants.items() if not links.isdisjoint(grant.links))

    # Reservations

    def reservation(self, name: str) -> ReservationInput | None:
        """What a reservation's rules depend on; None where nothing is granted, or one of its ends is not known yet."""
        directions = tuple(direction for direction, _ in self.directions(name))
        return ReservationInput(directions) if directions else None

    def directions(self, name: str) -> Iterator[tuple[DirectionInput, End]]:
        """Each direction of what is granted, with the port where it ends."""
        spec, grant = self._fabric.declared.reservations.get(name), self._fabric.grants.get(name)
        if spec is None or grant is None:
            return
        for back in (False, True) if spec.both else (False,):
            direction, (_, target) = self._direction(name, spec, grant, back), self._ends(spec, back)
            if direction and target:
                yield direction, target

    def granted(self) -> Granted:
        """All that is granted."""
        return {name: self._numbered(name) for name in self._fabric.declared.reservations}

    def _numbered(self, name: str) -> tuple[tuple[DirectionInput, End], ...]:
        """Its directions; none where no label is left for one: it has no rules then, and an alarm says so."""
        try:
            return tuple(self.directions(name))
        except NothingLeft:
            return ()

    def holdings(self) -> Iterator[Holding]:
        """The numbers that grants and servers' shares use."""
        for name, spec in self._fabric.declared.reservations.items():
            grant = self._fabric.grants.get(name)
            for back in (False, True) if spec.both else (False,) if grant else ():
                places = self._places(spec, grant, back) if grant else None
                if places is not None:
                    yield ("path", apart_name(_who(name, back), places))
        for name, server in self._fabric.servers.items():
            if self.has_share(name):
                yield ("share", apart_name(name, (server.platform,)))

    def _places(self, spec: ReservationSpec, grant: Grant, back: bool) -> list[str] | None:
        (source, target), links = self._ends(spec, back), self._links(grant, back)
        if source is None or target is None or len(links) < len(grant.links):
            return None
        return _places(source, target, links)

    def _links(self, grant: Grant, back: bool) -> list[Link]:
        """Those of a grant's links that there are, in order."""
        links = [self._routing.known[link] for link in grant.links if link in self._routing.known]
        return links[::-1] if back else links

    def _ends(self, spec: ReservationSpec, back: bool) -> tuple[End | None, End | None]:
        names = (spec.target, spec.source) if back else (spec.source, spec.target)
        source, target = map(self._fabric.host_end, names)
        return source, target

    def _direction(self, name: str, spec: ReservationSpec, grant: Grant, back: bool) -> DirectionInput | None:
        (source, _), chosen = self._ends(spec, back), self._chosen(spec, back)
        places, links = self._places(spec, grant, back), self._links(grant, back)
        if source is None or chosen is None or places is None:
            return None
        label = self._fabric.ledger.allot_apart("path", _who(name, back), places, PATH_LABELS)
        at, stages, arrived = source[0], [], None
        for link in links:
            if arrived is not None:
                stages.append(Stage(at, arrived, link.port_on(at)))
            at, arrived = link.other(at)
        if arrived is not None:
            stages.append(Stage(at, arrived, None))
        kbps = grant.rate_bps // 1000
        return DirectionInput(
            chosen,
            source[0],
            label,
            links[0].port_on(source[0]) if links else None,
            tuple(stages),
            kbps,
            _burst_kbit(spec, kbps),
            spec.protected,
        )

    def _chosen(self, spec: ReservationSpec, back: bool) -> Chosen | None:
        """What is of a reservation; None where a server's MAC is not known yet."""
        names = (spec.target, spec.source) if back else (spec.source, spec.target)
        source, target = map(self._fabric.servers.get, names)
        uplinks = [name if name in self._fabric.declared.uplinks else None for name in names]
        segment = self._segment(names[0])
        known = all(uplink or (server and server.mac) for uplink, server in zip(uplinks, (source, target), strict=True))
        if segment is None or not known:
            return None
        classifier = spec.match.reverse() if spec.match and back else spec.match
        return Chosen(
            self._fabric.ledger.allot("label", segment, LABELS),
            source.mac if source and not uplinks[0] else None,
            self._fabric.declared.uplinks[uplinks[0]].port if uplinks[0] else None,
            target.mac if target and not uplinks[1] else None,
            self.uplink_number(uplinks[1]) if uplinks[1] else None,
            _fields(classifier),
        )

    def _segment(self, name: str) -> str | None:
        uplink, server = self._fabric.declared.uplinks.get(name), self._fabric.servers.get(name)
        return uplink.segment if uplink else server.segment if server else None

    # Other rates

    def uplink_number(self, name: str) -> int:
        """An uplink's number in registers."""
        return self._fabric.ledger.allot("uplink", name, UPLINK_INDEXES)

    def granted_bps(self, end: str, external: bool | None = None) -> int:
        """What a server or an uplink may send by its reservations; `external`: of those with an uplink, or without."""
        total = 0
        for name in self._fabric.declared.reservations_of(end):
            spec, grant = self._fabric.declared.reservations[name], self._fabric.grants.get(name)
            if grant is None or (spec.source != end and not spec.both):
                continue
            other = spec.target if spec.source == end else spec.source
            if external is None or external == (other in self._fabric.declared.uplinks):
                total += grant.rate_bps
        return total

    def port_kbps(self, end: End) -> int | None:
        """What a port may send without a reservation, kbit/s; None: it has no rate."""
        declared = self._fabric.declared
        rate = declared.port_rate(end)
        if rate is None:
            return None
        uplink = declared.uplink_at(end)
        names = [uplink] if uplink else [server.name for server in self._fabric.directory.at(end)]
        return max((rate - sum(map(self.granted_bps, names))) // 1000, 1)

    def has_share(self, name: str) -> bool:
        """Whether a server has rates of its own beside its port's."""
        spec = self._fabric.declared.servers.get(name)
        return spec is not None and (spec.fabric_rate is not None or spec.uplink_rate is not None)

    def share(self, name: str) -> ShareInput | None:
        """What a server's share depends on."""
        server = self._fabric.servers.get(name)
        if server is None or not self.has_share(name) or server.platform not in self._fabric.platforms:
            return None
        spec = self._fabric.declared.servers[name]
        index = self._fabric.ledger.allot_apart("share", name, (server.platform,), SHARE_INDEXES)
        return ShareInput(
            server.platform,
            server.port,
            VLAN_PRESENT | server.vlan if server.vlan is not None else 0,
            self._fabric.ledger.allot("label", server.segment, LABELS),
            server.mac,
            index,
            _left(spec.fabric_rate, self.granted_bps(name, external=False)),
            _left(spec.uplink_rate, self.granted_bps(name, external=True)),
            _left(spec.uplink_rate, self._received_bps(name)),
            self._uplinks_of(server),
        )

    def _received_bps(self, name: str) -> int:
        """What uplinks may send to a server by reservations."""
        declared, total = self._fabric.declared, 0
        for reservation in declared.reservations_of(name):
            spec, grant = declared.reservations[reservation], self._fabric.grants.get(reservation)
            sends = spec.source in declared.uplinks or (spec.both and spec.target in declared.uplinks)
            total += grant.rate_bps if grant and sends else 0
        return total

    def _uplinks_of(self, server: Server) -> tuple[End, ...]:
        uplinks = self._fabric.declared.uplinks.values()
        return tuple(sorted((spec.platform, spec.port) for spec in uplinks if spec.segment == server.segment))


def _who(name: str, back: bool) -> str:
    return f"{name}{'<' if back else '>'}"


def _places(source: End, target: End, links: list[Link]) -> list[str]:
    """Where a path's label must be unique: where it begins, wherever it comes in; within a platform, where it ends."""
    at, places = source[0], [f"{source[0]}:start"]
    for link in links:
        at, port = link.other(at)
        places.append(f"{at}:{port}")
    return places if links else [*places, f"{target[0]}:{target[1]}"]


def _fields(classifier: Classifier | None) -> tuple[tuple[str, int], ...]:
    if classifier is None:
        return ()
    named = {
        "ip_proto": classifier.protocol,
        "ip_dscp": classifier.dscp,
        **{name: getattr(classifier, name) for name in ("tcp_src", "tcp_dst", "udp_src", "udp_dst")},
    }
    return tuple((name, value) for name, value in sorted(named.items()) if value is not None)


def _burst_kbit(spec: ReservationSpec, kbps: int) -> int:
    """A quarter of a second: a policer with less halves TCP, one with more lets UDP exceed its rate."""
    asked = spec.burst * 8 // 1000 if spec.burst is not None else int(kbps * _BURST_S)
    return max(asked, _LEAST_BURST_KBIT)


def _left(rate_bps: int | None, granted_bps: int) -> int | None:
    return None if rate_bps is None else max((rate_bps - granted_bps) // 1000, 1)
