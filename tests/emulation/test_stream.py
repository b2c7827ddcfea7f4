"""The stream of probes: it loses nothing by itself, and tells what is lost, twice or late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lab import Lab
from stream import Flow, FlowResult, Stream, StreamFailed, StreamResult

from controller.model.document import parse_document

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LINKS = ("chassis1.east1--chassis2.west1", "chassis1.east2--chassis2.west2")
FLOWS = [
    Flow("web1", "web3"),
    Flow("web4", "web2", version=6),
    Flow("db1", "db3", flooded=True),
    Flow("db1", "db2", flooded=True),
    Flow("web3", "web1", version=6, flooded=True),
]


@pytest.fixture(scope="module")
def plain() -> Iterator[Lab]:
    """NORMAL bridges with one link: nothing of ours is in the way."""
    document = parse_document((EXAMPLES / "two-chassis.yaml").read_text(), "two-chassis.yaml")
    kept = {LINKS[0]: document.links[LINKS[0]]}
    with Lab(document.model_copy(update={"links": kept}), normal=True) as lab:
        yield lab


def run_at_rest(lab: Lab, seconds: float) -> None:
    with Stream(lab, FLOWS) as stream:
        stream.go_on(seconds)
    result = stream.result
    assert result.clean, str(result)
    assert result.overflown == 0, str(result)
    assert min(flow.sent for flow in result.flows) > 200 * seconds, str(result)


def test_a_fabric_at_rest_loses_nothing(plain: Lab) -> None:
    run_at_rest(plain, 4)


@pytest.mark.long
def test_a_fabric_at_rest_loses_nothing_for_minutes(plain: Lab) -> None:
    run_at_rest(plain, 120)


def test_what_is_lost_is_counted_and_dated(plain: Lab) -> None:
    with Stream(plain, FLOWS) as stream:
        stream.go_on(0.2)
        plain.set_link(LINKS[0], up=False)
        stream.go_on(1.0)
        plain.set_link(LINKS[0], up=True)
        stream.go_on(0.2)
    crossing, local = stream.result.flow("web1", "web3"), stream.result.flow("db1", "db2")
    assert local.lost == 0, str(stream.result)
    assert 0 < crossing.lost < 1500, str(stream.result)
    assert crossing.lost_at[-1] - crossing.lost_at[0] <= crossing.longest_gap_s, str(stream.result)
    assert f"{crossing.lost} of {crossing.sent} lost" in str(stream.result)


def test_flooded_flows_of_a_server_share_its_datagrams(plain: Lab) -> None:
    with Stream(plain, FLOWS) as stream:
        stream.go_on(0.1)
    near, far = stream.result.flow("db1", "db2"), stream.result.flow("db1", "db3")
    assert np.array_equal(near.sent_at, far.sent_at)


def test_a_flow_on_which_nothing_arrives_is_named(plain: Lab) -> None:
    plain.set_link(LINKS[0], up=False)
    with pytest.raises(StreamFailed, match="web1 → web3"), Stream(plain, FLOWS[:1]):
        pass
    plain.set_link(LINKS[0], up=True)


# What is made of sendings and arrivals


def found(numbers: list[int], sent: int = 5) -> FlowResult:
    times = np.arange(sent, dtype=float)
    arrivals = np.array(numbers, dtype=np.int64)
    return FlowResult(Flow("a", "b"), times, np.array([]), arrivals, arrivals + 0.25 + np.arange(len(numbers)) * 1e-6)


@pytest.mark.parametrize(
    ("numbers", "lost", "duplicated", "reordered"),
    [
        ([0, 1, 2, 3, 4], [], 0, 0),
        ([0, 1, 4], [2, 3], 0, 0),
        ([0, 1, 1, 2, 3, 4], [], 1, 0),
        ([0, 2, 1, 3, 4], [], 0, 1),
        ([1, 0, 3, 2, 4], [], 0, 2),
        ([0, 1, 2, 3, 4, 1], [], 1, 0),
        ([], [0, 1, 2, 3, 4], 0, 0),
    ],
)
def test_counts(numbers: list[int], lost: list[int], duplicated: int, reordered: int) -> None:
    result = found(numbers)
    assert result.lost_at.tolist() == lost
    assert (result.duplicated, result.reordered) == (duplicated, reordered)


def test_a_part_of_the_time_has_its_own_counts() -> None:
    part = found([0, 1, 1, 3, 4]).between(1.0, 3.0)
    assert (part.sent, part.lost_at.tolist(), part.duplicated) == (2, [2.0], 1)
    assert part.delays_s == pytest.approx([0.25] * 2, abs=1e-4)


def test_what_the_machine_dropped_is_not_held_against_the_fabric() -> None:
    lossy = found([0, 1, 4])
    assert StreamResult((lossy,), overrun=2).clean
    assert not StreamResult((lossy,), overrun=1).clean
    assert not StreamResult((found([0, 1, 1, 2, 3, 4]),), overrun=5).clean


def test_a_flooded_datagram_that_nobody_got_is_lost_once() -> None:
    flooded = [replace(found([0, 1, 2, 4]), flow=Flow("a", name, flooded=True)) for name in "bc"]
    assert StreamResult(tuple(flooded)).unexplained == 1


def test_delays_are_from_sending_to_arrival() -> None:
    assert found([0, 1, 3, 4]).delays_s == pytest.approx([0.25] * 4, abs=1e-4)
