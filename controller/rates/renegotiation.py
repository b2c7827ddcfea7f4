"""All demands on a network that has changed: what they had, what they get now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.model.grants import Grant
from controller.rates.network import Demand, Network, Offer
from controller.rates.preemption import Preempt
from controller.rates.table import Table


@dataclass(frozen=True, slots=True)
class Outcome:
    """Who has what; the best offers of those who have less than their floor; protected ones without protection."""

    grants: dict[str, Grant]
    offers: dict[str, Offer] = field(default_factory=dict)
    exposed: frozenset[str] = frozenset()


def renegotiate(
    network: Network, demands: Mapping[str, Demand], before: Mapping[str, Grant], preempt: Preempt
) -> Outcome:
    """Grant anew what the network can hold; with the same again as `before`, nothing changes.

    1. What still leads from source to target and fits stays as it is. A protected grant whose line has failed is moved
       to the way round, with its whole rate: the rates that all have now go before protection against the next failure.
    2. What has lost its path is placed anew, the highest priority first, then by name, at the rate that it had; at its
       floor at least, pushing as allowed; else at what there is.
    3. Who has nothing is tried, in the same order.
    4. Who has less than he asked is raised: where he is, else on another path that holds more, else where he is by
       pushing. Who should be protected and is not, is protected as soon as it can be, for the same rate.

    3 and 4 go on until nothing changes.
    """
    table = Table(network, demands, before, preempt)
    for _ in table.steps():
        pass
    offers = {name: offer for name in table.short if (offer := table.offer(name))}
    return Outcome(table.book.grants, offers, table.book.exposed)
