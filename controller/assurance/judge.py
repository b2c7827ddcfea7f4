"""Whether what became of a packet is what should have."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from controller.assurance.faults import Fault, FaultKind
from controller.assurance.probes import Probe, Purpose
from controller.assurance.scene import Place, Scene, place_of
from controller.rules.readable import frame_text
from controller.verifier import Delivery, Journey
from controller.walk import walk_lines

_MOST_STEPS = 100
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, in a sentence about the packet."""

    kind: FaultKind
    what: str


def judge(scene: Scene, probe: Probe, journey: Journey, failed: str | None = None) -> Fault | None:
    """The fault that a packet's journey shows; `failed` is the link that was down on the way."""
    arrived = Counter(_place(delivery) for delivery in journey.deliveries)
    found = _looped(journey) or _crossed(scene, probe, arrived) or _missed(scene, probe, journey, arrived)
    found = found or _multiplied(scene, probe, arrived)
    return _fault(probe, journey, found, failed) if found else None


def _place(delivery: Delivery) -> Place:
    vlans = delivery.frame.vlans
    return (delivery.platform, delivery.port, vlans[0] & 0xFFF if vlans else None)


def expected(scene: Scene, probe: Probe) -> frozenset[Place]:
    """Where a packet must arrive: within reach of its sender, and not on the sender's own port."""
    sender = probe.sender
    if probe.purpose is Purpose.CROSS:
        return frozenset()
    if probe.purpose is Purpose.REACH and probe.target:
        wanted = frozenset((place_of(probe.target),))
    else:
        wanted = scene.members.get(sender.segment, frozenset())
    return frozenset(p for p in wanted if p[:2] != sender.end and scene.joined(sender.platform, p[0]))


def _looped(journey: Journey) -> Verdict | None:
    if not journey.loops:
        return None
    platform, port = journey.loops[0]
    return Verdict(FaultKind.LOOP, f"comes by {platform} port {port} again and again")


def _crossed(scene: Scene, probe: Probe, arrived: Counter[Place]) -> Verdict | None:
    own = probe.sender.segment
    if probe.purpose is Purpose.ASK and place_of(probe.sender) in arrived and not _is_known(scene, probe):
        return Verdict(FaultKind.CROSSED, f"is answered, though {own} and {_segment(probe)} are closed to each other")
    ports = {place[:2] for place in scene.members.get(own, ())}
    for place in sorted(arrived, key=str):
        others = scene.segments_at.get(place, frozenset())
        if own not in others and (others or place[:2] not in ports):
            where = f"segment {', '.join(sorted(others))}" if others else "no segment"
            return Verdict(FaultKind.CROSSED, f"arrives at {scene.say(place)}, which is in {where} and not in {own}")
    return None


def _is_known(scene: Scene, probe: Probe) -> bool:
    """Whether the address asked for is also one of the sender's own segment."""
    addresses = probe.target.addresses[:1] if probe.target else ()
    return any(scene.fabric.directory.of_address(probe.sender.segment, address) for address in addresses)


def _segment(probe: Probe) -> str:
    return probe.target.segment if probe.target else probe.sender.segment


def _missed(scene: Scene, probe: Probe, journey: Journey, arrived: Counter[Place]) -> Verdict | None:
    if probe.purpose is Purpose.ASK and _is_known(scene, probe):
        return None
    missing = sorted(expected(scene, probe) - arrived.keys(), key=str)
    if not missing:
        return None
    named = ", ".join(scene.say(place) for place in missing[:_MOST_NAMED])
    more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
    why = f": {journey.drops[0].platform}: {journey.drops[0].reason}" if journey.drops else ""
    return Verdict(FaultKind.LOST, f"does not arrive at {named}{more}, though links that are up lead there{why}")


def _multiplied(scene: Scene, probe: Probe, arrived: Counter[Place]) -> Verdict | None:
    often = [place for place in sorted(arrived, key=str) if arrived[place] > 1]
    if often:
        return Verdict(FaultKind.DUPLICATE, f"arrives {arrived[often[0]]} times at {scene.say(often[0])}")
    stray = arrived.keys() - expected(scene, probe) if probe.purpose is Purpose.REACH else set()
    if stray:
        return Verdict(FaultKind.DUPLICATE, f"arrives at {scene.say(min(stray, key=str))} as well")
    return None


def _fault(probe: Probe, journey: Journey, found: Verdict, failed: str | None) -> Fault:
    target = probe.target.name if probe.target else probe.sender.segment
    to = f"flooded in {target}" if probe.purpose is Purpose.FLOOD else f"for {target}"
    when = f" while {failed} is down" if failed else ""
    message = f"a packet of {probe.sender.name} {to} {found.what}{when} ({frame_text(probe.made.frame)})"
    steps = tuple(walk_lines(journey))
    cut = (f"… {len(steps) - _MOST_STEPS} more steps",) if len(steps) > _MOST_STEPS else ()
    frame = probe.made.data.hex()
    return Fault(found.kind, message, frame, probe.sender.name, target, failed, (*steps[:_MOST_STEPS], *cut))
