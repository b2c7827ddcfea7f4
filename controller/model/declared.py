"""What the document says, indexed for those who ask; without a document all is adopted and learned."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from controller.model.spec import Document, PlatformSpec, ServerSpec, Undeclared
from controller.model.topology import End, Link

DEFAULT_SEGMENT: Final = "default"
_ADOPT: Final = Undeclared(mode="learn", segment=DEFAULT_SEGMENT)


class Declared:
    """Lookups in one document; immutable."""

    def __init__(self, document: Document | None) -> None:
        self.document = document
        self._spec = document or Document()
        self._ports: defaultdict[str, dict[int, list[ServerSpec]]] = defaultdict(dict)
        for server in self._spec.servers.values():
            self._ports[server.platform].setdefault(server.port, []).append(server)
        self._open = self._open_platforms()
        self.trunks = self._trunks()
        self.links = {
            name: Link(name, self._ends(spec.ends), spec.cost, spec.rate, bfd_ms=spec.bfd)
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

    def server_ports(self, platform: str) -> frozenset[int]:
        """A platform's server ports."""
        return frozenset(self._ports.get(platform, ()))

    def is_server_port(self, end: End) -> bool:
        """Whether a port is declared for servers."""
        return end[1] in self._ports.get(end[0], ())

    def storm(self, end: End) -> int:
        """What a port may flood, packets/s."""
        own = [spec.storm for spec in self._ports.get(end[0], {}).get(end[1], ()) if spec.storm is not None]
        return max(own, default=self._spec.storm)

    def open_platforms(self, segment: str) -> frozenset[str]:
        """Platforms with servers of a segment whose MAC or addresses the document leaves open."""
        return self._open.get(segment, frozenset())

    def _open_platforms(self) -> dict[str, frozenset[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        for spec in self._spec.servers.values():
            if spec.mac is None or not spec.ip:
                found[spec.segment].add(spec.platform)
        return {segment: frozenset(platforms) for segment, platforms in found.items()}

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
