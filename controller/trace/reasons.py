"""Why a packet ends, in words, and which change would let it pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from controller.model.links import LinkState, link_state
from controller.model.topology import End, Link
from controller.model.wording import listed
from controller.rules.outcome import Step
from controller.rules.readable import frame_text
from controller.rules.rules import FlowEntry, Group
from controller.rules.tables import GroupKind, Priority, Table
from controller.trace.guards import refused_by_guard
from controller.trace.packets import Packet
from controller.trace.places import Places
from controller.trace.why import Cause, Why
from controller.verifier import Drop, Journey, Network

__all__ = ["Cause", "Why", "explain_drop"]
_NAMED_LINKS = 3


@dataclass(frozen=True, slots=True)
class _Case:
    """All that an explanation looks at."""

    places: Places
    network: Network
    packet: Packet
    journey: Journey


def explain_drop(places: Places, network: Network, packet: Packet, journey: Journey) -> Why:
    """Why a packet does not arrive: what its sender did, for whom it is, then where it ended."""
    case = _Case(places, network, packet, journey)
    drops = sorted(journey.drops, key=lambda drop: not _is_violation(drop))
    first = drops[0] if drops else None
    if first and first.step and _is_violation(first):
        return refused_by_guard(places, packet, first.platform, first.step)
    early = _stopped_at_entry(case, first) if first else None
    return early or _wrong_aim(case) or (_ended(case, first) if first else _nowhere(case))


def _is_violation(drop: Drop) -> bool:
    return drop.step is not None and drop.step.table == Table.VIOLATION


def _stopped_at_entry(case: _Case, drop: Drop) -> Why | None:
    step = drop.step
    table = step.table if step else None
    if table == Table.PORT:
        message = f"frames of link protocols such as {frame_text(case.packet.made.frame)} are not forwarded by bridges"
        return Why(Cause.LINK_PROTOCOL, message)
    if table == Table.STORM:
        servers = case.places.reading.servers_at.get(case.packet.at, ())
        limit = case.places.reading.fabric.declared.storm(case.packet.at)
        port = f"{drop.platform} port {case.packet.at[1]} ({listed(servers)})"
        place = case.places.server(servers[0]) if servers else None
        remedy = f"raise storm{case.places.words(place)}"
        return Why(Cause.STORM, f"{port} floods more than {limit} packets/s, its share: {drop.reason}", remedy)
    if table == Table.LABEL:
        end = case.places.reading.end_name(case.packet.at)
        return Why(Cause.NO_LABEL, f"{end} takes frames with a label of this fabric alone: this one has none")
    return None


def _wrong_aim(case: _Case) -> Why | None:
    """It could not arrive, however it was carried."""
    sender, target, places = case.packet.sender, case.packet.target, case.places
    if sender and target and sender.segment != target.segment:
        one, other = places.words(places.server(sender.name)), places.words(places.server(target.name))
        where = f"{sender.name} is in segment {sender.segment}{one}, {target.name} in segment {target.segment}{other}"
        remedy = f"declare both in one segment: {target.name} in {sender.segment}, or {sender.name} in {target.segment}"
        return Why(Cause.OTHER_SEGMENT, f"{where}: segments are closed to each other", remedy)
    if case.packet.asks and sender and target is None:
        message = f"nobody in segment {sender.segment} is known by the address that is asked for"
        remedy = "declare a server with that address, or let the one that has it speak where servers are learned"
        return Why(Cause.UNKNOWN_DESTINATION, message, remedy)
    return None


def _ended(case: _Case, drop: Drop) -> Why:
    dead = next(_dead_ends(case), None)
    if dead is not None:
        return _port_down(case, dead)
    if "TTL" in drop.reason:
        return Why(Cause.TTL, f"{drop.platform}: {drop.reason}", "send it with a larger TTL")
    step = drop.step
    if step and _leads_away(step):
        return _no_path(case, drop.platform)
    if step and step.table == Table.FORWARD:
        message = f"{drop.platform} has no server for {frame_text(step.frame)}: what comes by a link is not flooded"
        return Why(Cause.UNKNOWN_DESTINATION, message, "declare the server, or let it speak")
    if step and (step.table == Table.FLOOD or _is_group(step, GroupKind.FLOOD)):
        return _alone(case, drop.platform)
    return Why(Cause.OTHER, f"{drop.platform}: {drop.reason}")


def _nowhere(case: _Case) -> Why:
    """It left by ports, and not by the one that its receiver is at."""
    target = case.packet.target
    known = f"not to {target.name} at {target.platform} port {target.port}" if target else "to nobody"
    return Why(Cause.OTHER, f"it is carried, but {known}")


def _dead_ends(case: _Case) -> Iterator[End]:
    for (platform, _), outcome in case.journey.visits:
        for out in outcome.outputs:
            if not case.network.is_up((platform, out.port)):
                yield (platform, out.port)


def _port_down(case: _Case, end: End) -> Why:
    reading = case.places.reading
    link = reading.link_at.get(end) if end in case.network.links else None
    if link is not None:
        return Why(Cause.NO_PATH, f"link {link} is down, and its bypass too", f"mend {link}")
    servers = listed(reading.servers_at.get(end, ())) or "nobody"
    message = f"{end[0]} port {end[1]} ({servers}) is down"
    return Why(Cause.PORT_DOWN, message, "plug its cable in, or start the server")


def _is_group(step: Step, kind: GroupKind) -> bool:
    return isinstance(step.rule, Group) and step.rule.number >> 28 == kind


def _leads_away(step: Step) -> bool:
    """Whether a packet ended on its way out by a link: no next hop, or none that is up."""
    forwarded = isinstance(step.rule, FlowEntry) and step.table == Table.FORWARD and step.rule.priority != Priority.MISS
    return forwarded or any(_is_group(step, kind) for kind in (GroupKind.PLATFORM, GroupKind.LINK))


def _no_path(case: _Case, platform: str) -> Why:
    target = case.packet.target
    where = f"from {platform}" + (f" to {target.platform} ({target.name})" if target else "")
    down = sorted(_links_down(case), key=lambda link: (platform not in dict(link.ends), link.name))
    if not down:
        return Why(Cause.NO_PATH, f"no path {where}: no links lead there", "join them by a link")
    said = [_say_link(case, link) for link in down]
    more = f" and {len(down) - _NAMED_LINKS} more" if len(down) > _NAMED_LINKS else ""
    remedy = " or ".join(_remedy(case, link) for link in down[:_NAMED_LINKS])
    return Why(Cause.NO_PATH, f"no path {where}: {', '.join(said[:_NAMED_LINKS])}{more}", remedy)


def _say_link(case: _Case, link: Link) -> str:
    return f"link {link.name}{case.places.words(case.places.link(link.name))} is {_state(case, link)}"


def _links_down(case: _Case) -> Sequence[Link]:
    routing = case.places.reading.routing
    down = case.network.down
    return [link for name, link in routing.known.items() if name not in routing.live or not down.isdisjoint(link.ends)]


def _is_shut(case: _Case, link: Link) -> bool:
    return case.places.reading.routing.admin(link) == "down"


def _remedy(case: _Case, link: Link) -> str:
    return f"set the admin of {link.name} (or its platform) to up" if _is_shut(case, link) else f"mend {link.name}"


def _state(case: _Case, link: Link) -> str:
    if _is_shut(case, link):
        return "shut by an override"
    state = link_state(case.places.reading.fabric.wiring, link)
    return LinkState.DOWN.value if state is LinkState.UP else state.value


def _alone(case: _Case, platform: str) -> Why:
    segment = case.packet.sender.segment if case.packet.sender else "its segment"
    message = f"nobody else of segment {segment} is within reach of {platform}"
    return Why(Cause.ALONE, message, f"declare more servers in {segment}, or mend the links to them")
