"""A failed link costs nothing where its end sees it, without the controller; its repair costs nothing either."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise
from random import Random

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model.topology import End
from controller.verifier import Journey, Network
from controller.views.fabric import view_fabric
from controller.views.links import view_link
from controller.views.reading import Reading
from tests.properties.failing import (
    HOWS,
    SEEN,
    SEGMENTS,
    Edge,
    FailingFabric,
    How,
    fabric_document,
    failed,
    with_reservations,
)
from tests.properties.traffic import Probe, Traffic, sent_by, told, traffic_of, twice

RING = [(0, 1, 1), (1, 2, 1), (2, 3, 1), (3, 0, 1)]
MESH = [(*pair, 1) for pair in combinations(range(5), 2)]
PARALLEL = [(0, 1, 1), (0, 1, 1)]


def fat_tree(k: int = 4) -> list[Edge]:
    """Edge switches first, then aggregation, then core."""
    half, edge_count = k // 2, k * k // 2
    edges = []
    for pod in range(k):
        for above in range(half):
            aggregation = edge_count + pod * half + above
            edges += [(pod * half + below, aggregation, 1) for below in range(half)]
            edges += [(aggregation, 2 * edge_count + above * half + core, 1) for core in range(half)]
    return edges


def everywhere(edges: list[Edge]) -> list[tuple[int, str]]:
    return [(at, segment) for at in sorted({end for edge in edges for end in edge[:2]}) for segment in SEGMENTS]


SHAPES = {
    "ring": (RING, everywhere(RING)),
    "mesh": (MESH, everywhere(MESH)),
    "two parallel links": (PARALLEL, everywhere(PARALLEL)),
    "fat-tree": (fat_tree(), [(at, SEGMENTS[at % 3 == 0]) for at in range(8)]),
}

COSTS = st.integers(1, 3)


@st.composite
def protected_edges(draw: st.DrawFn) -> list[Edge]:
    """Any 2-edge-connected fabric, ear by ear: each begins and ends where something is already."""
    count, edges = 1, list[Edge]()
    for _ in range(draw(st.integers(1, 3))):
        start, end, between = draw(st.integers(0, count - 1)), draw(st.integers(0, count - 1)), draw(st.integers(0, 2))
        between = max(between, start == end)
        way = [start, *range(count, count + between), end]
        count += between
        edges += [(one, other, draw(COSTS)) for one, other in pairwise(way)]
    return edges


@st.composite
def any_edges(draw: st.DrawFn) -> list[Edge]:
    """Any connected fabric; most have links without which it falls apart."""
    count = draw(st.integers(2, 6))
    edges = [(draw(st.integers(0, at - 1)), at, draw(COSTS)) for at in range(1, count)]
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1), COSTS).filter(lambda e: e[0] != e[1])
    return edges + draw(st.lists(pairs, max_size=3))


@st.composite
def members(draw: st.DrawFn, edges: list[Edge]) -> list[tuple[int, str]]:
    """One segment is everywhere, the other on some platforms."""
    all_of_them = sorted({end for edge in edges for end in edge[:2]})
    some = draw(st.sets(st.sampled_from(all_of_them), min_size=min(2, len(all_of_them))))
    return [(at, "web") for at in all_of_them] + [(at, "data") for at in sorted(some)]


PROTECTED = protected_edges().flatmap(lambda edges: st.tuples(st.just(edges), members(edges)))
ANY = any_edges().flatmap(lambda edges: st.tuples(st.just(edges), members(edges)))
Shape = tuple[list[Edge], list[tuple[int, str]]]


def assert_whole(found: tuple[Probe, Journey], network: Network, when: object) -> None:
    """Delivered once to all whom it is for, or lost where its sender cannot know that it is."""
    probe, journey = found
    assert_sound(found, when)
    if sent_by(journey).isdisjoint(network.lost - network.dead):
        assert journey.reached == probe.expected, f"{probe.name}, {when}: {told(journey)}"


def assert_sound(found: tuple[Probe, Journey], when: object) -> None:
    """It goes round nowhere, comes nowhere twice, and nowhere where it should not."""
    probe, journey = found
    assert not journey.loops, f"{probe.name}, {when}: {told(journey)}"
    assert not twice(journey), f"{probe.name}, {when}: {told(journey)}"
    assert journey.reached <= probe.expected, f"{probe.name}, {when}: {told(journey)}"


# In the switches


class Standing:
    """A fabric at rest whose controller is gone."""

    def __init__(self, shape: Shape, choices: int = 4) -> None:
        self.virtual = FailingFabric(with_reservations(fabric_document(*shape)))
        self.virtual.start()
        document = self.virtual.control.fabric.declared.document
        assert document is not None
        self.whole = self.virtual.network()
        self.traffic: Traffic = traffic_of(document, choices)
        for found in self.traffic.follow(self.whole):
            assert_whole(found, self.whole, "at rest")
        self.links = [link.ends for link in self.virtual.control.fabric.declared.links.values()]
        self._over = {probe: sent_by(journey) for probe, journey in self.traffic.journeys.items()}

    def without(self, *failures: tuple[tuple[End, End], How]) -> tuple[Network, list[tuple[Probe, Journey]]]:
        """What becomes of all that went over these links."""
        found = [failed(ends, how) for ends, how in failures]
        dead = frozenset(end for seen, _ in found for end in seen)
        lost = frozenset(end for _, lost in found for end in lost)
        network = Network(self.whole.tables, self.whole.links, frozenset(), dead, lost)
        ends = {end for pair, _ in failures for end in pair}
        return network, [(p, p.follow(network)) for p, over in self._over.items() if not over.isdisjoint(ends)]


def assert_each_link_may_fail(standing: Standing) -> None:
    for ends in standing.links:
        for how in SEEN:
            network, found = standing.without((ends, how))
            for each in found:
                assert_whole(each, network, (ends, how))


@pytest.mark.parametrize("name", SHAPES)
def test_a_failed_link_costs_nothing_in_the_usual_fabrics(name: str) -> None:
    assert_each_link_may_fail(Standing(SHAPES[name]))


@settings(max_examples=25)
@given(shape=PROTECTED)
def test_a_failed_link_costs_nothing_in_any_fabric_with_two_ways(shape: Shape) -> None:
    assert_each_link_may_fail(Standing(shape, choices=3))


def test_failures_are_crossed_by_traffic_and_make_it_take_other_ways() -> None:
    """The checks above would say nothing if nobody used the links."""
    standing = Standing(SHAPES["ring"])
    for ends in standing.links:
        _, found = standing.without((ends, "both"))
        assert sum(not probe.name.endswith("all") for probe, _ in found) > 4
        assert all(journey.reached == probe.expected for probe, journey in found)
        assert all(sent_by(journey).isdisjoint(ends) for _, journey in found)


def assert_two_may_fail(standing: Standing, chance: Random, pairs: int) -> None:
    """Packets may be lost, and no more."""
    among = list(combinations(standing.links, 2))
    for one, other in chance.sample(among, min(pairs, len(among))):
        failures = ((one, chance.choice(HOWS)), (other, chance.choice(HOWS)))
        for each in standing.without(*failures)[1]:
            assert_sound(each, failures)


@pytest.mark.parametrize("name", SHAPES)
def test_two_failed_links_never_make_a_loop_in_the_usual_fabrics(name: str) -> None:
    standing = Standing(SHAPES[name])
    for seed in range(4 if name != "fat-tree" else 1):
        assert_two_may_fail(standing, Random(seed), 60)


@settings(max_examples=25)
@given(shape=ANY, seed=st.integers(0, 99))
def test_two_failed_links_never_make_a_loop_in_any_fabric(shape: Shape, seed: int) -> None:
    assert_two_may_fail(Standing(shape, choices=3), Random(seed), 20)


# The controller's repair


class Watched(FailingFabric):
    """All packets are followed each time that one switch has carried out its part of a step, in any order."""

    def __init__(self, shape: Shape, chance: Random, choices: int = 3) -> None:
        self.watching = False
        document = fabric_document(*shape)
        super().__init__(document)
        self.chance, self.story = chance, list[str]()
        self.traffic = traffic_of(document, choices)
        self.to_arrive: set[Probe] = set()
        """Those that are not to be lost any more."""
        self.start()
        self.watching = True
        self.look(None)
        self.to_arrive = set(self.traffic.probes)
        self.check()

    @property
    def links(self) -> list[tuple[End, End]]:
        return [link.ends for link in self.control.fabric.declared.links.values()]

    def step(self) -> bool:
        self.now += 0.01
        batches = self.control.next_step(self.now)
        for name in self.chance.sample(sorted(batches), len(batches)):
            self.switches[name].carry_out(batches[name])
            kinds = Counter(wanted.owner.kind for wanted, _ in batches[name].upserts)
            self.story.append(f"{self.now:.2f} {name}: in {dict(kinds)}, out {len(batches[name].deletes)}")
            if self.watching:
                self.look({name})
        for name in batches:
            self.control.step_confirmed(name, {}, self.now)
        return bool(batches)

    def happens(self, what: str, platforms: set[str]) -> None:
        """Something has happened at some platforms; what arrives now, and not by luck, is not to be lost by what the
        controller does: it has a way over links that work, and leaves by no port that its switch holds for dead."""
        self.story.append(f"{self.now:.2f} {what}")
        self.look(platforms, keep=False)
        dead, journeys = self.network().dead, self.traffic.journeys.items()
        arrived = {p for p, way in journeys if way.reached == p.expected and sent_by(way).isdisjoint(dead)}
        self.to_arrive = {probe for probe in arrived if self.reachable(probe) == probe.expected}

    def look(self, changed: set[str] | None, keep: bool = True) -> None:
        network = self.network()
        for probe, journey in self.traffic.follow(network, changed):
            assert_sound((probe, journey), self.story[-12:])
            if keep and probe in self.to_arrive:
                assert journey.reached == probe.expected, f"{probe.name}, {self.story[-12:]}: {told(journey)}"

    def check(self) -> None:
        """All that has a way arrives; what is tried without one may."""
        for probe, journey in self.traffic.journeys.items():
            missing = self.reachable(probe) - journey.reached
            assert not missing, f"{probe.name}, {self.story[-12:]}: {told(journey)}"

    def reachable(self, probe: Probe) -> frozenset[End]:
        """Where a probe is to arrive and has a way to."""
        platforms = nx.node_connected_component(self.graph(), probe.start[0])
        return frozenset(end for end in probe.expected if end[0] in platforms)

    def graph(self) -> nx.MultiGraph[str]:
        """Links that work."""
        graph: nx.MultiGraph[str] = nx.MultiGraph()
        graph.add_nodes_from(self.switches)
        works = [ends for ends in self.links if self.works(ends)]
        graph.add_edges_from((one[0], other[0]) for one, other in works)
        return graph


@settings(max_examples=40)
@given(shape=PROTECTED, which=st.integers(0, 20), how=st.sampled_from(SEEN), seed=st.integers(0, 99))
def test_the_repair_and_the_return_of_a_link_lose_nothing(shape: Shape, which: int, how: How, seed: int) -> None:
    assert_repaired(Watched(shape, Random(seed)), which, how)


def assert_repaired(virtual: Watched, which: int, how: How) -> None:
    ends = virtual.links[which % len(virtual.links)]
    virtual.happens(f"{ends} fails: {how}", virtual.fail(ends, how))
    virtual.settle()
    virtual.check()
    virtual.happens(f"{ends} is mended", virtual.mend(ends))
    virtual.settle()
    virtual.check()


@pytest.mark.parametrize("name", SHAPES)
def test_the_repair_and_the_return_lose_nothing_in_the_usual_fabrics(name: str) -> None:
    virtual = Watched(SHAPES[name], Random(7), choices=2)
    for which, how in ((0, "both"), (3, "one end, works"), (1, "other end"), (2, "silent")):
        assert_repaired(virtual, which, how)  # type: ignore[arg-type]


@settings(max_examples=60)
@given(
    shape=ANY,
    which=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    hows=st.tuples(st.sampled_from(SEEN), st.sampled_from(SEEN)),
    done=st.integers(0, 12),
    seed=st.integers(0, 99),
)
def test_the_repair_of_two_links_never_makes_a_loop_and_reaches_what_it_can(
    shape: Shape, which: tuple[int, int], hows: tuple[How, How], done: int, seed: int
) -> None:
    """The second fails, and the first returns, amid the repair of what was before."""
    virtual = Watched(shape, Random(seed))
    one, other = (virtual.links[number % len(virtual.links)] for number in which)
    virtual.happens(f"{one} fails: {hows[0]}", virtual.fail(one, hows[0]))
    for _ in range(done):
        virtual.step()
    virtual.happens(f"{other} fails: {hows[1]}", virtual.fail(other, hows[1]))
    virtual.settle()
    virtual.check()
    virtual.happens(f"{one} is mended", virtual.mend(one))
    for _ in range(done):
        virtual.discover()
        virtual.step()
    virtual.happens(f"{other} is mended", virtual.mend(other))
    virtual.settle()
    virtual.check()


OVERTAKEN = [(0, 1, 2), (0, 2, 2), (2, 3, 1), (1, 4, 1), (2, 4, 3), (4, 3, 3), (0, 4, 3)]
"""p1 leads to p2 by p0 after either failure, but farther after the second: p0 is to flip first then."""


def test_a_repair_that_is_overtaken_goes_on_in_the_order_of_the_new_distances() -> None:
    virtual = Watched((OVERTAKEN, everywhere(OVERTAKEN)), Random(0))
    first, second = (("p1", 53), ("p4", 53)), (("p0", 51), ("p2", 51))
    virtual.happens(f"{first} fails", virtual.fail(first, "one way"))
    virtual.step()
    virtual.step()
    virtual.happens(f"{second} fails", virtual.fail(second, "other end"))
    virtual.settle()
    virtual.check()


@pytest.mark.parametrize("edges", [RING, [(0, 1, 3), (1, 2, 1), (2, 3, 1), (3, 0, 3)]], ids=["as short", "shorter"])
def test_what_bfd_calls_failed_carries_nothing_that_has_another_way(edges: list[Edge]) -> None:
    """p2 hears and is heard by nobody; the way by it from p1 to p3 would be as short as the other, or shorter."""
    virtual = Watched((edges, everywhere(edges)), Random(0))
    for ends in virtual.links:
        if "p2" in (ends[0][0], ends[1][0]):
            virtual.happens(f"{ends} fails", virtual.fail(ends, "silent"))
    virtual.settle()
    virtual.check()
    sound = {name for name in virtual.control.fabric.declared.links if "p2" not in name}
    assert sound <= set(virtual.control.routing.unprotected), "a way round leads over what BFD calls failed"
    for ends in virtual.links:
        virtual.happens(f"{ends} works", virtual.mend(ends))
    virtual.settle()
    virtual.check()


# What has no way round


@settings(max_examples=40)
@given(shape=ANY, down=st.dictionaries(st.integers(0, 20), st.sampled_from(SEEN), max_size=2))
def test_links_without_a_way_round_are_named(shape: Shape, down: dict[int, How]) -> None:
    virtual = FailingFabric(with_reservations(fabric_document(*shape)))
    virtual.start()
    links = virtual.control.fabric.declared.links
    for number, how in down.items():
        virtual.fail(list(links.values())[number % len(links)].ends, how)
    virtual.settle()
    graph: nx.MultiGraph[str] = nx.MultiGraph()
    graph.add_nodes_from(virtual.switches)
    live = {name: link for name, link in links.items() if virtual.works(link.ends)}
    for name, link in live.items():
        graph.add_edge(link.ends[0][0], link.ends[1][0], key=name)
    bridges = {name for name in live if _is_bridge(graph, live[name].ends, name)}
    reading = Reading(virtual.control)
    assert bridges == live.keys() & set(virtual.control.routing.unprotected)
    assert {name for name in live if not view_link(reading, name).status.protected} == bridges
    assert bridges == live.keys() & set(view_fabric(reading).status.unprotected)


def _is_bridge(graph: nx.MultiGraph[str], ends: tuple[End, End], name: str) -> bool:
    without = graph.copy()
    without.remove_edge(ends[0][0], ends[1][0], key=name)
    return not nx.has_path(without, ends[0][0], ends[1][0])
