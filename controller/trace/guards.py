"""What the guard refused: a sender that is not who it says, or a port that takes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from controller.model.addresses import mac_from_int
from controller.model.identity import Server
from controller.model.topology import End
from controller.model.wording import listed
from controller.rules.outcome import Step
from controller.rules.readable import address_text
from controller.rules.tables import Reason, Reg, claimed_in
from controller.trace.packets import Packet
from controller.trace.places import Places
from controller.trace.why import Cause, Why


def refused_by_guard(places: Places, packet: Packet, platform: str, step: Step) -> Why:
    """Why a packet was a violation."""
    end = (platform, packet.at[1])
    reason = step.registers.get(Reg.REASON, 0)
    servers = tuple(places.reading.fabric.directory.at(end))
    if reason == Reason.ADDRESS:
        return _address(places, end, servers, step)
    if reason == Reason.TAGGED:
        return Why(Cause.WRONG_TAG, f"{_port(end, servers)} sent a frame with more tags than one may have")
    if reason == Reason.MAC:
        return _taken(places, end, servers, step)
    if places.reading.fabric.declared.uplink_at(end) is not None:
        return Why(Cause.WRONG_TAG, f"{_learning(places, end, servers)} sent a frame with a tag: expected none")
    return _mac(places, packet, end, servers, step) if servers else _closed(places, end)


def _port(end: End, servers: Sequence[Server]) -> str:
    return f"{end[0]} port {end[1]} ({listed(server.name for server in servers) or 'no server'})"


def _learning(places: Places, end: End, servers: Sequence[Server]) -> str:
    """A port behind which many may be: an uplink by its name."""
    uplink = places.reading.fabric.declared.uplink_at(end)
    return f"{end[0]} port {end[1]} (uplink {uplink})" if uplink is not None else _port(end, servers)


def _mac(places: Places, packet: Packet, end: End, servers: Sequence[Server], step: Step) -> Why:
    tag = packet.made.frame.vlans[0] & 0xFFF if packet.made.frame.vlans else None
    speakers = [server for server in servers if server.vlan == tag]
    if not speakers:
        return _tag(places, end, servers, tag)
    used = step.frame.fields.get("eth_src", 0)
    inside = "" if used == packet.made.frame.fields.get("eth_src", 0) else " inside the packet"
    known = listed(mac_from_int(server.mac) for server in speakers if server.mac is not None)
    place = places.words(places.server(speakers[0].name))
    message = f"{_port(end, speakers)} may not send as {mac_from_int(used)}{inside}: its MAC is {known}{place}"
    return Why(Cause.FORGED_MAC, message, f"declare mac: '{mac_from_int(used)}' of {speakers[0].name}{place}")


def _tag(places: Places, end: End, servers: Sequence[Server], tag: int | None) -> Why:
    found = "an untagged frame" if tag is None else f"a frame with tag {tag}"
    expected = listed("no tag" if server.vlan is None else f"tag {server.vlan}" for server in servers)
    place = places.words(places.server(servers[0].name))
    remedy = f"take vlan away from {servers[0].name}{place}" if tag is None else f"declare a server with vlan: {tag}"
    return Why(Cause.WRONG_TAG, f"{_port(end, servers)} sent {found}: expected {expected}{place}", remedy)


def _address(places: Places, end: End, servers: Sequence[Server], step: Step) -> Why:
    claimed, owner = _claimed(step), _owner(places, end, step)
    if owner is not None:
        where = _learning(places, end, servers)
        return Why(Cause.FORGED_ADDRESS, f"{where} may not send from {claimed}: it is {owner}")
    known = [pair for server in servers for pair in server.addresses]
    own = listed(address_text(*pair) for pair in known) or "none that is known"
    place = places.words(places.server(servers[0].name)) if servers else ""
    message = f"{_port(end, servers)} may not send from {claimed}: its addresses are {own}{place}"
    remedy = f"add {claimed} to the ip of {servers[0].name}{place}" if servers else None
    return Why(Cause.FORGED_ADDRESS, message, remedy)


def _owner(places: Places, end: End, step: Step) -> str | None:
    """Whose an address is, on a port where many others would do."""
    fabric, claim = places.reading.fabric, claimed_in(step.registers)
    segment = fabric.declared.learned_segment(end)
    if claim is None or segment is None or fabric.declared.is_server_port(end):
        return None
    owner = fabric.directory.of_address(segment, claim)
    if owner is not None:
        return f"an address of {owner.name}{places.words(places.server(owner.name))}"
    gateway = claim in fabric.declared.gateways(segment)
    return f"the gateway of {segment}{places.words(places.segment(segment))}" if gateway else None


def _claimed(step: Step) -> str:
    found = claimed_in(step.registers)
    return address_text(*found) if found else address_text(step.frame.fields.get("ipv6_src", 0), 6)


def _taken(places: Places, end: End, servers: Sequence[Server], step: Step) -> Why:
    """A port that learns: the identity is declared for another."""
    used = step.frame.fields.get("eth_src", 0)
    fabric = places.reading.fabric
    owner = fabric.directory.of_mac(fabric.declared.learned_segment(end) or "", used)
    whose = f" of {owner.name}{places.words(places.server(owner.name))}" if owner else " of a declared server"
    where = _learning(places, end, servers)
    return Why(Cause.FORGED_MAC, f"{where} may not send as {mac_from_int(used)}: it is the MAC{whose}")


def _closed(places: Places, end: End) -> Why:
    trunk = places.reading.trunks.get(end)
    if trunk is not None:
        message = f"{trunk} ({end[0]} port {end[1]}) is a trunk, and no link of it has been found as declared"
        return Why(Cause.CLOSED_PORT, message, "wire it as declared, or declare it as it is wired")
    where = places.words(places.platform(end[0]))
    message = f"{end[0]} port {end[1]} is closed: nobody declared what is behind it{where}"
    return Why(Cause.CLOSED_PORT, message, "declare a server on this port, or undeclared: learn")
