"""Links fail in every way: what passes them goes round by the switches alone, and comes back without loss."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from breakages import FAULTS, Choice
from cuts import Cut, measure_cuts
from fabrics import ring
from sides import Side, backplane

CUTS = 3
"""Which flows a link carries is a matter of their hash: with so many, some of each kind."""


@pytest.fixture(scope="module")
def alone() -> Iterator[Side]:
    """A ring of four whose controller is dead."""
    with backplane(ring(), "stopped") as side:
        yield side


def cuts_of(side: Side, fault: str) -> list[Cut]:
    return measure_cuts(side, FAULTS[fault], CUTS, Choice(1), lambda: None)


def assert_went_round(cuts: list[Cut], bound: int) -> None:
    """Generous bounds: how few it can be is measured by the experiment, on a machine with nothing else to do."""
    alone = [cut for cut in cuts if not cut.false_alarms]  # another lab that comes or goes stalls Open vSwitch
    assert alone, cuts
    for cut in alone:
        assert cut.back, cut
        assert 0 < max(cut.at_cut.values()) <= bound, cut
        assert max(cut.at_return.values()) == cut.others == cut.duplicated == 0, cut
    assert any("flooded" in cut.at_cut for cut in cuts), cuts
    assert any(cut.at_cut.keys() - {"flooded"} for cut in cuts), cuts


@pytest.mark.parametrize(("fault", "bound"), [("carrier", 80), ("silent", 400), ("one-way", 400)])
def test_a_failed_link_costs_little_and_its_return_nothing(alone: Side, fault: str, bound: int) -> None:
    assert_went_round(cuts_of(alone, fault), bound)
