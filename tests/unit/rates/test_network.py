"""Where traffic goes when a line of its path has failed."""

from __future__ import annotations

import pytest

from tests.unit.rates.small import demand, line, network

TRIANGLE = (line("a-b"), line("b-c"), line("a-c"))


@pytest.mark.parametrize(
    ("down", "detour"),
    [
        ({"a-b"}, ["a-c"]),
        ({"b-c"}, ["a-c"]),
        ({"a-c"}, ["a-b", "b-c"]),
        ({"a-b", "a-c"}, None),
    ],
)
def test_a_path_over_the_way_round_comes_nowhere_twice(down: set[str], detour: list[str] | None) -> None:
    found = network(*TRIANGLE, down=down).detour(demand("r", "a>c", 1), ("a-b", "b-c"))
    assert (found and [hop.line.name for hop in found]) == detour


def test_a_way_round_is_one_for_each_end() -> None:
    both_rounds = network(line("a-b"), line("a-c"), line("c-b"), line("a-d"), line("b-d"))
    there, back = (next(hop for hop in both_rounds.hops(end) if hop.line.name == "a-b") for end in "ab")
    assert both_rounds.way_round(there) == (("a-c", "a"), ("c-b", "c"))
    assert both_rounds.way_round(back) == (("b-d", "b"), ("a-d", "d"))


def test_a_line_from_a_platform_to_itself_is_no_way() -> None:
    assert network(line("a-a"), line("a-b")).hops("a")[0].beyond == "b"
