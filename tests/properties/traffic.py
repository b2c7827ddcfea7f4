"""What servers say to each other, followed over a fabric again and again: only what may have changed since."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from controller.model.addresses import mac_to_int
from controller.model.spec import Document, ServerSpec
from controller.model.topology import End
from controller.rules.packet import Frame, parse
from controller.rules.packet_build import build
from controller.verifier import Journey, Network, follow

BROADCAST, ALL_NODES = (1 << 48) - 1, 0x333300000001
_LIMITED, _FF02_1 = 0xFFFFFFFF, 0xFF02 << 112 | 1
VERSIONS = (4, 6)


@dataclass(frozen=True, eq=False)
class Probe:
    """A packet of one server to another, or (None) to all of its segment; `choice` decides where ways are equal."""

    name: str
    to: str | None
    start: End
    expected: frozenset[End]
    frame: Frame
    choice: int

    def follow(self, network: Network) -> Journey:
        """All that becomes of it: at the nth place where ways are equal the nth bit of `choice` decides."""
        left = self.choice

        def spread(_: Frame) -> int:
            nonlocal left
            chosen, left = left, left >> 1
            return chosen

        return follow(network, self.start, self.frame, spread)


@dataclass
class Traffic:
    """All probes of a document's servers, with what became of each when it was last followed."""

    probes: list[Probe]
    journeys: dict[Probe, Journey] = field(default_factory=dict)
    _at: dict[Probe, frozenset[str]] = field(default_factory=dict)

    def follow(self, network: Network, changed: Collection[str] | None = None) -> Iterator[tuple[Probe, Journey]]:
        """Follow all, or those that came by switches where something has changed."""
        for probe in self.probes:
            if changed is None or not self._at[probe].isdisjoint(changed):
                journey = self.journeys[probe] = probe.follow(network)
                self._at[probe] = frozenset(end[0] for end, _ in journey.visits)
                yield probe, journey


def traffic_of(document: Document, choices: int = 4, versions: Collection[int] = VERSIONS) -> Traffic:
    """Every server to every other of its segment, and to all of them, in each version."""
    probes: list[Probe] = []
    for name, server in document.servers.items():
        others = {other: spec for other, spec in document.servers.items() if other != name}
        segment = {other: spec for other, spec in others.items() if spec.segment == server.segment}
        for version in versions:
            for other, spec in segment.items():
                frame, place = _frame(server, version, spec), frozenset({(spec.platform, spec.port)})
                label = f"{name} to {other}, IPv{version}"
                probes += [Probe(label, other, (server.platform, server.port), place, frame, n) for n in range(choices)]
            everyone = frozenset((spec.platform, spec.port) for spec in segment.values())
            flooded = _frame(server, version, None)
            start = (server.platform, server.port)
            probes.append(Probe(f"{name} to all, IPv{version}", None, start, everyone, flooded, 0))
    return Traffic(probes)


def _frame(sender: ServerSpec, version: int, to: ServerSpec | None) -> Frame:
    fields = {"eth_src": mac_to_int(sender.mac or "")}
    source = next(int(address) for address in sender.ip if address.version == version)
    if to is None:
        target, fields["eth_dst"] = (_LIMITED, BROADCAST) if version == 4 else (_FF02_1, ALL_NODES)
    else:
        target = next(int(address) for address in to.ip if address.version == version)
        fields["eth_dst"] = mac_to_int(to.mac or "")
    names = ("ipv4_src", "ipv4_dst") if version == 4 else ("ipv6_src", "ipv6_dst")
    fields |= {"eth_type": 0x0800 if version == 4 else 0x86DD, "ip_proto": 17}
    return parse(build({**fields, names[0]: source, names[1]: target}))


def twice(journey: Journey) -> list[End]:
    """Ports that anything was delivered to more than once."""
    reached = [(found.platform, found.port) for found in journey.deliveries]
    return sorted({end for end in reached if reached.count(end) > 1})


def sent_by(journey: Journey) -> set[End]:
    """The ports that it left a switch by."""
    return {(end[0], out.port) for end, outcome in journey.visits for out in outcome.outputs}


def told(journey: Journey) -> str:
    """A journey for people: where it came by, and where it ended."""
    way = " ".join(f"{platform}:{port}" for (platform, port), _ in journey.visits[:30])
    ends = [f"{drop.platform}: {drop.reason}" for drop in journey.drops]
    return f"by {way}; delivered to {sorted(journey.reached)}; dropped: {ends}; round at {journey.loops}"
