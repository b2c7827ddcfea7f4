"""Rules are deleted, altered and added behind the controller's back: how long until each is found and put right.

    .venv/bin/python mininet/lab.py DOCUMENT --experiment audit [--times N] [--json FILE] [--plot FILE]

Flow entries, groups and meters, one at a time, at random. Exit status 1 where one takes longer than 5 s.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any

from report import say, table, verdict, write_json
from tampering import LIMIT_S, WAYS, NotRepaired, Tampering, time_repair, wait_at_rest

if TYPE_CHECKING:
    from lab import Lab

_RESULT = Path("results/audit.json")
_PLOT = Path("results/audit.png")
_APART_S = 2.5
"""Up to so long after a repair the next tampering comes, at random: at any moment of the audits' turn."""
_COLOURS = {"delete": "#D55E00", "alter": "#0072B2", "add": "#009E73"}


def run(lab: Lab, arguments: list[str]) -> int:
    """The experiment, in a lab that is ready; the exit status."""
    options = _options(arguments)
    try:
        done = tamper_often(lab, options.times, Random(options.seed))
    except NotRepaired as problem:
        verdict(False, str(problem))
        return 1
    show(done)
    write_json(options.json, as_json(lab.document.fabric, options.seed, done))
    plot(done, options.plot)
    slowest = max(one.repaired_s for one in done)
    verdict(slowest <= LIMIT_S, f"{len(done)} tamperings, each put right: after {slowest:.2f} s at most")
    return 0 if slowest <= LIMIT_S else 1


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="audit", description="Tamper with rules, and time their repair.")
    parser.add_argument("--times", type=int, default=100, help="how many tamperings (100)")
    parser.add_argument("--seed", type=int, default=1, help="of what is chosen at random (1)")
    parser.add_argument("--json", type=Path, default=_RESULT, help=f"where the result goes ({_RESULT})")
    parser.add_argument("--plot", type=Path, default=_PLOT, help=f"where the picture goes ({_PLOT})")
    return parser.parse_args(arguments)


def tamper_often(lab: Lab, times: int, random: Random) -> list[Tampering]:
    """So many tamperings, all ways in turn, anywhere and at any moment; raises `NotRepaired`."""
    done = []
    wait_at_rest(lab)
    for number in range(times):
        action, kind = WAYS[number % len(WAYS)]
        lab.wait_converged()
        time.sleep(random.uniform(0, _APART_S))
        done.append(time_repair(lab, random.choice(sorted(lab.document.platforms)), action, kind, random))
        if number % 20 == 19:
            say(f"{number + 1} of {times}")
    lab.wait_converged()
    return done


def _by_way(done: Sequence[Tampering]) -> dict[tuple[str, str], list[float]]:
    found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for one in done:
        found[one.action, one.kind].append(one.repaired_s)
    return {way: sorted(found[way]) for way in WAYS if way in found}


def show(done: Sequence[Tampering]) -> None:
    """Print the times by what was done to what."""
    rows = [(f"{action} a {kind}", times) for (action, kind), times in _by_way(done).items()]
    rows.append(("all", [one.repaired_s for one in done]))
    cells = [[title, str(len(times)), f"{median(times):.2f}", f"{max(times):.2f}"] for title, times in rows]
    footnote = "s: from the tampering until the switch holds what it held before, and the event is told"
    table("Rules changed behind the controller's back", ["", "n", "median s", "max s"], cells, footnote)


def as_json(fabric: str, seed: int, done: Sequence[Tampering]) -> dict[str, Any]:
    """The result as a program reads it."""
    times = [one.repaired_s for one in done]
    return {
        "fabric": fabric,
        "seed": seed,
        "limit_s": LIMIT_S,
        "median_s": round(median(times), 3),
        "max_s": round(max(times), 3),
        "tamperings": [{**vars(one), "repaired_s": round(one.repaired_s, 3)} for one in done],
    }


def plot(done: Sequence[Tampering], path: Path) -> None:
    """Draw each tampering as a dot: what it was, and how long it stood."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    ways = _by_way(done)
    figure, axes = pyplot.subplots(figsize=(8, 0.45 * len(ways) + 1.6), layout="constrained")
    for row, ((action, _), times) in enumerate(ways.items()):
        axes.plot(times, [row] * len(times), "o", ms=5, alpha=0.6, mew=0, color=_COLOURS[action])
        axes.plot(median(times), row, "|", ms=18, mew=2, color="#333333")
    axes.axvline(LIMIT_S, color="#B00000", lw=1, ls="--")
    axes.text(LIMIT_S, 0.02, " limit", color="#B00000", fontsize=8, transform=axes.get_xaxis_transform())
    axes.set_yticks(range(len(ways)), [f"{action} a {kind}" for action, kind in ways])
    axes.invert_yaxis()
    axes.set_xlim(0, max(LIMIT_S * 1.1, *(one.repaired_s for one in done)))
    axes.set_xlabel("s until it was put right")
    axes.set_title(f"{len(done)} changes behind the controller's back (bar: median)", loc="left", weight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
