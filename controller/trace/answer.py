"""From a question to its answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.control import Control
from controller.expected import wanted_network
from controller.model.topology import End
from controller.model.wording import did_you_mean, listed, quoted
from controller.rules.readable import frame_text
from controller.rules.rules import Group, GroupType
from controller.rules.tables import MeterKind, Reason, meter_number
from controller.trace.packets import Packet, make_packet
from controller.trace.places import Lines, Places
from controller.trace.question import TraceQuestion, UnknownName
from controller.trace.reasons import Why, explain_drop
from controller.trace.report import PacketView, Teller, TraceView, Verdict
from controller.verifier import Delivery, Journey, Network, follow
from controller.views.reading import Reading

_NAMED = 8
_ANSWERS = (("arp_op", 2), ("icmpv6_type", 136))


@dataclass(frozen=True, slots=True)
class Traced:
    """The answer, and what it was told from."""

    view: TraceView
    packet: Packet
    journey: Journey


def trace(control: Control, question: TraceQuestion, lines: Lines | None = None) -> Traced:
    """Follow a packet through the rules that switches should hold; `lines` is the document's text, where known.

    Raises `UnknownName` and `BadQuestion`.
    """
    reading = Reading(control)
    packet = make_packet(control.fabric, question)
    network = _as_asked(control, question)
    exceeded = frozenset((meter_number(MeterKind.STORM, packet.at[1]),)) if question.storm else frozenset()
    journey = follow(network, packet.at, packet.made.frame, exceeded=exceeded)
    places = Places(reading, lines or Lines())
    return Traced(_view(places, network, packet, journey), packet, journey)


def _as_asked(control: Control, question: TraceQuestion) -> Network:
    network, known = wanted_network(control), control.routing.known
    for name in question.down:
        if name not in known:
            raise UnknownName(f"there is no link {quoted(name)}{did_you_mean(name, known)}")
    down = {end for name in question.down for end in known[name].ends}
    return Network(network.tables, network.links, network.down | down)


def _view(places: Places, network: Network, packet: Packet, journey: Journey) -> TraceView:
    verdict = _verdict(packet, journey)
    why = explain_drop(places, network, packet, journey) if verdict == "dropped" else None
    teller = Teller(places, network)
    return TraceView(
        verdict=verdict,
        reason=why.cause if why else None,
        message=_message(places, verdict, why, packet, journey),
        remedy=why.remedy if why else None,
        confirmed=_confirmed(places.reading.control, journey),
        notes=(*packet.notes, *_shared(journey)),
        packet=_packet(packet),
        deliveries=tuple(teller.deliveries(journey, packet.made.frame)),
        loops=tuple(places.reading.end_name(end) for end in journey.loops),
        visits=tuple(teller.visits(journey)),
    )


def _packet(packet: Packet) -> PacketView:
    return PacketView(
        hex=packet.made.data.hex(),
        text=frame_text(packet.made.frame),
        platform=packet.at[0],
        port=packet.at[1],
        source=packet.sender.name if packet.sender else None,
        target=packet.target.name if packet.target else None,
    )


def _verdict(packet: Packet, journey: Journey) -> Verdict:
    """A packet for somebody is delivered when it is there; a question also when it is answered.

    What is copied to be learned or because it is a violation goes on to another fate; discovery does not.
    """
    if journey.loops:
        return "looped"
    if _arrived(packet, journey):
        return "delivered"
    handed_over = any(copy.reason == Reason.DISCOVERY for _, copy in journey.copies)
    return "to_controller" if handed_over else "dropped"


def _arrived(packet: Packet, journey: Journey) -> bool:
    if packet.target is None:
        return bool(journey.deliveries) and not packet.asks
    wanted = (*packet.target.end, packet.target.vlan)
    return any(_place(found) == wanted for found in journey.deliveries) or _answer(packet, journey) is not None


def _place(found: Delivery) -> tuple[str, int, int | None]:
    vlans = found.frame.vlans
    return (found.platform, found.port, vlans[0] & 0xFFF if vlans else None)


def _answer(packet: Packet, journey: Journey) -> Delivery | None:
    """What a switch itself answered to a question."""
    back = (found for found in journey.deliveries if (found.platform, found.port) == packet.at)
    return next((found for found in back if any(found.frame.fields.get(n) == v for n, v in _ANSWERS)), None)


def _message(places: Places, verdict: Verdict, why: Why | None, packet: Packet, journey: Journey) -> str:
    if why is not None:
        return why.message
    if verdict == "looped":
        return f"it comes by {listed(sorted({places.reading.end_name(end) for end in journey.loops}))} again and again"
    if verdict == "to_controller":
        return f"{journey.visits[0][0][0]} hands it to the controller, and sends it nowhere else"
    answer = _answer(packet, journey)
    if answer is not None:
        return f"{answer.platform} answers it itself: {frame_text(answer.frame)}"
    reached = list(dict.fromkeys(_who(places, (found.platform, found.port)) for found in journey.deliveries))
    more = f" and {len(reached) - _NAMED} more" if len(reached) > _NAMED else ""
    return f"it arrives at {listed(reached[:_NAMED])}{more}"


def _who(places: Places, end: End) -> str:
    servers = listed(places.reading.servers_at.get(end, ()))
    return f"{servers} ({end[0]} port {end[1]})" if servers else f"{end[0]} port {end[1]}"


def _shared(journey: Journey) -> Iterator[str]:
    """Where a switch would choose by hash."""
    for (platform, _), outcome in journey.visits:
        for step in outcome.steps:
            if isinstance(step.rule, Group) and step.rule.type is GroupType.SELECT and len(step.rule.buckets) > 1:
                ways = len(step.rule.buckets)
                yield f"{platform} chooses one of {ways} equal ways by hash: this is one of them"


def _confirmed(control: Control, journey: Journey) -> bool:
    switches = [control.reconciler.switches[platform] for (platform, _), _ in journey.visits]
    return all(switch.connected and not switch.pending and not switch.in_flight for switch in switches)
