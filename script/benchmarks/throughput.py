"""TCP between two servers on one switch and across two, beside NORMAL switching, turn by turn in one run.

script/bench throughput [--turns 7] [--seconds 3] [--document FILE]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from _bench import RESULTS, conditions, plot
from _pair import pair_text
from experiments.throughput import Case, find_cases, measure, show
from lab import Lab
from report import CONSOLE, write_json

GOAL = 0.95


def draw(cases: list[Case]) -> None:
    """Every turn of either kind, side by side."""
    with plot("throughput", width=5.5) as axes:
        for place, case in enumerate(cases):
            for shift, (name, values, colour) in enumerate(
                (("NORMAL", case.normal_bps, "tab:orange"), ("Backplane", case.backplane_bps, "tab:blue"))
            ):
                at = [place + 0.25 * shift - 0.125] * len(values)
                axes.scatter(at, [bps / 1e9 for bps in values], color=colour, label=None if place else name)
        axes.set_xticks(range(len(cases)), [f"{case.title}\nratio {case.ratio:.2f}" for case in cases])
        axes.set(ylabel="Gbit/s", title="One TCP connection between two servers", xlim=(-0.6, len(cases) - 0.4))
        axes.set_ylim(bottom=0)
        axes.legend()


def as_json(case: Case) -> dict[str, Any]:
    """A case as a program reads it."""
    return {**vars(case), "ratio": case.ratio, "goal": GOAL}


def main() -> None:
    """Measure, show, and write the result down."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--document", type=Path, help="(two platforms, two links, nothing shaped)")
    arguments.add_argument("--turns", type=int, default=7)
    arguments.add_argument("--seconds", type=int, default=3)
    wanted = arguments.parse_args()
    with Lab(wanted.document or pair_text()) as lab:
        cases = find_cases(lab.document)
        measure(lab, cases, wanted.turns, wanted.seconds)
    show(cases, wanted.turns, wanted.seconds)
    draw(cases)
    for case in cases:
        CONSOLE.print(f"{case.title}: {case.ratio:.3f} of NORMAL (to reach: {GOAL})")
    result = {"conditions": conditions(), "cases": [as_json(case) for case in cases]}
    write_json(RESULTS / "bench-throughput.json", result)


if __name__ == "__main__":
    main()
