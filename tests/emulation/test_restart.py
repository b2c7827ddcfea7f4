"""A controller that dies and comes back, a bridge that comes back late: nothing is lost, nothing is put in again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from churn_site import Site
from experiments import restart
from kills import Killed, kill_often
from lab import Lab
from steps import Step, measure
from stream import Flow

from controller.model.document import dump_document, parse_document

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SETTINGS = "\nstorm: 10000\nbfd: off"
"""A flooded stream of 1,000/s is not to meet the storm control; on a busy machine BFD takes links to have failed."""
FLOWS = [
    Flow("web1", "web5"),
    Flow("web7", "web3", version=6),
    Flow("db2", "db3"),
    Flow("db8", "db1", flooded=True),
    Flow("db8", "db5", flooded=True),
]


@pytest.fixture(scope="module")
def ring() -> Iterator[Lab]:
    text = (EXAMPLES / "ring.yaml").read_text().replace("fabric: ring", f"fabric: ring{SETTINGS}")
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


def killed(kills: int, seed: int) -> Killed:
    document = parse_document((EXAMPLES / "ring.yaml").read_text(), "ring.yaml")
    site = Site.of(document)
    with Lab(dump_document(site.prepared(document))) as lab:
        site.plug(lab)
        return kill_often(lab, site, kills, seed)


def assert_harmless(found: Killed) -> None:
    for each in found.rounds:
        what = f"{each.change}, killed after {each.kills} s"
        assert each.outcome.result.clean, f"{what}: {each.outcome.result}"
        assert not each.outcome.rules.rewritten, f"{what}: {each.outcome.rules}"
        assert not each.forgotten, what
        assert each.outcome.rules.kept > 500
    for start, lines in found.unequal.items():
        assert not lines, f"unlike {start}: {lines}"


def test_killed_at_any_moment_of_a_change_it_ends_where_a_fresh_start_does() -> None:
    assert_harmless(killed(kills=4, seed=1))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_killed_a_hundred_times_it_ends_where_a_fresh_start_does() -> None:
    assert_harmless(killed(kills=100, seed=2))
