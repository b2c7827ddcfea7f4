"""Paths that follow a change of the links are those that would be found afresh."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.model.topology import Link
from controller.paths.bypasses import find_way_round
from controller.paths.graph import build_graph
from controller.paths.next_hops import NextHops
from controller.paths.trees import VARIANTS, regrown, spanning_forest

PLATFORMS = tuple("abcdef")
Links = dict[str, Link]


@st.composite
def links(draw: st.DrawFn) -> list[Link]:
    """Any mesh, parallel links too; one port a link on either side."""
    pairs = st.tuples(st.sampled_from(PLATFORMS), st.sampled_from(PLATFORMS)).filter(lambda pair: pair[0] < pair[1])
    drawn = draw(st.lists(st.tuples(pairs, st.integers(1, 3)), min_size=1, max_size=12))
    ends = [(tuple((platform, port) for platform in pair), cost) for port, (pair, cost) in enumerate(drawn, start=1)]
    return [Link(f"link{at}", (one, other), cost) for at, ((one, other), cost) in enumerate(ends)]


def split(data: st.DataObject, among: list[Link]) -> tuple[Links, Links]:
    """What is up before a change, and after."""
    some = st.lists(st.sampled_from(among), unique_by=lambda link: link.name)
    before, after = (sorted(data.draw(some), key=lambda link: link.name) for _ in range(2))
    return {link.name: link for link in before}, {link.name: link for link in after}


def ports(hops: NextHops) -> dict[tuple[str, str], tuple[int, ...]]:
    return {(src, dst): hops.ports(src, dst) for src in PLATFORMS for dst in PLATFORMS if src != dst}


@given(among=links(), data=st.data())
def test_next_hops_follow_what_went_and_came(among: list[Link], data: st.DataObject) -> None:
    before, after = split(data, among)
    hops, fresh = NextHops(PLATFORMS, before.values()), NextHops(PLATFORMS, after.values())
    old = ports(hops)
    gone = [link for name, link in before.items() if name not in after]
    came = [link for name, link in after.items() if name not in before]
    changed = hops.follow(gone, came)
    assert ports(hops) == ports(fresh)
    assert changed == {pair for pair, found in ports(fresh).items() if found != old[pair]}
    assert all(hops.distance(a, b) == fresh.distance(a, b) for a in PLATFORMS for b in PLATFORMS)


@given(among=links(), data=st.data())
def test_a_forest_regrows_to_what_would_be_grown_afresh(among: list[Link], data: st.DataObject) -> None:
    before, after = split(data, among)
    gone = before.keys() - after.keys()
    came = [link for name, link in after.items() if name not in before]
    for variant in range(VARIANTS):
        forest = spanning_forest(before.values(), variant)
        graph = build_graph(PLATFORMS, after.values())
        assert regrown(forest, graph, gone, came, variant) == spanning_forest(after.values(), variant)


@given(among=links())
def test_a_way_round_is_a_shortest_one_that_does_without_the_link(among: list[Link]) -> None:
    hops = NextHops(PLATFORMS, among)
    for link in among:
        (near, _), (far, _) = link.ends
        least = NextHops(PLATFORMS, [other for other in among if other is not link]).distance(near, far)
        way = find_way_round(hops.links_at, link, near, hops.distance)
        assert (way.cost if way else float("inf")) == least
        at = near
        for step in way.links if way else ():
            assert step.name != link.name
            at = step.other(at)[0]
        assert way is None or at == far
