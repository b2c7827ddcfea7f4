"""Platforms that have failed: their neighbours see all links to them down, and they do not answer any more.

A connection that is lost tells nothing by itself: a switch forwards without its controller.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from controller.model.fabric import Fabric
from controller.model.links import is_wired
from controller.routing import Routing

_NAMED: Final = 8
"""So many servers of a failed platform are named in its alarm."""


class Failures:
    """`cut_off`: platforms that no neighbour hears; `apart`: those of them to which no path leads, not even to try it;
    `failed`: those that are not connected either."""

    def __init__(self, fabric: Fabric, routing: Routing) -> None:
        self._fabric, self._routing = fabric, routing
        self.cut_off: frozenset[str] = frozenset()
        self.apart: frozenset[str] = frozenset()
        self.failed: frozenset[str] = frozenset()

    def follow_links(self, links: Iterable[str]) -> frozenset[str]:
        """Some links have changed; answers the platforms that are cut off since."""
        before, known = self.cut_off, self._routing.known
        concerned = {platform for name in links if name in known for platform, _ in known[name].ends} | before
        now = frozenset(name for name in concerned & self._fabric.platforms.keys() if self._is_cut_off(name))
        self.cut_off = now
        self.apart = frozenset(name for name in now if not self._routing.graph.adj[name])
        return now - before

    def follow_connections(self, connected: Collection[str]) -> None:
        """Links or connections have changed."""
        self.failed = self.cut_off.difference(connected)

    def texts(self) -> dict[str, str]:
        """Each failed platform, with what it means."""
        return {name: self._text(name) for name in sorted(self.failed)}

    def _is_cut_off(self, platform: str) -> bool:
        """Of links that were never wired nobody knows."""
        wiring = self._fabric.wiring
        links = [link for link in self._routing.links_of(platform) if is_wired(wiring, link)]
        return bool(links) and not any(wiring.works(link.other(platform)) for link in links)

    def _text(self, platform: str) -> str:
        servers = sorted(server.name for server in self._fabric.servers.values() if server.platform == platform)
        return f"{platform} has failed: its neighbours see all its links down; {_unreachable(servers)}"


def _unreachable(servers: Iterable[str]) -> str:
    names = tuple(servers)
    if not names:
        return "no server is behind it"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"unreachable: {', '.join(names[:_NAMED])}{more}"
