"""What is expected of a packet beside what the bridges of this machine do with it, platform by platform."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

from apps.ovs_trace.actions import CONTROLLER, Execution, datapath_actions, port_numbers
from apps.ovs_trace.ask import LOCAL, NoAnswer, Ovs
from controller.control import Control
from controller.model.topology import End
from controller.rules.fields import VLAN_PRESENT
from controller.rules.outcome import Outcome, Step
from controller.rules.packet import Frame, build, parse
from controller.rules.rules import Group, GroupType
from controller.trace import CheckView, HopCheck, Traced

_HASHES: Final = 16
"""So many hashes lead into each bucket of a select group of a few (``ofproto-dpif``: at least 16 slots)."""
_MOST_HOPS: Final = 64
Sent: TypeAlias = Counter[tuple[int, tuple[int, ...]]]
"""How often a frame leaves by a port (`CONTROLLER`: to the controller) with these tags."""


@dataclass(frozen=True, slots=True)
class _Hop:
    """A packet as it comes to a platform, and what is expected there."""

    at: End
    data: bytes
    outcome: Outcome


def check_trace(control: Control, traced: Traced, ovs: Ovs = LOCAL) -> CheckView:
    """Ask the bridge of each platform on a packet's way, of 64 at most; takes some milliseconds for each."""
    bridges = _Bridges(control, ovs)
    hops = tuple(_check(bridges, hop, number) for number, hop in enumerate(_hops(traced)))
    results = {hop.result for hop in hops}
    if "differs" in results:
        return CheckView(result="differs", hops=hops)
    return CheckView(result="agree" if results == {"agree"} else "not_available", hops=hops)


def _hops(traced: Traced) -> Iterator[_Hop]:
    for at, outcome in traced.journey.visits:
        if outcome.steps:
            yield _Hop(at, frame_bytes(traced.packet.made.data, outcome.steps[0].frame), outcome)


def frame_bytes(sent: bytes, frame: Frame) -> bytes:
    """A frame on its way, made of the bytes that were sent: other tags, and other headers if it has some."""
    first = parse(sent)
    if _headers(first) != _headers(frame):
        return build(frame.fields, vlans=frame.vlans)
    tags = build({}, vlans=frame.vlans)[12:-2] if frame.vlans else b""
    return sent[:12] + tags + sent[12 + 4 * len(first.vlans) :]


def _headers(frame: Frame) -> dict[str, int]:
    return {name: value for name, value in frame.fields.items() if value and not name.startswith("vlan_")}


def _check(bridges: _Bridges, hop: _Hop, number: int) -> HopCheck:
    expected = _expected(hop.outcome)
    try:
        if number >= _MOST_HOPS:
            raise NoAnswer(f"only the first {_MOST_HOPS} platforms are asked")
        found = bridges.send(hop, expected)
    except (NoAnswer, ValueError) as problem:
        return _hop_check(hop, "not_available", str(problem), expected, Counter())
    if found == expected:
        return _hop_check(hop, "agree", "the bridge does the same", expected, found)
    late = " (it has not confirmed all rules yet)" if bridges.is_behind(hop.at[0]) else ""
    return _hop_check(hop, "differs", f"the bridge does something else{late}", expected, found)


def _hop_check(hop: _Hop, result: str, detail: str, expected: Sent, found: Sent) -> HopCheck:
    return HopCheck.model_validate(
        {
            "platform": hop.at[0],
            "port": hop.at[1],
            "result": result,
            "detail": detail,
            "expected": tuple(_say(expected)),
            "found": tuple(_say(found)),
        }
    )


def _say(sent: Sent) -> Iterator[str]:
    for (port, vlans), count in sorted(sent.items()):
        where = "to the controller" if port == CONTROLLER else f"port {port}"
        tags = f" with tags {', '.join(map(str, vlans))}" if vlans else ""
        yield f"{where}{tags}" + (f" {count} times" if count > 1 else "")


def _tags(frame: Frame) -> tuple[int, ...]:
    return tuple(tag & ~VLAN_PRESENT & 0xFFF for tag in frame.vlans)


def _expected(outcome: Outcome) -> Sent:
    copies = [(CONTROLLER, _tags(copy.frame)) for copy in outcome.copies]
    return Counter([*((out.port, _tags(out.frame)) for out in outcome.outputs), *copies])


def _shares(step: Step) -> bool:
    return isinstance(step.rule, Group) and step.rule.type is GroupType.SELECT and len(step.rule.buckets) > 1


class _Bridges:
    """The bridges of this machine, for the time of one comparison."""

    def __init__(self, control: Control, ovs: Ovs) -> None:
        self._control, self._ovs = control, ovs
        self._names: dict[str, str] = {}

    @cached_property
    def _shown(self) -> str:
        return self._ovs.appctl("dpif/show")

    def is_behind(self, platform: str) -> bool:
        """Whether a switch has rules to confirm."""
        switch = self._control.reconciler.switches[platform]
        return bool(switch.pending or switch.in_flight)

    def send(self, hop: _Hop, expected: Sent) -> Sent:
        """What a bridge does. A group that shares by hash leaves it open which way: any that is expected will do.

        Raises `NoAnswer`, or `ValueError` for an answer that cannot be read.
        """
        bridge = self._local(hop.at[0])
        ports = port_numbers(self._shown, bridge)
        shared = any(_shares(step) for step in hop.outcome.steps)
        found: Sent = Counter()
        for more in (f",dp_hash={number}" for number in range(1, _HASHES + 1)) if shared else ("",):
            text = self._ovs.appctl("ofproto/trace", bridge, f"in_port={hop.at[1]}{more}", hop.data.hex())
            found = _read(text, hop, ports)
            if found == expected:
                break
        return found

    def _local(self, platform: str) -> str:
        if platform not in self._names:
            self._names[platform] = self._find(platform)
        return self._names[platform]

    def _find(self, platform: str) -> str:
        """The name of a platform's bridge; raises `NoAnswer` where it is not a bridge of this machine."""
        if platform not in self._control.connected:
            raise NoAnswer(f"{platform} is not connected")
        bridge, address, *_ = self._control.bridge(platform)
        if address is not None and not address.startswith("unix:"):
            raise NoAnswer(f"{platform} is not on this machine: its database is at {address}")
        if bridge.startswith("-") or self._ovs.dpid_of(bridge) != self._control.connected[platform]:
            raise NoAnswer(f"{platform} is not on this machine: it has no bridge {bridge} with that dpid")
        return bridge


def _read(text: str, hop: _Hop, ports: dict[int, int]) -> Sent:
    execution = Execution(parse(hop.data), ports)
    execution.run(datapath_actions(text))
    return Counter((port, _tags(frame)) for port, frame in execution.sent)
