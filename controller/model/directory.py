"""All servers, and whose a MAC, an address or a port is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from controller.model.identity import Server
from controller.model.topology import End


class Directory:
    """Servers by name, indexed by what they are found by."""

    def __init__(self, servers: Iterable[Server] = ()) -> None:
        self.by_name: dict[str, Server] = {}
        self._by_mac: dict[tuple[str, int], str] = {}
        self._by_address: dict[tuple[str, int, int], str] = {}
        self._at: defaultdict[End, set[str]] = defaultdict(set)
        for server in servers:
            self.put(server)

    def put(self, server: Server) -> None:
        """Add a server, or replace the one of that name."""
        self.remove(server.name)
        self.by_name[server.name] = server
        self._at[server.end].add(server.name)
        if server.mac is not None:
            self._by_mac.setdefault((server.segment, server.mac), server.name)
        for address in server.addresses:
            self._by_address.setdefault((server.segment, *address), server.name)

    def remove(self, name: str) -> None:
        """Take a server out, if it is there."""
        server = self.by_name.pop(name, None)
        if server is None:
            return
        self._at[server.end].discard(name)
        if self._by_mac.get((server.segment, server.mac or 0)) == name:
            del self._by_mac[server.segment, server.mac or 0]
        for address in server.addresses:
            if self._by_address.get((server.segment, *address)) == name:
                del self._by_address[(server.segment, *address)]

    def of_mac(self, segment: str, mac: int) -> Server | None:
        """Whose a MAC is in a segment."""
        name = self._by_mac.get((segment, mac))
        return self.by_name[name] if name else None

    def of_address(self, segment: str, address: tuple[int, int]) -> Server | None:
        """Whose an address (with its version) is in a segment."""
        name = self._by_address.get((segment, *address))
        return self.by_name[name] if name else None

    def at(self, end: End) -> Iterator[Server]:
        """The servers behind a port, by name."""
        for name in sorted(self._at.get(end, ())):
            yield self.by_name[name]

    def count(self, end: End) -> int:
        """How many servers are behind a port."""
        return len(self._at.get(end, ()))
