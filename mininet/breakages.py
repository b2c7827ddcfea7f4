"""The kinds of fault that `failover` tries: what each breaks, and how that is mended."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import networkx as nx
from stream import Flow
from taps import Hop, Way, ends_of, joined, platforms_of

if TYPE_CHECKING:
    from lab import Lab

KINDS = ("IPv4", "flooded", "IPv6")
_FLAPS = 4
_FLAP_S = 0.1

Ways = dict[Flow, Way]


def kind_of(flow: Flow) -> str:
    """One of `KINDS`."""
    return "flooded" if flow.flooded else f"IPv{flow.version}"


@dataclass(frozen=True)
class Breakage:
    """One fault, ready to be made: what fails, which flows suffer, what is left to those."""

    what: str
    platforms: tuple[str, ...]
    """Where ports change."""
    suffering: frozenset[Flow]
    """Flows that passed what fails, and that have another way."""
    spared: frozenset[Flow]
    """Flows that did not pass it."""
    act: Callable[[], None]
    mend: Callable[[], None]
    links: tuple[str, ...]
    """Those that it concerns."""
    stays: bool = True
    """Whether they are down until the mending."""
    empties: bool = False
    """Whether rules are gone with it."""


class Choice:
    """Chooses at random what fails, so that in the end all kinds of flow have suffered about as often."""

    def __init__(self, seed: int) -> None:
        self._dice = Random(seed)
        self._suffered: Counter[str] = Counter()

    def order(self, candidates: Mapping[str, Collection[str]]) -> list[str]:
        """Names, each with the kinds of flow that would suffer: first those that matter most now."""
        names = sorted(candidates)
        self._dice.shuffle(names)
        return sorted(names, key=lambda name: -sum(1 / (1 + self._suffered[kind]) for kind in candidates[name]))

    def note(self, breakage: Breakage) -> None:
        """This one it was."""
        self._suffered.update({kind_of(flow) for flow in breakage.suffering})


Finder = Callable[["Lab", Ways, Choice], Breakage | None]
"""Looks for something that the flows pass now; None: there is nothing that may fail."""


def _on_a_link(
    lab: Lab, ways: Ways, choice: Choice, act: Callable[[str], None], mend: Callable[[str], None]
) -> Breakage | None:
    link = _busiest(ways, choice)
    return _links(lab, ways, [link], partial(act, link), partial(mend, link)) if link else None


def _carrier(lab: Lab, ways: Ways, choice: Choice) -> Breakage | None:
    return _on_a_link(lab, ways, choice, lab.fail_link, lab.mend_link)


def _silent(lab: Lab, ways: Ways, choice: Choice) -> Breakage | None:
    return _on_a_link(lab, ways, choice, partial(lab.fail_link, how="silent"), lab.mend_link)


def _one_way(lab: Lab, ways: Ways, choice: Choice) -> Breakage | None:
    """The flows that come from the link's first end suffer."""
    onward = {flow: tuple(hop for hop in way if _is_onward(lab, hop)) for flow, way in ways.items()}
    return _on_a_link(lab, onward, choice, partial(lab.fail_link, how="one-way"), lab.mend_link)


def _is_onward(lab: Lab, hop: Hop) -> bool:
    return platforms_of(lab.document, hop.link)[0] == hop.platform


def _flap(lab: Lab, ways: Ways, choice: Choice) -> Breakage | None:
    """Out and in again, four times within a second; it ends with the link as it was."""
    found = _on_a_link(lab, ways, choice, partial(_flap_link, lab), lambda _link: None)
    return found and replace(found, stays=False)


def _flap_link(lab: Lab, link: str) -> None:
    for _ in range(_FLAPS):
        lab.fail_link(link)
        time.sleep(_FLAP_S)
        lab.mend_link(link)
        time.sleep(_FLAP_S)


def _two_links(lab: Lab, ways: Ways, choice: Choice) -> Breakage | None:
    """Two that leave the flows a way: the second, where there is one, is in use as well."""
    first = _busiest(ways, choice)
    if first is None:
        return None
    used = {hop.link for way in ways.values() for hop in way}
    others = {name: {str(name in used)} for name in lab.document.links if name != first}
    for second in sorted(choice.order(others), key=lambda name: name not in used):
        both = [first, second]
        found = _links(lab, ways, both, partial(_each, lab.fail_link, both), partial(_each, lab.mend_link, both))
        if found.suffering:
            return found
    return None


def _each(act: Callable[[str], None], names: Collection[str]) -> None:
    for name in names:
        act(name)


def _drain(lab: Lab, ways: Ways, choice: Choice) -> Breakage | None:
    """Nothing fails: the link is taken out of use over the API, and put back."""
    return _on_a_link(lab, ways, choice, partial(_set_admin, lab, state="drain"), partial(_set_admin, lab, state="up"))


def _set_admin(lab: Lab, link: str, state: str) -> None:
    lab.fabric_api.put(f"/links/{link}/admin?wait=5s", {"state": state})


def _platform(lab: Lab, ways: Ways, choice: Choice) -> Breakage | None:
    """One that flows pass through, of as many kinds as can be."""
    through: dict[str, set[str]] = {}
    for flow, way in ways.items():
        for hop in way[1:]:
            through.setdefault(hop.platform, set()).add(kind_of(flow))
    found = (_one_platform(lab, ways, name) for name in choice.order(through))
    return next((breakage for breakage in found if breakage.suffering), None)


def _one_platform(lab: Lab, ways: Ways, name: str) -> Breakage:
    links = {link for link, spec in lab.document.links.items() if name in platforms_of(lab.document, link)}
    others = {flow: way for flow, way in ways.items() if name not in ends_of(lab.document, flow)}
    around = sorted({end for link in links for end in platforms_of(lab.document, link)})
    act, mend = partial(lab.fail_platform, name), partial(lab.restore_platform, name)
    suffering, spared = _sorted(lab, others, links)
    return Breakage(name, tuple(around), suffering, spared, act, mend, tuple(links), empties=True)


def _links(lab: Lab, ways: Ways, names: Collection[str], act: Callable[[], None], mend: Callable[[], None]) -> Breakage:
    around = sorted({end for name in names for end in platforms_of(lab.document, name)})
    suffering, spared = _sorted(lab, ways, names)
    return Breakage(" and ".join(names), tuple(around), suffering, spared, act, mend, tuple(names))


def _sorted(lab: Lab, ways: Ways, links: Collection[str]) -> tuple[frozenset[Flow], frozenset[Flow]]:
    """The flows that pass these links and have another way; those that do not pass them."""
    left = joined(lab.document, set(lab.document.links) - set(links))
    passing = {flow for flow, way in ways.items() if any(hop.link in links for hop in way)}
    saved = {flow for flow in passing if _is_joined(left, *ends_of(lab.document, flow))}
    return frozenset(saved), frozenset(ways.keys() - passing)


def _is_joined(graph: nx.Graph[str], one: str, other: str) -> bool:
    return one in graph and other in graph and nx.has_path(graph, one, other)


def _busiest(ways: Ways, choice: Choice) -> str | None:
    """A link that flows pass."""
    used: dict[str, set[str]] = {}
    for flow, way in ways.items():
        for hop in way:
            used.setdefault(hop.link, set()).add(kind_of(flow))
    return next(iter(choice.order(used)), None)


FAULTS: dict[str, Finder] = {
    "carrier": _carrier,
    "silent": _silent,
    "one-way": _one_way,
    "flap": _flap,
    "platform": _platform,
    "two-links": _two_links,
    "drain": _drain,
}
