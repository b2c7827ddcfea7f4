"""Faults under a probe every millisecond, one after the other: what each cost, and what its end cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import networkx as nx
from addressing import CARD, mac_of
from breakages import Breakage, Choice, Finder, kind_of
from commands import ip
from sides import SETTLED_S, Side, flaps
from steps import wait_for
from stream import Flow, Stream, StreamResult, overruns
from taps import arriving, joined, ways_of

from controller.model.spec import Document

if TYPE_CHECKING:
    from lab import Lab

_AROUND_S = 0.2
_IN_FLIGHT_S = 0.02
"""What was sent so shortly before a fault may still have been on its way."""
_AT_ONCE = 10
"""So many faults under one stream; the next has other UDP ports, and so other paths where there are several."""


class NothingToCut(Exception):
    """The flows pass nothing that may fail in this way."""


@dataclass(frozen=True)
class Cut:
    """What one fault cost, by kind of flow: the most that one flow lost, beyond what the machine dropped.

    `at_cut` has the kinds that passed what failed; `at_return` all. `back` tells whether all that had another way got
    through again before the fault was mended, and `back_s` after how long, some 30 ms more or less.
    """

    what: str
    at_cut: dict[str, int]
    at_return: dict[str, int]
    others: int
    """The most that a flow lost which did not pass what failed."""
    duplicated: int
    back: bool
    back_s: float
    overrun: int
    """Packets that found no room at a port because the machine was busy: taken off the losses."""
    false_alarms: tuple[str, ...]
    """Links that BFD gave up meanwhile although nothing had happened to them."""
    stall_s: float
    """How late the stream's own process was at worst."""


@dataclass
class _Mark:
    breakage: Breakage
    at: float
    drops: int
    flaps: dict[str, int]
    back: bool = True
    back_at: float = 0.0
    mended_at: float = 0.0
    drops_at_mend: int = 0


def measure_cuts(side: Side, find: Finder, count: int, choice: Choice, on_cut: Callable[[], None]) -> list[Cut]:
    """Make so many faults; raises `NothingToCut`, `StepFailed`, `StreamFailed`."""
    flows = flows_across(side.lab.document)
    introduce(side.lab, flows)
    cuts: list[Cut] = []
    while len(cuts) < count:
        with Stream(side.lab, flows) as stream:
            batch = _Batch(side, stream, choice)
            for _ in range(min(count - len(cuts), _AT_ONCE)):
                batch.cut(find)
                on_cut()
        cuts += batch.cuts(stream.result)
    return cuts


class _Batch:
    """The faults under one stream."""

    def __init__(self, side: Side, stream: Stream, choice: Choice) -> None:
        self._side, self._lab, self._stream, self._choice = side, side.lab, stream, choice
        self._marks: list[_Mark] = []
        self._await_all(stream.flows)

    def cut(self, find: Finder) -> None:
        """Break something that carries the flows; when they are back, mend it, and wait until all is well."""
        breakage = find(self._lab, ways_of(self._lab, self._stream), self._choice)
        if breakage is None or not breakage.suffering:
            raise NothingToCut("no flow passes what could fail and has another way")
        self._choice.note(breakage)
        before = flaps(self._lab)
        self._stream.go_on(_AROUND_S)
        mark = _Mark(breakage, time.monotonic(), self._drops(), before)
        self._marks.append(mark)
        breakage.act()
        mark.back = self._are_back(breakage.suffering)
        mark.back_at = time.monotonic()
        self._side.repaired(breakage)
        self._stream.go_on(_AROUND_S)
        mark.drops_at_mend, mark.mended_at = self._drops(), time.monotonic()
        breakage.mend()
        self._side.settled(breakage)
        self._await_all(self._stream.flows)
        self._stream.go_on(_AROUND_S)

    def _are_back(self, flows: Collection[Flow]) -> bool:
        until = time.monotonic() + self._side.patience_s
        while arriving(self._lab, self._stream, flows) != set(flows):
            if time.monotonic() > until:
                return False
        return True

    def _await_all(self, flows: Collection[Flow]) -> None:
        def missing() -> bool:
            return arriving(self._lab, self._stream, flows) != set(flows)

        wait_for(lambda: not missing(), "something arrives on every flow", SETTLED_S)

    def _drops(self) -> int:
        return sum(overruns(self._lab.names.prefix).values())

    def cuts(self, result: StreamResult) -> list[Cut]:
        """What became of each."""
        end = _Mark(self._marks[-1].breakage, float("inf"), self._drops(), flaps(self._lab))
        return [_cut(result, mark, following) for mark, following in pairwise([*self._marks, end])]


def _cut(result: StreamResult, mark: _Mark, following: _Mark) -> Cut:
    broken = result.between(mark.at - _IN_FLIGHT_S, mark.mended_at)
    after = result.between(mark.mended_at, following.at - _IN_FLIGHT_S)
    busy, busy_after = max(mark.drops_at_mend - mark.drops, 0), max(following.drops - mark.drops_at_mend, 0)
    return Cut(
        mark.breakage.what,
        at_cut=_lost(broken, mark.breakage.suffering, busy),
        at_return=_lost(after, mark.breakage.suffering | mark.breakage.spared, busy_after),
        others=max(_lost(broken, mark.breakage.spared, busy).values(), default=0),
        duplicated=broken.duplicated + after.duplicated,
        back=mark.back,
        back_s=mark.back_at - mark.at,
        overrun=busy + busy_after,
        false_alarms=_gave_up(mark, following),
        stall_s=max(broken.longest_stall_s, after.longest_stall_s),
    )


def _gave_up(mark: _Mark, following: _Mark) -> tuple[str, ...]:
    spared = following.flaps.keys() - set(mark.breakage.links)
    return tuple(sorted(link for link in spared if following.flaps[link] > mark.flaps.get(link, 0)))


def _lost(result: StreamResult, flows: Collection[Flow], overrun: int) -> dict[str, int]:
    lost: dict[str, int] = {}
    for found in result.flows:
        if found.flow in flows:
            kind = kind_of(found.flow)
            lost[kind] = max(lost.get(kind, 0), found.lost - overrun, 0)
    return lost


# Who sends to whom


def flows_across(document: Document) -> list[Flow]:
    """IPv4 and IPv6 both ways between two servers as far apart as there are, and one flooded to several others.

    Both ways, so that switches that learn know where they are.
    """
    one, other = farthest(document)
    unicast = [Flow(one, other), Flow(other, one), Flow(one, other, 6), Flow(other, one, 6)]
    home = document.servers[one].platform
    away = [name for name, spec in document.servers.items() if spec.platform != home and name != other]
    return [*unicast, *(Flow(one, name, flooded=True) for name in (other, *away[:2]))]


def farthest(document: Document) -> tuple[str, str]:
    """Two servers with the most links between them."""
    names = list(document.servers)
    home = document.servers[names[0]].platform
    steps = nx.single_source_shortest_path_length(joined(document, document.links), home)
    return names[0], max(names, key=lambda name: steps[document.servers[name].platform])


def introduce(lab: Lab, flows: Collection[Flow]) -> None:
    """Every sender knows its targets' MAC for good: a question that is lost would cost more than the fault."""
    for flow in flows:
        mac, addresses = mac_of(lab.document, flow.target), lab.document.servers[flow.target].ip
        known = (f"neigh replace {address} lladdr {mac} nud permanent dev {CARD}" for address in addresses)
        ip(known, lab.host(flow.source).pid)
