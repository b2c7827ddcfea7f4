"""Tells what has changed as events: compares the state with what was told of it last.

What changes to and fro between two looks (one turn of the controller) is not told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from controller.convergence import Convergence
from controller.events import History, Value
from controller.model.addresses import mac_from_int
from controller.model.alarms import Alarm, Alarms
from controller.model.changes import Changes
from controller.model.fabric import Fabric
from controller.model.identity import Server
from controller.model.links import LinkState
from controller.model.topology import End, Port

REWORDED_EVERY_S: Final = 10.0
"""An alarm whose text keeps changing is told again that often at most, seconds."""
_TURNED_AWAY: Final = ("unknown_switch", "duplicate_dpid")


class Chronicle:
    """What was told last of each thing; what stands at the start is taken as told."""

    def __init__(self, fabric: Fabric, alarms: Alarms, history: History) -> None:
        self.history = history
        self.convergence = Convergence()
        self.alarms_raised: dict[str, int] = {}
        """How many alarms were raised so far, by kind."""
        self._fabric = fabric
        self._revision = self._confirmed = fabric.revision
        self._ports = dict(fabric.wiring.ports)
        self._servers = dict(fabric.servers)
        self._links: dict[str, LinkState] = {}
        self._reworded: dict[tuple[str, str], float] = {}
        alarms.observer = self._alarm

    # Platforms

    def connected(self, platform: str, dpid: int, ports: Collection[Port]) -> None:
        """A switch is there; ports that come with it for the first time are not told one by one."""
        for port in ports:
            self._ports.setdefault((platform, port.number), port)
        text = f"{platform} is connected (dpid {dpid:#x}, {len(ports)} ports)"
        self.history.tell("platform", platform, "connected", text, dpid=dpid, ports=len(ports))

    def gone(self, platform: str) -> None:
        """A connection is lost."""
        text = f"{platform} is not connected any more: its switch goes on by the rules that it holds"
        self.history.tell("platform", platform, "gone", text)

    # What the fabric has marked as changed

    def follow(self, changes: Changes) -> None:
        """Tell what became of the revision, of ports and of servers."""
        self._look_at_revision()
        everything = changes.everything
        self._follow_ports(self._ports | self._fabric.wiring.ports if everything else changes.ends)
        self._follow_servers(self._servers | self._fabric.servers if everything else changes.servers)

    def _look_at_revision(self) -> None:
        if self._fabric.revision != self._revision:
            self._revision = revision = self._fabric.revision
            text = f"revision {revision} was accepted"
            self.history.tell("revision", str(revision), "accepted", text, revision=revision)

    def at_rest(self, converged: bool, now: float) -> None:
        """Note whether all is as wanted; `now` is in seconds of the controller's clock."""
        self._look_at_revision()
        self.convergence.watch(converged, now)
        if converged and self._confirmed != self._revision:
            self._confirmed = revision = self._revision
            text = f"revision {revision} is in force: every connected switch has confirmed it"
            self.history.tell("revision", str(revision), "confirmed", text, revision=revision)

    def _follow_ports(self, ends: Iterable[End]) -> None:
        for end in ends:
            before, after = self._ports.get(end), self._fabric.wiring.ports.get(end)
            if before == after:
                continue
            if after is None:
                self._ports.pop(end)
            else:
                self._ports[end] = after
            self._port(end, before, after)

    def _port(self, end: End, before: Port | None, after: Port | None) -> None:
        platform, number = end
        port = after or before
        assert port is not None
        what = _port_what(before, after)
        if what in ("heard", "unheard") and end not in self._fabric.wiring.watched:
            return
        text = f"{platform} port {number} ({port.name}) {_PORT_SAID[what]}"
        up = after is not None and after.up
        data: dict[str, Value] = {"platform": platform, "port": number, "port_name": port.name, "up": up}
        self.history.tell("port", f"{platform}:{number}", what, text, **data)

    def _follow_servers(self, names: Iterable[str]) -> None:
        for name in names:
            before, after = self._servers.get(name), self._fabric.servers.get(name)
            if before is after or before == after:
                continue
            if after is None:
                self._servers.pop(name)
            else:
                self._servers[name] = after
            self._server(before, after)

    def _server(self, before: Server | None, after: Server | None) -> None:
        server = after or before
        assert server is not None
        what = _server_what(before, after)
        text = f"{server.name} {_SERVER_SAID[what]} {server.platform} port {server.port}"
        came = f", it was on {before.platform} port {before.port}" if before and what == "moved" else ""
        self.history.tell("server", server.name, what, text + came, **_server_data(server))

    def links(self, states: Mapping[str, LinkState], names: Iterable[str]) -> None:
        """Tell which links of some are not what they were; one that is new counts as having been down."""
        down = LinkState.DOWN
        for name in sorted(names):
            before, after = self._links.get(name, down), states.get(name)
            if before is not after:
                self._link(name, before, after)
            if after is None:
                self._links.pop(name, None)
            else:
                self._links[name] = after

    def _link(self, name: str, before: LinkState, after: LinkState | None) -> None:
        if after is None:
            self.history.tell("link", name, "gone", f"link {name} is no more", was=before.value)
        else:
            text = f"link {name} is {after.value}, it was {before.value}"
            self.history.tell("link", name, after.value, text, was=before.value)

    # Alarms

    def _alarm(self, what: str, alarm: Alarm) -> None:
        key, now = (alarm.kind, alarm.subject), self.history.now
        if what == "cleared":
            self._reworded.pop(key, None)
        elif what == "changed" and now - self._reworded.get(key, now - REWORDED_EVERY_S) < REWORDED_EVERY_S:
            return
        else:
            self._reworded[key] = now
        if what == "raised":
            self._raised(alarm)
        text = f"it is over: {alarm.message}" if what == "cleared" else alarm.message
        self.history.tell("alarm", alarm.subject, what, text, alarm=alarm.kind)

    def _raised(self, alarm: Alarm) -> None:
        self.alarms_raised[alarm.kind] = self.alarms_raised.get(alarm.kind, 0) + 1
        if alarm.kind in _TURNED_AWAY:
            self.history.tell("platform", alarm.subject, "refused", alarm.message, alarm=alarm.kind)
        elif alarm.kind == "conflict":
            self.history.tell("server", alarm.subject, "conflict", alarm.message, alarm=alarm.kind)


_PORT_SAID: Final = {
    "added": "was added",
    "removed": "was taken away",
    "up": "is up",
    "down": "is down",
    "heard": "hears the other end (BFD)",
    "unheard": "does not hear the other end any more (BFD)",
    "changed": "is another port now",
}
_SERVER_SAID: Final = {
    "declared": "was declared on",
    "learned": "was learned on",
    "moved": "moved to",
    "gone": "is gone from",
    "determined": "told more of itself on",
    "forgotten": "has to be heard again on",
    "changed": "was changed on",
}


def _port_what(before: Port | None, after: Port | None) -> str:
    if before is None or after is None:
        return "removed" if after is None else "added"
    if before.up != after.up:
        return "up" if after.up else "down"
    if (before.name, before.mac) == (after.name, after.mac):
        return "heard" if after.live else "unheard"
    return "changed"


def _server_what(before: Server | None, after: Server | None) -> str:
    if after is None:
        return "gone"
    if before is None:
        return "declared" if after.declared else "learned"
    if before.end != after.end:
        return "moved"
    if before.mac is not None and after.mac is None:
        return "forgotten"
    return "determined" if (before.mac, before.addresses) != (after.mac, after.addresses) else "changed"


def _server_data(server: Server) -> dict[str, Value]:
    return {
        "platform": server.platform,
        "port": server.port,
        "segment": server.segment,
        "mac": None if server.mac is None else mac_from_int(server.mac),
        "addresses": tuple(_address(*pair) for pair in server.addresses),
    }


def _address(value: int, version: int) -> str:
    return str(IPv4Address(value) if version == 4 else IPv6Address(value))
