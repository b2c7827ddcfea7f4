"""What the document says, indexed for those who ask; without a document all is adopted and learned."""

from __future__ import annotations

from collections import defaultdict
from typing import Final, Literal, TypeAlias

from controller.model.spec import Document, PlatformSpec, ReservationSpec, ServerSpec, Undeclared, UplinkSpec
from controller.model.topology import End, Link

DEFAULT_SEGMENT: Final = "default"
Preemption: TypeAlias = Literal["none", "floor", "out"]
_ADOPT: Final = Undeclared(mode="learn", segment=DEFAULT_SEGMENT)


class Declared:
    """Lookups in one document; immutable."""

    def __init__(self, document: Document | None) -> None:
        self.document = document
        self._spec = document or Document()
        self._ports: defaultdict[str, dict[int, list[ServerSpec]]] = defaultdict(dict)
        for server in self._spec.servers.values():
            self._ports[server.platform].setdefault(server.port, []).append(server)
        self._uplink_ends = {(spec.platform, spec.port): name for name, spec in self._spec.uplinks.items()}
        self._host_ports = self._ports_of_hosts()
        self._open = self._open_platforms()
        self.trunks = self._trunks()
        self._trunk_rates = {
            (name, trunk.port): trunk.rate
            for name, platform in self._spec.platforms.items()
            for trunk in platform.trunks.values()
        }
        self._reserved = self._ends_of_reservations()
        self.links = {
            name: Link(name, self._ends(spec.ends), spec.cost, spec.rate, bfd_ms=spec.bfd, risks=frozenset(spec.risks))
            for name, spec in self._spec.links.items()
        }
        self.segments = tuple(sorted(self._spec.segments)) if document else (DEFAULT_SEGMENT,)

    @property
    def platforms(self) -> dict[str, PlatformSpec]:
        """Declared platforms."""
        return self._spec.platforms

    @property
    def servers(self) -> dict[str, ServerSpec]:
        """Declared servers."""
        return self._spec.servers

    @property
    def uplinks(self) -> dict[str, UplinkSpec]:
        """Declared uplinks."""
        return self._spec.uplinks

    @property
    def reservations(self) -> dict[str, ReservationSpec]:
        """What is asked for of rates, granted or not."""
        return self._spec.reservations

    @property
    def bfd_ms(self) -> int:
        """How often the ends of a link tell each other that they live, ms; 0: BFD is off."""
        return self._spec.bfd

    @property
    def hold_s(self) -> int:
        """How long a link that had failed must work again before traffic is led over it, seconds."""
        return self._spec.hold

    @property
    def adopts(self) -> bool:
        """Whether bridges that nobody named become platforms."""
        return self.undeclared(None).mode == "learn"

    def undeclared(self, platform: str | None) -> Undeclared:
        """What becomes of a platform's ports (None: of bridges) that nobody named."""
        if self.document is None:
            return _ADOPT
        spec = self._spec.platforms.get(platform) if platform else None
        return (spec and spec.undeclared) or self.document.undeclared

    def reservations_of(self, end: str) -> tuple[str, ...]:
        """The reservations that a server or an uplink is an end of, by name."""
        return self._reserved.get(end, ())

    @property
    def host_ends(self) -> list[End]:
        """The ports of declared servers and uplinks, sorted."""
        return sorted(
            {(platform, port) for platform, ports in self._ports.items() for port in ports} | {*self._uplink_ends}
        )

    def port_rate(self, end: End) -> int | None:
        """The rate of a server's or an uplink's port, bit/s; None: none is declared."""
        uplink = self.uplink_at(end)
        if uplink is not None:
            return self.uplinks[uplink].rate
        rates = [spec.rate for spec in self._ports.get(end[0], {}).get(end[1], ()) if spec.rate is not None]
        return max(rates, default=None)

    def link_rate(self, link: Link) -> int | None:
        """What a link can hold each way, bit/s: the lowest of its own rate and its trunks'; None: none is declared."""
        rates = (link.rate, *(self._trunk_rates.get(end) for end in link.ends))
        return min((rate for rate in rates if rate is not None), default=None)

    def reservable_bps(self, link: Link) -> int:
        """What reservations may have of a link each way: nothing of one without a rate."""
        return (self.link_rate(link) or 0) * (100 - self._spec.best_effort) // 100

    @property
    def preempt(self) -> Preemption:
        """What a reservation may do to one of a lower priority."""
        return self._spec.preempt

    def host_ports(self, platform: str) -> frozenset[int]:
        """A platform's ports for servers, and its uplinks'."""
        return self._host_ports.get(platform, frozenset())

    def is_host_port(self, end: End) -> bool:
        """Whether a port is declared for servers or as an uplink: no other switch of the fabric is behind it."""
        return end in self._uplink_ends or self.is_server_port(end)

    def is_server_port(self, end: End) -> bool:
        """Whether a port is declared for servers."""
        return end[1] in self._ports.get(end[0], ())

    def learned_segment(self, end: End) -> str | None:
        """Where those belong who are learned on a port: an uplink's segment, else what `undeclared` says."""
        uplink = self.uplink_at(end)
        if uplink is not None:
            return self.uplinks[uplink].segment
        undeclared = self.undeclared(end[0])
        return undeclared.segment if undeclared.mode == "learn" else None

    def gateways(self, segment: str) -> tuple[tuple[int, int], ...]:
        """A segment's gateway addresses, each with its version."""
        spec = self._spec.segments.get(segment)
        return tuple((int(address), address.version) for address in spec.gateway) if spec else ()

    def uplink_at(self, end: End) -> str | None:
        """The uplink that a port is declared for."""
        return self._uplink_ends.get(end)

    def storm(self, end: End) -> int:
        """What a port may flood, packets/s."""
        own = [spec.storm for spec in self._ports.get(end[0], {}).get(end[1], ()) if spec.storm is not None]
        return max(own, default=self._spec.storm)

    def open_platforms(self, segment: str) -> frozenset[str]:
        """Platforms with uplinks of a segment, or with servers whose MAC or addresses the document leaves open."""
        return self._open.get(segment, frozenset())

    def _ports_of_hosts(self) -> dict[str, frozenset[int]]:
        found = {platform: set(ports) for platform, ports in self._ports.items()}
        for platform, port in self._uplink_ends:
            found.setdefault(platform, set()).add(port)
        return {platform: frozenset(ports) for platform, ports in found.items()}

    def _open_platforms(self) -> dict[str, frozenset[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        for spec in self._spec.servers.values():
            if spec.mac is None or not spec.ip:
                found[spec.segment].add(spec.platform)
        for uplink in self._spec.uplinks.values():
            found[uplink.segment].add(uplink.platform)
        return {segment: frozenset(platforms) for segment, platforms in found.items()}

    def _ends_of_reservations(self) -> dict[str, tuple[str, ...]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for name in sorted(self._spec.reservations):
            for end in (self._spec.reservations[name].source, self._spec.reservations[name].target):
                found[end].append(name)
        return {end: tuple(names) for end, names in found.items()}

    def _trunks(self) -> dict[End, str]:
        return {
            (name, trunk.port): f"{name}.{label}"
            for name, spec in self._spec.platforms.items()
            for label, trunk in spec.trunks.items()
        }

    def _ends(self, names: tuple[str, str]) -> tuple[End, End]:
        first, second = sorted(self._end(name) for name in names)
        return (first, second)

    def _end(self, name: str) -> End:
        platform, _, trunk = name.partition(".")
        return (platform, self._spec.platforms[platform].trunks[trunk].port)
