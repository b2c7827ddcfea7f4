"""Determining identities from what servers send; moves, limits and conflicts."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from controller.model.addresses import mac_from_int
from controller.model.alarms import Alarms
from controller.model.fabric import Fabric
from controller.model.identity import Server
from controller.model.topology import End
from controller.rules.tables import Reason

MOVES: Final = 3
MOVES_WITHIN_S: Final = 10.0
HOLD_S: Final = 30.0
SERVERS: Final = 1024
"""Servers that may be learned on one port."""
ADDRESSES: Final = 16
"""Addresses that one server may be heard to use."""
_LINK_LOCAL: Final = 0xFE80 << 48


@dataclass(frozen=True, slots=True)
class Heard:
    """A copied packet: where it came in, why it was copied, and its fields by name; `vlan` its tag."""

    end: End
    reason: Reason
    fields: Mapping[str, int]
    vlan: int | None = None


class Learner:
    """Decides what a heard packet says of a server."""

    def __init__(self, fabric: Fabric, alarms: Alarms) -> None:
        self._fabric, self._alarms = fabric, alarms
        self._moves: defaultdict[str, deque[float]] = defaultdict(deque)
        self._held_until: dict[str, float] = {}

    def take(self, heard: Heard, now: float) -> bool:
        """Note what a packet tells; true when an identity changed."""
        mac = heard.fields.get("eth_src", 0)
        if not mac or mac >> 40 & 1:
            return False
        server = self._declared_at(heard)
        if server is not None:
            return self._complete(server, heard, mac)
        if heard.reason in (Reason.LEARN_MAC, Reason.LEARN_ADDRESS):
            return self._learn(heard, mac, now)
        return False

    def forget_port(self, end: End) -> None:
        """A port turned out to be a trunk: nothing behind it is a server of it."""
        for server in tuple(self._fabric.directory.at(end)):
            if not server.declared:
                self._fabric.forget(server.name)

    def tick(self, now: float) -> None:
        """Let go of servers that were held where they are, and of moves that count no longer."""
        for name in [name for name, until in self._held_until.items() if now >= until]:
            del self._held_until[name]
            self._alarms.clear("conflict", name)
        for name in [name for name, moves in self._moves.items() if not moves or moves[-1] < now - MOVES_WITHIN_S]:
            del self._moves[name]

    def _declared_at(self, heard: Heard) -> Server | None:
        servers = self._fabric.directory.at(heard.end)
        return next((server for server in servers if server.declared and server.vlan == heard.vlan), None)

    def _complete(self, server: Server, heard: Heard, mac: int) -> bool:
        """What the document leaves open of a declared server."""
        if server.mac is None:
            if self._fabric.directory.of_mac(server.segment, mac) is not None:
                return False
            server = replace(server, mac=mac)
        elif server.mac != mac:
            return False
        claim = _claim(heard.fields)
        if claim is not None and self._may_add(server, claim):
            server = replace(server, addresses=(*server.addresses, claim))
        if server == self._fabric.servers[server.name]:
            return False
        self._fabric.determine(server)
        return True

    def _may_add(self, server: Server, claim: tuple[int, int]) -> bool:
        local = claim[1] == 6 and claim[0] >> 64 == _LINK_LOCAL
        fits = (server.open_addresses or local) and len(server.addresses) < ADDRESSES
        return fits and self._fabric.directory.of_address(server.segment, claim) is None

    def _learn(self, heard: Heard, mac: int, now: float) -> bool:
        platform, port = heard.end
        segment, is_uplink = self._segment_of(heard.end), self._fabric.declared.uplink_at(heard.end) is not None
        owner = self._fabric.directory.of_mac(segment, mac) if segment else None
        if segment is None or (owner is not None and owner.declared):
            return False
        name = learned_name(segment, mac)
        known = self._fabric.determined.get(name)
        if (known is None or known.end != heard.end) and self._is_crowded(heard.end):
            return False
        if known is not None and known.end != heard.end:
            if not self._may_move(name, known, heard.end, now):
                return False
            known = replace(known, platform=platform, port=port, addresses=() if is_uplink else known.addresses)
        server = known or Server(name, platform, port, segment, mac, (), declared=False)
        claim = None if is_uplink else _claim(heard.fields)  # beyond an uplink are the addresses of the whole world
        if claim is not None:
            server = self._with_claim(server, claim)
        if server == self._fabric.determined.get(name):
            return False
        self._fabric.determine(server)
        return True

    def _segment_of(self, end: End) -> str | None:
        """Where a MAC belongs that is heard on a port; None: nobody is learned there."""
        declared = self._fabric.declared
        open_port = declared.uplink_at(end) is not None or end in self._fabric.wiring.silent
        return declared.learned_segment(end) if open_port else None

    def _is_crowded(self, end: End) -> bool:
        """A port that invents MACs fills no tables: it gets so many servers, and no more until some have aged."""
        crowded = self._fabric.directory.count(end) >= SERVERS
        subject, port = f"{end[0]}:{end[1]}", f"{end[0]} port {end[1]}"
        if crowded:
            self._alarms.raise_("crowded_port", subject, f"{port} has {SERVERS} learned servers: no more are learned")
        else:
            self._alarms.clear("crowded_port", subject)
        return crowded

    def _with_claim(self, server: Server, claim: tuple[int, int]) -> Server:
        """A learned server takes an address over from another learned one, never from a declared one."""
        owner = self._fabric.directory.of_address(server.segment, claim)
        full = len(server.addresses) >= ADDRESSES
        if claim in server.addresses or full or (owner is not None and owner.declared):
            return server
        if owner is not None and owner.name != server.name:
            rest = tuple(pair for pair in owner.addresses if pair != claim)
            self._fabric.determine(replace(owner, addresses=rest))
        return replace(server, addresses=(*server.addresses, claim))

    def _may_move(self, name: str, known: Server, to: End, now: float) -> bool:
        if now < self._held_until.get(name, 0.0):
            return False
        moves = self._moves[name]
        while moves and moves[0] < now - MOVES_WITHIN_S:
            moves.popleft()
        if len(moves) >= MOVES:
            self._held_until[name] = now + HOLD_S
            moves.clear()
            self._alarms.raise_(
                "conflict",
                name,
                f"{name} moved more than {MOVES} times in {MOVES_WITHIN_S:.0f} s between "
                f"{known.platform} port {known.port} and {to[0]} port {to[1]}: it stays for {HOLD_S:.0f} s",
            )
            return False
        moves.append(now)
        return True


def learned_name(segment: str, mac: int) -> str:
    """The name of a learned server: its segment and MAC."""
    return f"{segment}.{mac_from_int(mac).replace(':', '-')}"


def _claim(fields: Mapping[str, int]) -> tuple[int, int] | None:
    """The address that a packet's sender claims for itself."""
    for name, version in (("arp_spa", 4), ("ipv4_src", 4), ("ipv6_src", 6)):
        address = fields.get(name, 0)
        if address:
            return (address, version)
    return None
