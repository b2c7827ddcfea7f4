"""Links, platforms, servers, documents and the controller change at random; at rest nothing is left of it."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from lab import Lab

from tests.emulation.random_acts import RandomActs

LONG_S = 600.0
RING = Path(__file__).resolve().parents[2] / "examples" / "ring.yaml"


def changing(seed: int) -> Lab:
    """A ring of four in two segments, whose links are used soon after they have returned."""
    print(f"seed {seed}")
    return Lab(RING.read_text().replace("fabric: ring", "fabric: ring\nhold: 1"))


def test_a_few_changes_at_random() -> None:
    with changing(3) as lab:
        acts = RandomActs(lab, 3)
        acts.settle()
        for _ in range(2):
            for _ in range(4):
                acts.act()
            acts.settle()
        print(acts.said())


@pytest.mark.long
@pytest.mark.timeout(LONG_S + 300)
def test_ten_minutes_of_changes_at_random() -> None:
    """`CHURN_SEED` repeats a run."""
    seed = int(os.environ.get("CHURN_SEED", random.randrange(10_000)))
    with changing(seed) as lab:
        acts, until = RandomActs(lab, seed), time.monotonic() + LONG_S
        acts.settle()
        while time.monotonic() < until:
            for _ in range(random.Random(len(acts.story)).randint(1, 6)):
                acts.act()
            acts.settle()
        print(acts.said())
