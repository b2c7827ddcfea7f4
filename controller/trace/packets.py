"""The packet that a question is about: who sends it, what is in it, for whom it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, TypeAlias

from controller.host_frames import (
    ICMPV6,
    UDP,
    Address,
    Fields,
    Made,
    address_of,
    common_version,
    group_mac,
    ip_fields,
    link_local,
    mac_of,
    make,
    question_fields,
)
from controller.model.addresses import mac_from_int, mac_to_int
from controller.model.fabric import Fabric
from controller.model.identity import Server
from controller.model.problems import Problem
from controller.model.topology import End
from controller.model.wording import did_you_mean, quoted
from controller.rules.packet import parse
from controller.rules.readable import address_text
from controller.trace.question import FLAGS, BadQuestion, TraceQuestion, UnknownName

_TCP: Final = 6
_ECHO: Final = {4: {"ip_proto": 1, "icmpv4_type": 8}, 6: {"ip_proto": ICMPV6, "icmpv6_type": 128}}
_AnyAddress: TypeAlias = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet and what is meant by it.

    `target`: the server that it is for, if one is known; `wanted`: the address it is for or asks for, if any;
    `asks`: it is a question (ARP, ND); `notes`: what had to be assumed.
    """

    at: End
    made: Made
    sender: Server | None = None
    target: Server | None = None
    wanted: Address | None = None
    asks: bool = False
    notes: tuple[str, ...] = ()


def make_packet(fabric: Fabric, question: TraceQuestion) -> Packet:
    """The packet; raises `UnknownName` or `BadQuestion`."""
    sender = _server(fabric, question.source) if question.source else None
    if question.hex is not None:
        return _from_bytes(fabric, question, question.hex, sender)
    assert sender is not None
    return _Maker(fabric, question, sender).packet()


def _server(fabric: Fabric, name: str) -> Server:
    server = fabric.servers.get(name)
    if server is None:
        raise UnknownName(f"there is no server {quoted(name)}{did_you_mean(name, fabric.servers)}")
    return server


def _from_bytes(fabric: Fabric, question: TraceQuestion, data: bytes, sender: Server | None) -> Packet:
    at = sender.end if sender else (question.platform or "", question.port or 0)
    if at[0] not in fabric.platforms:
        raise UnknownName(f"there is no platform {quoted(at[0])}{did_you_mean(at[0], fabric.platforms)}")
    frame = parse(data)
    sender = sender or next(iter(fabric.directory.at(at)), None)
    target = _of_mac(fabric, sender, frame.fields.get("eth_dst", 0)) if sender else None
    return Packet(at, Made(data, frame), sender, target)


def _of_mac(fabric: Fabric, sender: Server, mac: int) -> Server | None:
    """Whose a MAC is: of the sender's segment before any other."""
    segments = (sender.segment, *(s for s in fabric.declared.segments if s != sender.segment))
    return next((found for segment in segments if (found := fabric.directory.of_mac(segment, mac))), None)


def _of_address(fabric: Fabric, sender: Server, address: Address) -> Server | None:
    segments = (sender.segment, *(s for s in fabric.declared.segments if s != sender.segment))
    return next((found for segment in segments if (found := fabric.directory.of_address(segment, address))), None)


def _refuse(place: str, message: str) -> BadQuestion:
    return BadQuestion((Problem(place, message),))


class _Maker:
    """Makes one packet of words."""

    def __init__(self, fabric: Fabric, question: TraceQuestion, sender: Server) -> None:
        self._fabric, self._question, self._sender = fabric, question, sender
        self._notes: list[str] = []
        self._version = 4
        self._to_mac: int | None = None
        self._target: Server | None = None
        self._wanted: Address | None = None

    def packet(self) -> Packet:
        """The packet as its server would send it."""
        self._find_target(self._question.to or "")
        if self._target is not None and self._target.name == self._sender.name:
            raise _refuse("to", f"expected another server than {self._sender.name}, which sends")
        if self._sender.mac is None and self._question.src_mac is None:
            self._note(f"the MAC of {self._sender.name} is not known: {mac_from_int(mac_of(self._sender))} is assumed")
        asks = self._must_ask()
        fields = self._asking() if asks else self._speaking()
        vlan = self._sender.vlan if self._question.vlan is None else self._question.vlan or None
        made = make(self._forged(fields), vlan)
        return Packet(self._sender.end, made, self._sender, self._target, self._wanted, asks, tuple(self._notes))

    def _note(self, text: str) -> None:
        self._notes.append(text)

    # For whom

    def _find_target(self, to: str) -> None:
        known = self._fabric.servers.get(to)
        address, mac = _address(to), _mac(to)
        if known is not None:
            self._aim(known)
        elif address is not None:
            self._wanted = (int(address), address.version)
            self._target = _of_address(self._fabric, self._sender, self._wanted)
            self._to_mac = group_mac(address) or (self._target.mac if self._target else None)
        elif mac is not None:
            self._to_mac, self._target = mac, _of_mac(self._fabric, self._sender, mac)
            self._aim_ip(self._target)
        else:
            hint = did_you_mean(to, self._fabric.servers)
            raise UnknownName(f"there is no server {quoted(to)}, and it is no IP address or MAC{hint}")
        self._version = self._wanted[1] if self._wanted else self._question.version or 4
        if self._question.version not in (None, self._version):
            raise _refuse("version", f"expected {self._version}, the version of {to}, found {self._question.version}")

    def _aim(self, target: Server) -> None:
        self._target, self._to_mac = target, target.mac
        self._aim_ip(target)

    def _aim_ip(self, target: Server | None) -> None:
        """The address at which a server is spoken to."""
        if target is None:
            return
        version = self._question.version or {"arp": 4, "nd": 6}.get(self._question.protocol)
        version = version or common_version(self._sender, target)
        number = address_of(target, version) if version else None
        if number is not None and version is not None:
            self._wanted = (number, version)
        elif version and self._question.version:
            raise _refuse("version", f"{target.name} has no IPv{version} address")

    def _must_ask(self) -> bool:
        """Whether the packet is a question: asked for, or because its sender would have to ask first."""
        if self._question.protocol in ("arp", "nd"):
            return True
        if self._to_mac is not None:
            return False
        target, to = self._target, self._question.to
        whose = f"the MAC of {target.name} is not known" if target else f"nobody is known by {to}"
        if self._wanted is None:
            raise _refuse("to", f"{whose}, nor an address: expected somebody who was heard of")
        self._note(f"{whose}: the packet is the question that {self._sender.name} would ask first")
        return True

    # What is in it

    def _asking(self) -> Fields:
        kind = {"arp": 4, "nd": 6}.get(self._question.protocol)
        if self._wanted is None or (kind is not None and self._wanted[1] != kind):
            asks = f"{self._question.protocol} asks for an IPv{kind} address"
            raise _refuse("to", f"{asks}: {self._question.to} has none")
        return question_fields(self._sender, self._wanted)

    def _speaking(self) -> Fields:
        fields = {"eth_src": mac_of(self._sender), "eth_dst": self._to_mac or 0}
        number = self._wanted[0] if self._wanted else self._assumed_target()
        return {**fields, **ip_fields(self._version, self._own_address(), number), **self._payload()}

    def _own_address(self) -> int:
        own = address_of(self._sender, self._version)
        if own is not None:
            return own
        self._note(f"{self._sender.name} has no IPv{self._version} address that is known")
        return 0 if self._version == 4 else link_local(mac_of(self._sender))

    def _assumed_target(self) -> int:
        """Where no address is known, one that nobody has: only the MAC matters."""
        address = int(ip_address("192.0.2.1" if self._version == 4 else "2001:db8::1"))
        assumed = address_text(address, self._version)
        self._note(f"no IPv{self._version} address of {self._question.to} is known: {assumed} is assumed")
        return address

    def _payload(self) -> Fields:
        question, dscp = self._question, {"ip_dscp": self._question.dscp}
        if question.protocol == "icmp":
            return {**dscp, **_ECHO[self._version]}
        number = _TCP if question.protocol == "tcp" else UDP
        ports = {f"{question.protocol}_src": question.src_port, f"{question.protocol}_dst": question.dst_port}
        flags = {"tcp_flags": sum(1 << FLAGS.index(flag) for flag in set(question.flags))} if number == _TCP else {}
        return {**dscp, "ip_proto": number, **ports, **flags}

    def _forged(self, fields: Mapping[str, int]) -> Fields:
        """With the sender's addresses that the question gives instead of its own."""
        forged = dict(fields)
        if self._question.src_mac is not None:
            names = ("eth_src", "arp_sha", "ipv6_nd_sll")
            forged |= {name: self._question.src_mac for name in names if name in fields}
        if self._question.src_ip is not None:
            forged[self._source_field(fields)] = int(self._claimed(self._question.src_ip))
        return forged

    def _source_field(self, fields: Mapping[str, int]) -> str:
        return next(name for name in ("arp_spa", "ipv4_src", "ipv6_src") if name in fields)

    def _claimed(self, text: str) -> _AnyAddress:
        address, version = _address(text), self._wanted[1] if self._wanted else self._version
        if address is None or address.version != version:
            raise _refuse("src_ip", f"expected an IPv{version} address, found {quoted(text)}")
        return address


def _address(text: str) -> _AnyAddress | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _mac(text: str) -> int | None:
    try:
        return mac_to_int(text)
    except ValueError:
        return None
