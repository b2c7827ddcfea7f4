"""The one owner of what is wanted and what is seen; `controller.derive` reads it, `controller.control` writes it.

Whatever changes is marked in `changes`; the rules follow when `Control.refresh` comes by.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias

from controller.model.addresses import is_link_local, mac_to_int
from controller.model.changes import Changes
from controller.model.declared import Declared
from controller.model.desired import Desired, Key
from controller.model.directory import Directory
from controller.model.grants import Grant
from controller.model.identity import Server
from controller.model.ledger import Ledger
from controller.model.spec import Document, ServerSpec
from controller.model.topology import End, Platform, Port, Wiring

AdminState: TypeAlias = Literal["up", "drain", "down"]


class Fabric:
    """Everything known of one fabric."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.desired = Desired()
        self.composed = self.desired.compose()
        self.declared = Declared(None)
        self.admin: dict[Key, AdminState] = {}
        """Links and platforms that are not to be used as they could be: `drain` or `down`."""
        self.failed: set[str] = set()
        """Links that failed while they carried traffic, until they have worked again for long enough."""
        self.grants: dict[str, Grant] = {}
        """What reservations have been granted."""
        self.promised: set[str] = set()
        """Reservations that were granted their floor at least once."""
        self.leases: dict[str, float] = {}
        """Until when those reservations hold that have a lease, seconds since 1970."""
        self.ledger = ledger or Ledger()
        self.wiring = Wiring()
        self.platforms: dict[str, Platform] = {}
        self.by_dpid: dict[int, str] = {}
        self.directory = Directory()
        self.determined: dict[str, Server] = {}
        """What was heard of servers: learned ones whole, declared ones with what the document leaves open."""
        self.trees: dict[str, tuple[int, frozenset[str]]] = {}
        """Each segment's flood tree: its generation and its links."""
        self.trees_are_kept = False
        """Whether trees keep their generation, while nobody knows yet which links there are."""
        self.revision = 0
        self.version = 0
        """Grows with every change that is kept."""
        self.changes = Changes(everything=True)

    @property
    def document(self) -> Document | None:
        """What was asked for; None where nobody gave a document."""
        return self.declared.document

    @property
    def servers(self) -> dict[str, Server]:
        """All servers by name, declared and learned."""
        return self.directory.by_name

    def take_changes(self) -> Changes:
        """What has changed since the last call."""
        changes, self.changes = self.changes, Changes()
        changes.wires |= self.wiring.take_touched()
        self.version += bool(changes)
        return changes

    # What is wanted

    def set_desired(self, desired: Desired) -> None:
        """Replace what is wanted; what was heard of servers that are still there is kept."""
        self.desired, self.composed = desired, desired.compose()
        self.declared = Declared(self.composed.document)
        kept = {p.name: p for p in self.platforms.values() if not p.declared} if self.declared.adopts else {}
        named = {name: Platform(name, spec.dpid, declared=True) for name, spec in self.declared.platforms.items()}
        dpids = {platform.dpid for platform in named.values()}
        self.platforms = {**{name: p for name, p in kept.items() if p.dpid not in dpids}, **named}
        self.by_dpid = {platform.dpid: platform.name for platform in self.platforms.values()}
        self.resolve_servers()
        self.changes.everything = True

    def set_admin(self, key: Key, state: AdminState) -> None:
        """Override how a link or a platform is used; `up` undoes it."""
        if state == "up":
            self.admin.pop(key, None)
        else:
            self.admin[key] = state
        self.changes.links = True

    def admin_of(self, key: Key) -> AdminState:
        """How a link or a platform is to be used."""
        return self.admin.get(key, "up")

    # Platforms

    def adopt(self, name: str, dpid: int) -> str:
        """Make a platform of a bridge that nobody declared; a name that is taken gets the dpid behind it."""
        if name in self.platforms:
            name = f"{name}-{dpid:x}"
        self.platforms[name] = Platform(name, dpid, declared=False)
        self.by_dpid[dpid] = name
        self.changes.everything = True
        return name

    # Servers

    def home_of(self, server: str) -> str | None:
        """The platform that a server is on; None where there is no such server."""
        found = self.servers.get(server)
        return found.platform if found else None

    def host_end(self, name: str) -> End | None:
        """The port of a server or an uplink; None where it is nowhere."""
        uplink, server = self.declared.uplinks.get(name), self.servers.get(name)
        if uplink is not None:
            return (uplink.platform, uplink.port)
        return server.end if server else None

    def determine(self, server: Server) -> None:
        """Note what was heard of a server."""
        self._mark(server.name)
        self.determined[server.name] = server
        self._resolve(server.name)
        self._mark(server.name)

    def forget(self, name: str) -> None:
        """Forget what was heard of a server."""
        self._mark(name)
        self.determined.pop(name, None)
        self._resolve(name)
        self._mark(name)

    def _mark(self, name: str) -> None:
        self.changes.servers.add(name)
        server = self.servers.get(name)
        if server is not None:
            self.changes.ends.add(server.end)

    def resolve_servers(self) -> None:
        """Work out all servers from what is declared and what was heard."""
        self.directory = Directory()
        for name in (*self.declared.servers, *self.determined):
            self._resolve(name)

    def _resolve(self, name: str) -> None:
        """Declared servers with what was determined of them; learned ones where nobody declared that MAC."""
        spec, heard = self.declared.servers.get(name), self.determined.get(name)
        if spec is not None:
            self.directory.put(_completed(name, spec, heard))
        elif heard is not None and self._may_be_learned(heard):
            self.directory.put(heard)
        else:
            self.directory.remove(name)

    def _may_be_learned(self, server: Server) -> bool:
        owner = self.directory.of_mac(server.segment, server.mac or 0)
        known = server.declared or (owner is not None and owner.declared)
        learns = self.declared.learned_segment(server.end) == server.segment
        return learns and not known and server.platform in self.platforms

    # Ports

    def port_name(self, end: End) -> str:
        """A port's name, or its number where its switch has not said."""
        port = self.wiring.ports.get(end)
        return port.name if port else str(end[1])

    def set_port(self, platform: str, port: Port) -> None:
        """Take over a port's state. One of another name or MAC is another port: what was behind the old is gone."""
        end = (platform, port.number)
        before = self.wiring.ports.get(end)
        if before is not None and (before.name, before.mac) != (port.name, port.mac):
            self.drop_port(end)
        if not self.wiring.set_port(platform, port):
            return
        self.touch(end)
        if not port.up:
            self._forget_heard(end)

    def drop_port(self, end: End) -> None:
        """A port was taken away."""
        if self.wiring.drop_port(end):
            self.touch(end)
            self._forget_heard(end)

    def touch(self, *ends: End) -> None:
        """The wires of these ports may have changed."""
        self.changes.wires.update(ends)
        self.changes.ends.update(ends)

    def _forget_heard(self, end: End) -> None:
        """What was heard of servers is kept until their port goes down: another may be plugged in there next."""
        for server in tuple(self.directory.at(end)):
            if server.name in self.determined:
                self.forget(server.name)


def _completed(name: str, spec: ServerSpec, heard: Server | None) -> Server:
    addresses = tuple((int(address), address.version) for address in spec.ip)
    server = Server(
        name,
        spec.platform,
        spec.port,
        spec.segment,
        mac_to_int(spec.mac) if spec.mac else None,
        addresses,
        spec.vlan,
        declared=True,
        open_addresses=not spec.ip,
    )
    if heard is None or (heard.end, heard.segment) != (server.end, server.segment):
        return server
    more = tuple(pair for pair in heard.addresses if server.open_addresses or is_link_local(*pair))
    return replace(server, mac=server.mac or heard.mac, addresses=addresses + more)
