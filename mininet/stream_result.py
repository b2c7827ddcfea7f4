"""What became of a stream: lost, duplicated, reordered, and the longest time without an arrival."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.float64]
Numbers = NDArray[np.int64]
_NAMED = 8
"""So many lost datagrams are named one by one."""


@dataclass(frozen=True)
class Flow:
    """From a server to another; `flooded`: by broadcast (IPv4) or to all nodes (IPv6, ff02::1)."""

    source: str
    target: str
    version: int = 4
    flooded: bool = False

    @property
    def sender(self) -> tuple[str, ...]:
        """What flows have in common that share their datagrams: all flooded ones of a server and IP version."""
        return (self.source, str(self.version), "" if self.flooded else self.target)

    def __str__(self) -> str:
        kind = f"IPv{self.version}{', flooded' if self.flooded else ''}"
        return f"{self.source} → {self.target} ({kind})"


@dataclass(frozen=True)
class Stall:
    """The stream's own process came late: the machine was busy, and datagrams were neither sent nor lost."""

    at: float
    lasted_s: float


@dataclass(frozen=True)
class FlowResult:
    """One flow: when each datagram was sent (by number), and which numbers arrived when. Monotonic seconds."""

    flow: Flow
    sent_at: Times
    unsent_at: Times
    """When the sending server's own kernel refused: no carrier, no route, no neighbour."""
    numbers: Numbers
    arrived_at: Times
    first: int = 0
    """The number of the first datagram in `sent_at`."""

    @property
    def sent(self) -> int:
        """Datagrams that left the server."""
        return len(self.sent_at)

    @cached_property
    def _counts(self) -> Numbers:
        """How often each arrived."""
        counts: Numbers = np.bincount(self.numbers - self.first, minlength=self.sent).astype(np.int64)
        return counts

    @cached_property
    def lost_at(self) -> Times:
        """When those were sent that never arrived."""
        times: Times = self.sent_at[self._counts[: self.sent] == 0]
        return times

    @property
    def lost(self) -> int:
        """Datagrams that left the server and never arrived."""
        return len(self.lost_at)

    @property
    def duplicated(self) -> int:
        """Arrivals of what had arrived before."""
        return int(np.maximum(self._counts - 1, 0).sum())

    @property
    def reordered(self) -> int:
        """Those that arrived after one with a higher number."""
        _, first_times = np.unique(self.numbers, return_index=True)
        first_arrivals = self.numbers[np.sort(first_times)]
        return int((first_arrivals < np.maximum.accumulate(first_arrivals)).sum())

    @cached_property
    def delays_s(self) -> Times:
        """From sending to arrival, for each arrival."""
        delays: Times = self.arrived_at - self.sent_at[self.numbers - self.first]
        return delays

    @cached_property
    def _gaps(self) -> Times:
        gaps: Times = np.diff(np.sort(self.arrived_at))
        return gaps

    @property
    def longest_gap_s(self) -> float:
        """The longest time between two arrivals, the machine's own stalls included."""
        return float(self._gaps.max()) if len(self._gaps) else 0.0

    def between(self, start: float, end: float) -> FlowResult:
        """What was sent in this time, and what became of it."""
        first, beyond = (int(np.searchsorted(self.sent_at, at)) for at in (start, end))
        theirs = (self.numbers >= self.first + first) & (self.numbers < self.first + beyond)
        unsent = self.unsent_at[(self.unsent_at >= start) & (self.unsent_at < end)]
        sent = self.sent_at[first:beyond]
        return FlowResult(self.flow, sent, unsent, self.numbers[theirs], self.arrived_at[theirs], self.first + first)

    def __str__(self) -> str:
        """One line."""
        text = f"{self.flow}: {self.lost} of {self.sent} lost, {self.duplicated} duplicated"
        text += f", longest gap {self.longest_gap_s * 1000:.1f} ms"
        return text + (f", {len(self.unsent_at)} not sent" if len(self.unsent_at) else "")


@dataclass(frozen=True)
class StreamResult:
    """All flows of a stream."""

    flows: tuple[FlowResult, ...]
    stalls: tuple[Stall, ...] = ()
    overflown: int = 0
    """Datagrams that reached a server and found the stream's own buffer full: no fault of the fabric."""
    overrun: int = 0
    """Packets that found no room at a port of a bridge because the machine was busy: none of its rules saw them."""
    events: dict[str, float] = field(default_factory=dict)
    """Whatever the user of the stream wants to remember, with its time."""

    @property
    def sent(self) -> int:
        """Datagrams that left their servers; one that is flooded counts on each of its flows."""
        return sum(flow.sent for flow in self.flows)

    @property
    def lost(self) -> int:
        """Over all flows."""
        return sum(flow.lost for flow in self.flows)

    @property
    def duplicated(self) -> int:
        """Over all flows."""
        return sum(flow.duplicated for flow in self.flows)

    @property
    def reordered(self) -> int:
        """Over all flows."""
        return sum(flow.reordered for flow in self.flows)

    @property
    def longest_gap_s(self) -> float:
        """Of all flows."""
        return max((flow.longest_gap_s for flow in self.flows), default=0.0)

    @property
    def longest_stall_s(self) -> float:
        """How late the stream's own process was at worst."""
        return max((stall.lasted_s for stall in self.stalls), default=0.0)

    @property
    def unexplained(self) -> int:
        """Lost datagrams, each counted once, beyond those that found no room because the machine was busy."""
        lost: dict[tuple[str, ...], set[float]] = {}
        for found in self.flows:
            lost.setdefault(found.flow.sender, set()).update(found.lost_at.tolist())
        return max(sum(map(len, lost.values())) - self.overrun - self.overflown, 0)

    @property
    def clean(self) -> bool:
        """The fabric lost nothing, and delivered nothing twice."""
        return not (self.unexplained or self.duplicated)

    def flow(self, source: str, target: str) -> FlowResult:
        """The first flow between these servers; raises `KeyError`."""
        for found in self.flows:
            if (found.flow.source, found.flow.target) == (source, target):
                return found
        raise KeyError(f"{source} → {target}")

    def without(self, server: str) -> StreamResult:
        """The flows that a server has no part in."""
        others = tuple(found for found in self.flows if server not in (found.flow.source, found.flow.target))
        return replace(self, flows=others)

    def between(self, start: float, end: float) -> StreamResult:
        """What was sent in this time, and what became of it."""
        stalls = tuple(stall for stall in self.stalls if start <= stall.at < end)
        return replace(self, flows=tuple(flow.between(start, end) for flow in self.flows), stalls=stalls)

    def __str__(self) -> str:
        """A line for each flow, then where the losses were."""
        return "\n".join((*map(str, self.flows), *self._losses(), *self._own()))

    def _losses(self) -> Iterator[str]:
        start = min((flow.sent_at[0] for flow in self.flows if flow.sent), default=0.0)
        for found in self.flows:
            times = ", ".join(f"{at - start:.3f}" for at in found.lost_at[:_NAMED])
            if times:
                yield f"{found.flow}: sent and lost at {times}{' …' if found.lost > _NAMED else ''} s"
        if self.lost or self.duplicated:
            yield from (f"{name} at {at - start:.3f} s" for name, at in self.events.items())

    def _own(self) -> Iterator[str]:
        if self.stalls:
            yield f"the stream itself came late {len(self.stalls)} times, {self.longest_stall_s * 1000:.1f} ms at most"
        if self.overrun:
            yield f"{self.overrun} packets found no room at a port, since the machine was busy: no rule saw them"
        if self.overflown:
            yield f"{self.overflown} arrived and found no room in the stream's buffers"

    def as_json(self) -> dict[str, Any]:
        """For a result file."""
        return {
            "sent": self.sent,
            "lost": self.lost,
            "duplicated": self.duplicated,
            "reordered": self.reordered,
            "longest_gap_ms": round(self.longest_gap_s * 1000, 3),
            "overrun": self.overrun,
            "longest_stall_ms": round(self.longest_stall_s * 1000, 3),
            "flows": [_flow_as_json(flow) for flow in self.flows],
        }


def _flow_as_json(found: FlowResult) -> dict[str, Any]:
    return {
        "from": found.flow.source,
        "to": found.flow.target,
        "version": found.flow.version,
        "flooded": found.flow.flooded,
        "sent": found.sent,
        "unsent": len(found.unsent_at),
        "lost": found.lost,
        "duplicated": found.duplicated,
        "longest_gap_ms": round(found.longest_gap_s * 1000, 3),
    }
