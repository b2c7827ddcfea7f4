"""What each bit/s of a grant means for the network: on its ways, and on others when a line of its path fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from controller.rates.network import Demand, Failure, Hop, Network, Way


@dataclass(frozen=True, slots=True)
class Burden:
    """How many times each way is loaded, always and (`diversions`) by what is diverted when something fails."""

    loads: Mapping[Way, int]
    diversions: Mapping[tuple[Way, Failure], int]

    def touches(self, ways: Set[Way]) -> bool:
        """Whether one of some ways is loaded, ever."""
        return any(way in ways for way in self.loads) or any(way in ways for way, _ in self.diversions)


def find_burden(network: Network, demand: Demand, hops: Sequence[Hop], guarded: bool) -> Burden | None:
    """The burden of a path, with or without that of its bypasses; None where one of these is missing."""
    loads, diversions = Counter(demand.ports), Counter[tuple[Way, Failure]]()
    for hop in hops:
        for step in network.directions(hop, demand):
            loads[step.way] += 1
        if guarded and not _divert(network, demand, hop, diversions):
            return None
    return Burden(loads, diversions)


def _divert(network: Network, demand: Demand, hop: Hop, diversions: Counter[tuple[Way, Failure]]) -> bool:
    diverted = network.diverted(hop, demand.both)
    for failure in hop.failures:
        for way, times in (diverted or {}).items():
            diversions[way, failure] += times
    return diverted is not None
