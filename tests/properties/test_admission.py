"""Whatever is asked for and whatever fails: no way is ever over its capacity, nothing leaks, and all comes to rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model.grants import Grant
from controller.rates.admission import admit
from controller.rates.book import Book
from controller.rates.eased import Without, ease
from controller.rates.network import Demand, Network, Offer, Way
from controller.rates.preemption import Admission, Preempt, admit_pushing
from controller.rates.remainder import Remainder
from controller.rates.renegotiation import renegotiate
from tests.properties.rates_checked import Site, changed, complaints, random_demand, random_site

PREEMPT = st.sampled_from(("none", "floor", "out"))
SEEDS = st.integers(0, 2**32)


def small_site(random: Random) -> Site:
    platforms = random.randint(3, 7)
    return random_site(random, platforms, random.randint(platforms, 2 * platforms), ring=random.random() < 0.7)


def apply(book: Book, demand: Demand, found: Admission) -> None:
    """What was found is done."""
    for name, rate_bps in found.pushed.items():
        if rate_bps:
            book.rerate(name, rate_bps)
        else:
            book.take(name)
    if isinstance(found.answer, Grant):
        book.put(demand, found.answer)


def check(book: Book, demands: dict[str, Demand]) -> None:
    """By the checker, and the book sees it as the checker does."""
    assert not book.overfull
    assert complaints(book.network, demands, book.grants, book.exposed) == []


def is_empty(book: Book) -> bool:
    network = book.network
    ways = [*network.ports, *((name, end) for name, line in network.lines.items() for end in line.ends)]
    if any(book.load(way) or book.backup(way) or book.holders(way) for way in ways):
        return False
    return all(book.left(way) == network.capacity(way) for way in ways)


@given(seed=SEEDS, preempt=PREEMPT)
@settings(max_examples=300)
def test_no_way_is_over_its_capacity_and_nothing_leaks(seed: int, preempt: Preempt) -> None:
    random = Random(seed)
    site = small_site(random)
    book, demands = Book(site.network()), dict[str, Demand]()
    for number in range(30):
        if book.held and random.random() < 0.3:
            book.take(random.choice(sorted(book.held)))
        else:
            demand = demands[f"r{number}"] = random_demand(random, f"r{number}", site)
            apply(book, demand, admit_pushing(book, demand, preempt))
        assert not book.exposed
        check(book, demands)
    for name in sorted(book.held):
        book.take(name)
    assert is_empty(book)


@given(seed=SEEDS)
@settings(max_examples=100)
def test_what_would_be_left_is_what_is_left_then(seed: int) -> None:
    """Without one grant, and with lower priorities at their floors or out: as if that were written down."""
    random = Random(seed)
    site = small_site(random)
    book = Book(site.network())
    for number in range(20):
        demand = random_demand(random, f"r{number}", site)
        apply(book, demand, admit_pushing(book, demand, "floor"))
    for held in list(book.held.values()):
        would_be = reading(Without(book, held), site)
        with book.without(held.demand.name):
            assert would_be == reading(book, site)
    floors, out = random.randrange(5), random.randrange(5)
    would_be = reading(ease(book, floors, out), site)
    for name, held in book.held.items():
        if held.demand.priority < out:
            book.rerate(name, 0)
        elif held.demand.priority < floors:
            book.rerate(name, held.rate_bps - held.slack_bps)
    assert would_be == reading(book, site)


def reading(remainder: Remainder, site: Site) -> list[int]:
    ways = [*site.ports, *((name, end) for name, line in site.lines.items() for end in line.ends)]
    failures = [("link", name) for name in site.lines] + [("risk", risk) for risk in sorted(risks_of(site))]
    return [remainder.left(way) for way in ways] + [remainder.spare(way, one) for way in ways for one in failures]


@given(seed=SEEDS)
@settings(max_examples=300)
def test_what_is_offered_would_be_granted_and_no_more_on_one_path(seed: int) -> None:
    random = Random(seed)
    site = small_site(random)
    book, demands = Book(site.network()), dict[str, Demand]()
    for number in range(25):
        demand = demands[f"r{number}"] = random_demand(random, f"r{number}", site)
        answer = admit(book, demand)
        if isinstance(answer, Grant):
            book.put(demand, answer)
        else:
            check_offer(book, demand, answer)


def check_offer(book: Book, demand: Demand, offer: Offer) -> None:
    assert offer.rate_bps < demand.least_bps
    if offer.rate_bps:
        as_offered = admit(book, replace(demand, rate_bps=offer.rate_bps, floor_bps=offer.rate_bps))
        assert isinstance(as_offered, Grant), offer
    assert set(offer.holders) == {name for way in offer.limits for name in book.holders(way)}
    if not demand.protected:
        times = Counter(demand.ports)
        assert all(book.left(way) // max(times[way], 1) < offer.rate_bps + 1000 for way in offer.limits)
        assert not is_path(book.network, demand, set(offer.limits))


def is_path(network: Network, demand: Demand, without: set[Way]) -> bool:
    """Whether the demand gets past without some ways: what limits it must be crossed."""
    if not without.isdisjoint(demand.ports):
        return False
    graph = nx.Graph() if demand.both else nx.DiGraph()
    graph.add_nodes_from((demand.source, demand.target))
    for name, line in network.lines.items():
        if demand.both and not without.isdisjoint((name, end) for end in line.ends):
            continue
        for one, other in (line.ends, line.ends[::-1]):
            if (name, one) not in without:
                graph.add_edge(one, other)
    return nx.has_path(graph, demand.source, demand.target)


# Renegotiation


@given(seed=SEEDS, preempt=PREEMPT)
@settings(max_examples=300)
def test_whatever_changes_all_comes_to_rest_within_the_capacities(seed: int, preempt: Preempt) -> None:
    random = Random(seed)
    site, down = small_site(random), set[str]()
    demands = {f"r{number}": random_demand(random, f"r{number}", site) for number in range(random.randint(1, 15))}
    grants: dict[str, Grant] = {}
    for number in range(8):
        change(random, site, demands, down, number)
        network = site.network(down)
        found = renegotiate(network, demands, grants, preempt)
        assert complaints(network, demands, found.grants, found.exposed) == []
        assert found.exposed <= {name for name, demand in demands.items() if demand.protected}
        short = {name for name, demand in demands.items() if rate_of(found.grants, name) < demand.least_bps}
        assert found.offers.keys() == short
        assert renegotiate(network, demands, found.grants, preempt) == found
        grants = found.grants


def change(random: Random, site: Site, demands: dict[str, Demand], down: set[str], number: int) -> None:
    """A link fails or returns, a reservation comes, goes, or is asked for otherwise."""
    what = random.choice(("fail", "fail", "return", "come", "go", "other"))
    if what == "fail":
        down.add(random.choice(sorted(site.lines)))
    elif what == "return" and down:
        down.remove(random.choice(sorted(down)))
    elif what == "come":
        demands[f"n{number}"] = random_demand(random, f"n{number}", site)
    elif demands:
        name = random.choice(sorted(demands))
        if what == "go":
            del demands[name]
        else:
            demands[name] = changed(random, demands[name])


def rate_of(grants: dict[str, Grant], name: str) -> int:
    return grants[name].rate_bps if name in grants else 0


@given(seed=SEEDS)
@settings(max_examples=300)
def test_a_failure_costs_those_whose_path_it_was_alone(seed: int) -> None:
    """Nobody pushes: the others keep their rate, and move only for more or for protection."""
    random = Random(seed)
    site = small_site(random)
    demands = {f"r{number}": random_demand(random, f"r{number}", site) for number in range(15)}
    before = renegotiate(site.network(), demands, {}, "none").grants
    failed = random.choice(sorted(site.lines))
    found = renegotiate(site.network({failed}), demands, before, "none")
    for name, had in before.items():
        now = found.grants.get(name)
        if failed in had.links:
            continue
        assert now is not None
        assert now.rate_bps >= had.rate_bps
        assert now.links == had.links or now.rate_bps > had.rate_bps or demands[name].protected


@given(seed=SEEDS)
@settings(max_examples=500)
def test_after_any_single_failure_all_that_is_protected_has_its_rate_again(seed: int) -> None:
    random = Random(seed)
    site = small_site(random)
    demands = {f"r{number}": random_demand(random, f"r{number}", site) for number in range(20)}
    before = renegotiate(site.network(), demands, {}, "none")
    together = {risk: {name for name, line in site.lines.items() if risk in line.risks} for risk in risks_of(site)}
    for failed in (*({name} for name in site.lines), *together.values()):
        after = renegotiate(site.network(failed), demands, before.grants, "none")
        for name, had in before.grants.items():
            if demands[name].protected and name not in before.exposed:
                assert rate_of(after.grants, name) >= had.rate_bps, (failed, name)


def risks_of(site: Site) -> set[str]:
    return {risk for line in site.lines.values() for risk in line.risks}


# Many


@pytest.mark.parametrize("preempt", ["none", "floor", "out"])
def test_two_thousand_reservations_on_a_hundred_platforms(preempt: Preempt) -> None:
    """Asked for and deleted, with links that fail and return; now and then all is added up by the checker."""
    random = Random(preempt)
    site = random_site(random, 100, 220, ring=True)
    book, demands = Book(site.network()), dict[str, Demand]()
    for number in range(2000):
        demand = demands[f"r{number}"] = random_demand(random, f"r{number}", site, 20)
        apply(book, demand, admit_pushing(book, demand, preempt))
        if random.random() < 0.1:
            book.take(random.choice(sorted(book.held)))
        if number % 250 == 249:
            check(book, demands)
    wanted = {name: demand for name, demand in demands.items() if name in book.held}
    grants = book.grants
    for failed in random.sample(sorted(site.lines), 3):
        for down in ({failed}, set[str]()):
            found = renegotiate(site.network(down), wanted, grants, preempt)
            assert complaints(site.network(down), wanted, found.grants, found.exposed) == []
            grants = found.grants
    for name in sorted(book.held):
        book.take(name)
    assert is_empty(book)
