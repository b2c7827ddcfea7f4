"""Whatever happens, in any order: no loop at any moment; at rest all is reached that can be, and nothing left over."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.churn import ACTS, Churning
from tests.properties.failing import FIRST_TRUNK, Edge, FailingFabric, fabric_document
from tests.properties.test_failover import MESH, RING, any_edges
from tests.properties.traffic import traffic_of

THETA = [(0, 1, 1), (1, 2, 1), (2, 3, 1), (3, 0, 1), (0, 2, 1), (0, 2, 2)]


def happen(edges: list[Edge], acts: list[str], seed: int) -> None:
    fabric = Churning(edges, seed)
    for number, act in enumerate(acts):
        fabric.act(act, number)
    fabric.settle_down()


@settings(max_examples=40)
@given(
    edges=any_edges(), acts=st.lists(st.sampled_from(sorted(ACTS)), min_size=2, max_size=12), seed=st.integers(0, 99)
)
def test_any_few_things_in_any_order(edges: list[Edge], acts: list[str], seed: int) -> None:
    happen(edges, acts, seed)


@pytest.mark.parametrize("edges", [RING, THETA], ids=["ring", "theta"])
@pytest.mark.parametrize("seed", range(3))
def test_many_things_in_a_row(edges: list[Edge], seed: int) -> None:
    happen(edges, Random(seed).choices(sorted(ACTS), k=60), seed)


@pytest.mark.parametrize("fails", [False, True], ids=["two links between them", "the link between them fails"])
def test_a_server_that_moves_beyond_a_switch_that_is_away_makes_no_loop(fails: bool) -> None:
    """p1 leads to the new home by p2, which is away and leads to the old one by p1.

    One link between them and no failure: nothing goes back out of the port by which it came. By two links it does,
    and so it does by the way round a failed one.
    """
    between = [(1, 2, 1), (1, 4, 2), (4, 2, 2)] if fails else [(1, 2, 1), (1, 2, 1)]
    fabric = FailingFabric(fabric_document([(0, 1, 1), *between, (2, 3, 1)], [(0, "web"), (1, "web"), (3, "web")]))
    document = fabric.control.fabric.declared.document
    assert document is not None
    (to_web0,) = (
        probe for probe in traffic_of(document, choices=1, versions=[4]).probes if "web1 to web0" in probe.name
    )
    fabric.start()
    fabric.disconnect("p2")
    spec = document.servers["web0"].model_copy(update={"platform": "p3", "port": 7})
    fabric.change(document.model_copy(update={"servers": {**document.servers, "web0": spec}}))
    for _ in range(30):
        fabric.step()
    if fails:
        fabric.fail((("p1", FIRST_TRUNK + 1), ("p2", FIRST_TRUNK + 1)), "both")
    by_turns = replace(to_web0, choice=0xAAAA)
    assert not by_turns.follow(fabric.network()).loops


@pytest.mark.long
@pytest.mark.parametrize("seed", range(40))
def test_very_many_things_in_a_row(seed: int) -> None:
    happen([RING, THETA, MESH][seed % 3], Random(seed).choices(sorted(ACTS), k=300), seed)
