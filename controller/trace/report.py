"""The answer to a trace, as a document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from controller.model.topology import End
from controller.rules.outcome import Outcome, Step
from controller.rules.packet import Frame
from controller.rules.readable import frame_changes, frame_text, registers_text
from controller.rules.rules import FlowEntry, Group
from controller.rules.tables import Reason
from controller.trace.places import OwnerView, Places
from controller.trace.reasons import Cause
from controller.verifier import Journey, Network
from controller.views.resource import View
from controller.walk import step_asks, step_does, step_place

Verdict: TypeAlias = Literal["delivered", "dropped", "to_controller", "looped"]
Comparison: TypeAlias = Literal["agree", "differs", "not_available"]


class StepView(View):
    """A rule that the packet met: an entry of a table, or a bucket of a group."""

    where: str
    """``table forward``, ``link group of port 21, bucket 0``."""
    table: int | None
    priority: int | None
    group: int | None
    bucket: int | None
    match: str
    actions: str
    owner: OwnerView | None
    """None: nothing matched."""
    registers: dict[str, str]
    """What the switch has noted of the packet, as it came to this step."""
    changed: tuple[str, ...]
    """What of the packet has changed since it came to this platform."""


class OutputView(View):
    """A port by which the packet, or a copy of it, leaves a platform."""

    port: int
    port_name: str
    link: str | None
    """None: no link, a server's port."""
    up: bool
    packet: str
    changed: tuple[str, ...]


class VisitView(View):
    """What became of the packet on one platform."""

    platform: str
    port: int
    port_name: str
    link: str | None
    """The link that it came by; None: it came in here."""
    packet: str
    steps: tuple[StepView, ...]
    notes: tuple[str, ...]
    """What was held back, and why."""
    outputs: tuple[OutputView, ...]
    to_controller: tuple[str, ...]
    """Why copies go to the controller."""


class DeliveryView(View):
    """A port where the packet leaves the fabric, and who is there."""

    platform: str
    port: int
    port_name: str
    servers: tuple[str, ...]
    packet: str
    changed: tuple[str, ...]
    """What is not as it was sent."""


class PacketView(View):
    """The packet that was followed."""

    hex: str
    text: str
    platform: str
    port: int
    source: str | None
    target: str | None


class HopCheck(View):
    """What a real switch does with the packet on one platform, beside what is expected of it."""

    platform: str
    port: int
    result: Comparison
    detail: str
    expected: tuple[str, ...]
    found: tuple[str, ...]


class CheckView(View):
    """The comparison with ``ofproto/trace``, platform by platform."""

    result: Comparison
    """`differs` where one does; `agree` where all do."""
    hops: tuple[HopCheck, ...]


class TraceView(View):
    """The answer: what becomes of a packet when every switch holds what it should."""

    verdict: Verdict
    reason: Cause | None
    message: str
    remedy: str | None
    """Which change would let it pass."""
    basis: Literal["wanted"] = "wanted"
    """The rules that were followed: those that switches should hold."""
    confirmed: bool
    """Whether all switches on the way have confirmed these rules."""
    notes: tuple[str, ...]
    """What had to be assumed."""
    packet: PacketView
    deliveries: tuple[DeliveryView, ...]
    loops: tuple[str, ...]
    visits: tuple[VisitView, ...]
    check: CheckView | None = None


@dataclass(frozen=True, slots=True)
class Teller:
    """Turns a journey into views."""

    places: Places
    network: Network

    def visits(self, journey: Journey) -> Iterator[VisitView]:
        """The platforms in order."""
        for (platform, port), outcome in journey.visits:
            end = (platform, port)
            arrived = _arrived(outcome)
            yield VisitView(
                platform=platform,
                port=port,
                port_name=self._name(end),
                link=self._link(end),
                packet=frame_text(arrived) if arrived else "",
                steps=tuple(self._step(step, arrived or step.frame) for step in outcome.steps),
                notes=outcome.notes,
                outputs=tuple(self._outputs(platform, outcome, arrived)),
                to_controller=tuple(_why_copied(copy.reason) for copy in outcome.copies),
            )

    def deliveries(self, journey: Journey, sent: Frame) -> Iterator[DeliveryView]:
        """Where it left the fabric."""
        for found in journey.deliveries:
            end = (found.platform, found.port)
            yield DeliveryView(
                platform=found.platform,
                port=found.port,
                port_name=self._name(end),
                servers=self.places.reading.servers_at.get(end, ()),
                packet=frame_text(found.frame),
                changed=frame_changes(sent, found.frame),
            )

    def _name(self, end: End) -> str:
        return self.places.reading.fabric.port_name(end)

    def _link(self, end: End) -> str | None:
        return self.places.reading.link_at.get(end) if end in self.network.links else None

    def _outputs(self, platform: str, outcome: Outcome, arrived: Frame | None) -> Iterator[OutputView]:
        for out in outcome.outputs:
            end = (platform, out.port)
            yield OutputView(
                port=out.port,
                port_name=self._name(end),
                link=self._link(end),
                up=self.network.is_up(end),
                packet=frame_text(out.frame),
                changed=frame_changes(arrived or out.frame, out.frame),
            )

    def _step(self, step: Step, arrived: Frame) -> StepView:
        rule = step.rule
        return StepView(
            where=step_place(step),
            table=step.table,
            priority=rule.priority if isinstance(rule, FlowEntry) else None,
            group=rule.number if isinstance(rule, Group) else None,
            bucket=step.bucket,
            match=step_asks(step),
            actions=step_does(step),
            owner=self.places.owner(step.owner) if step.owner else None,
            registers=registers_text(step.registers),
            changed=frame_changes(arrived, step.frame),
        )


def _arrived(outcome: Outcome) -> Frame | None:
    return outcome.steps[0].frame if outcome.steps else None


_COPIED = {
    Reason.MAC: "a violation: its MAC",
    Reason.ADDRESS: "a violation: its address",
    Reason.LEARN_MAC: "to learn its MAC",
    Reason.LEARN_ADDRESS: "to learn its address",
    Reason.DISCOVERY: "discovery",
    Reason.TAGGED: "a violation: its tags",
}


def _why_copied(reason: int) -> str:
    return _COPIED[Reason(reason)] if reason in tuple(Reason) else "a violation"
