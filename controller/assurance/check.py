"""The check itself: follow packets while the budget lasts, first as all is, then with one link down at a time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from controller.assurance.faults import Assurance, Fault, Touched
from controller.assurance.judge import judge
from controller.assurance.probes import Probe, find_probes, in_turn
from controller.assurance.scene import Scene
from controller.control import Control
from controller.rules.rules import Group, GroupType
from controller.verifier import Journey, Network, follow

_ENOUGH: Final = 20
"""So many faults tell enough."""
_WAYS: Final = 8
"""Of equal ways, so many are tried with the same packet."""


def check_change(control: Control, touched: Touched, budget: int) -> Assurance:
    """Follow packets for what a change touches through the rules that `control` wants after it.

    `control` stands for the state after the change and was refreshed; it is only read. `budget` is how many
    packets may be followed: a quarter of it is kept for the failures of links. The same input gives the same
    answer. The first 20 faults are told.
    """
    check = _Check(Scene(control), budget)
    check.as_all_is(touched)
    check.with_a_link_down()
    return Assurance(tuple(check.faults), check.followed)


@dataclass(frozen=True, slots=True)
class _Passing:
    """A packet that was carried over a link, by one of its equal ways."""

    link: str
    probe: Probe
    way: int


@dataclass(slots=True)
class _Check:
    scene: Scene
    budget: int
    faults: list[Fault] = field(default_factory=list)
    followed: int = 0
    _seen: set[tuple[str, bytes]] = field(default_factory=set)
    _over: defaultdict[str, list[_Passing]] = field(default_factory=lambda: defaultdict(list))

    def as_all_is(self, touched: Touched) -> None:
        """Every probe, over each of the equal ways that it could take."""
        share = self.budget - self.budget // 4 if self.scene.routing.live else self.budget
        for probe in find_probes(self.scene, touched):
            if self._is_over(share):
                return
            sent = (probe.sender.name, probe.made.data)
            if sent not in self._seen:
                self._seen.add(sent)
                self._all_ways(probe, share)

    def with_a_link_down(self) -> None:
        """Each link that carried some of the packets, in turn, where switches have a bypass for it."""
        passing = {name: found for name, found in sorted(self._over.items()) if self._has_bypass(name)}
        networks = {name: self._without(name) for name in passing}
        for found in in_turn(iter(each) for each in passing.values()):
            if self._is_over(self.budget):
                return
            self._follow(found.probe, networks[found.link], found.way, found.link)

    def _is_over(self, share: int) -> bool:
        return self.followed >= share or len(self.faults) >= _ENOUGH

    def _all_ways(self, probe: Probe, share: int) -> None:
        ways = way = 0
        while way <= ways and not self._is_over(share):
            journey = self._follow(probe, self.scene.network, way, None)
            ways, way = max(ways, min(_ways(journey), _WAYS) - 1), way + 1
            for name in self._links_of(journey):
                self._over[name].append(_Passing(name, probe, way - 1))

    def _links_of(self, journey: Journey) -> list[str]:
        at = self.scene.link_at
        return sorted({at[end] for end, _ in journey.visits if end in at})

    def _has_bypass(self, name: str) -> bool:
        routing = self.scene.routing
        return all(routing.way_round(name, platform) is not None for platform, _ in routing.live[name].ends)

    def _without(self, name: str) -> Network:
        network = self.scene.network
        return Network(network.tables, network.links, network.down | {*self.scene.routing.live[name].ends})

    def _follow(self, probe: Probe, network: Network, way: int, failed: str | None) -> Journey:
        self.followed += 1
        journey = follow(network, probe.sender.end, probe.made.frame, lambda _: way)
        fault = judge(self.scene, probe, journey, failed)
        if fault is not None:
            self.faults.append(fault)
        return journey


def _ways(journey: Journey) -> int:
    """The largest number of equal ways that a packet had to choose from."""
    rules = (step.rule for _, outcome in journey.visits for step in outcome.steps)
    widths = (len(rule.buckets) for rule in rules if isinstance(rule, Group) and rule.type is GroupType.SELECT)
    return max(widths, default=1)
