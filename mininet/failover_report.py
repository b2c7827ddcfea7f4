"""What faults cost, side by side: a table, JSON, and a picture of every single fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any

from breakages import KINDS
from cuts import Cut
from report import percentile, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"IPv4": "#0072b2", "flooded": "#e69f00", "IPv6": "#009e73"}
"""Okabe and Ito's, which the colour-blind can tell apart."""
_NEVER = "#d55e00"
_LIMITS = {"carrier": (5, 10), "silent": (60, 90)}
"""What is to be reached with the controller stopped: median and p99."""
_FOOTNOTE = """median / p99 / max of the datagrams lost by the flow that lost most, 1,000/s on each flow
return: all flows, from the mending to the next fault; others: flows that did not pass what failed
back: of how many faults the flows that had another way came through again before the mending, after how long (median)
false: of how many faults BFD gave up links that nothing had happened to, for which a busy machine is enough
dropped: packets that found no room at a port because the machine was busy; they are taken off the losses
to reach, controller stopped: carrier 5 / 10, silent 60 / 90; return 0"""


@dataclass(frozen=True)
class Trial:
    """Some faults of one kind, in one fabric, with one way to switch."""

    fabric: str
    fault: str
    side: str
    cuts: tuple[Cut, ...]

    def lost(self, kind: str) -> list[int]:
        """At each fault that flows of a kind suffered from."""
        return [cut.at_cut[kind] for cut in self.cuts if kind in cut.at_cut]

    @property
    def at_return(self) -> list[int]:
        """The most that any flow lost at each return."""
        return [max(cut.at_return.values(), default=0) for cut in self.cuts]

    @property
    def back(self) -> int:
        """Faults that did not keep away what had another way."""
        return sum(cut.back for cut in self.cuts)


def show(trials: Sequence[Trial]) -> None:
    """Print a line for each trial."""
    columns = ["fabric fault: way to switch", "n", *KINDS, "return", "others", "twice", "back", "false", "dropped"]
    table("Lost at a fault, and at its end", columns, [_row(trial) for trial in trials], _FOOTNOTE)


def _row(trial: Trial) -> list[str]:
    cuts = trial.cuts
    others, twice = max(cut.others for cut in cuts), sum(cut.duplicated for cut in cuts)
    back = f"{trial.back}/{len(cuts)} {median(cut.back_s for cut in cuts):.1f} s"
    kinds = [_three(trial.lost(kind)) for kind in KINDS]
    false, dropped = sum(bool(cut.false_alarms) for cut in cuts), sum(cut.overrun for cut in cuts)
    end = (_three(trial.at_return), str(others), str(twice), back, str(false), str(dropped))
    return [f"{trial.fabric} {trial.fault}: {trial.side}", str(len(cuts)), *kinds, *end]


def _three(lost: Sequence[int]) -> str:
    found = summary(lost)
    return f"{found['median']:g}/{found['p99']:g}/{found['max']:g}" if lost else "–"


def summary(lost: Sequence[int]) -> dict[str, float]:
    """Median, p99 and maximum; of none: only that there are none."""
    if not lost:
        return {"n": 0}
    p99 = percentile([float(each) for each in lost], 0.99)
    return {"n": len(lost), "median": median(lost), "p99": p99, "max": max(lost)}


def as_json(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """For a result file: the figures, and every fault."""
    return [
        {
            "fabric": trial.fabric,
            "fault": trial.fault,
            "side": trial.side,
            "at_cut": {kind: summary(trial.lost(kind)) for kind in KINDS},
            "at_return": summary(trial.at_return),
            "back": trial.back,
            "cuts": [asdict(cut) for cut in trial.cuts],
        }
        for trial in trials
    ]


def plot(trials: Sequence[Trial], path: Path) -> None:
    """Draw a panel for each fabric and fault, in it a strip for each way to switch: one dot a fault."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    fabrics, faults, sides = (list(dict.fromkeys(each)) for each in zip(*_places(trials), strict=True))
    size = (1.5 + (1.2 + 0.9 * len(sides)) * len(fabrics), 1.2 + 2.6 * len(faults))
    figure, axes = pyplot.subplots(
        len(faults), len(fabrics), figsize=size, sharex=True, sharey="row", squeeze=False, layout="constrained"
    )
    for row, fault in zip(axes, faults, strict=True):
        for panel, fabric in zip(row, fabrics, strict=True):
            _draw(panel, [each for each in trials if (each.fabric, each.fault) == (fabric, fault)], sides)
            panel.set_title(f"{fabric}, {fault}", fontsize=9, loc="left")
        row[0].set_ylabel("datagrams lost\n(1,000/s)", fontsize=8)
    shown = {label: line for panel in axes.flat for line, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(
        shown.values(),
        shown.keys(),
        loc="outside lower center",
        ncols=min(3 * len(fabrics), len(shown)),
        frameon=False,
        fontsize=8,
    )
    figure.suptitle("Lost at a fault (filled) and at its end (hollow): each dot is one fault", x=0.01, ha="left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _places(trials: Sequence[Trial]) -> Iterator[tuple[str, str, str]]:
    yield from ((trial.fabric, trial.fault, trial.side) for trial in trials)


def _draw(panel: Axes, trials: Sequence[Trial], sides: Sequence[str]) -> None:
    for trial in trials:
        _strips(panel, trial, sides.index(trial.side))
    for limit in _LIMITS.get(trials[0].fault, ())[:1] if trials else ():
        panel.axhline(limit, color="#999999", lw=0.8, ls="--", label="median to reach")
    panel.set_yscale("symlog", linthresh=10)
    panel.set_ylim(-0.8, max(panel.get_ylim()[1], 12))
    panel.set_xlim(-0.5, len(sides) - 0.5)
    panel.set_xticks(range(len(sides)), [side.replace(", ", ",\n") for side in sides], fontsize=7)
    panel.tick_params(labelsize=7)
    panel.grid(axis="y", alpha=0.2)
    panel.spines[["top", "right"]].set_visible(False)


def _strips(panel: Axes, trial: Trial, place: int) -> None:
    dice = Random(place)
    for shift, kind in zip((-0.28, -0.1, 0.08), KINDS, strict=True):
        _dots(panel, trial.lost(kind), place + shift, dice, color=_COLOURS[kind], label=kind)
    _dots(panel, trial.at_return, place + 0.3, dice, color="none", edgecolors="#444444", label="at its end, all flows")
    never = [max(cut.at_cut.values(), default=0) for cut in trial.cuts if not cut.back]
    panel.scatter(
        [place - 0.4] * len(never), never, marker="x", s=14, color=_NEVER, label="not back before the mending"
    )


def _dots(panel: Axes, lost: Sequence[int], at: float, dice: Random, **style: Any) -> None:
    where = [at + dice.uniform(-0.06, 0.06) for _ in lost]
    panel.scatter(where, lost, s=9, linewidths=0.6, alpha=0.75, **style)
    if lost:
        panel.hlines(median(lost), at - 0.09, at + 0.09, color="black", lw=1.2)
