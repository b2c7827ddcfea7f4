"""A controller that dies and comes back, a bridge that comes back late: nothing is lost, nothing is put in again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from experiments import restart
from lab import Lab
from steps import Step, measure
from stream import Flow

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
STORM = "\nstorm: 10000"
"""A flooded stream of 1,000/s is not to meet the storm control."""
FLOWS = [
    Flow("web1", "web5"),
    Flow("web7", "web3", version=6),
    Flow("db2", "db3"),
    Flow("db8", "db1", flooded=True),
    Flow("db8", "db5", flooded=True),
]


@pytest.fixture(scope="module")
def ring() -> Iterator[Lab]:
    text = (EXAMPLES / "ring.yaml").read_text().replace("fabric: ring", f"fabric: ring{STORM}")
    with Lab(text) as lab:
        yield lab


@pytest.mark.parametrize("title", list(restart.ACTS))
def test_nothing_is_lost_and_nothing_is_put_in_again(ring: Lab, title: str) -> None:
    step = Step(title, lambda: restart.ACTS[title](ring))
    outcome = measure(ring, FLOWS, step)
    assert outcome.result.clean, str(outcome.result)
    assert outcome.rules.nothing, outcome.rules
    assert outcome.rules.kept > 500
    assert not ring.api("/fabric")["status"]["alarms"]


@pytest.mark.long
def test_nothing_is_lost_by_many_restarts(ring: Lab) -> None:
    def many() -> None:
        for _ in range(20):
            restart.restart_while_it_starts(ring)

    outcome = measure(ring, FLOWS, Step("many", many))
    assert outcome.result.clean, str(outcome.result)
    assert outcome.rules.nothing, outcome.rules
