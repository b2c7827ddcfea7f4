"""What steps cost, as a table, as JSON and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from report import table
from steps import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from stream import FlowResult

_COLUMNS = 3
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#f0e442")
"""Okabe and Ito's, which the colour-blind can tell apart."""
_LOST = "#d55e00"
_SHOWN = 6000
"""So many points of one flow are drawn."""


def show(title: str, outcomes: Sequence[Outcome]) -> None:
    """Print a line for each step."""
    columns = ["step", "took s", "sent", "lost", "twice", "longest gap ms", "rules kept", "new", "gone", "rewritten"]
    table(title, columns, [_row(outcome) for outcome in outcomes], _footnote(outcomes))


def _row(outcome: Outcome) -> list[str]:
    others, rules = outcome.others, outcome.rules
    figures = (others.sent, others.lost, others.duplicated, f"{others.longest_gap_s * 1000:.0f}")
    changed = (rules.kept, len(rules.added), len(rules.removed), len(rules.rewritten))
    return [outcome.step.title, f"{outcome.took_s:.1f}", *map(str, (*figures, *changed))]


def _footnote(outcomes: Sequence[Outcome]) -> str:
    stall_s = max((outcome.result.longest_stall_s for outcome in outcomes), default=0.0)
    overrun = sum(outcome.result.overrun for outcome in outcomes)
    lines = [f"{len(outcomes[0].result.flows)} streams of 1,000 datagrams/s; the longest gap is the machine's too: "]
    lines[0] += f"the streams' own process was up to {stall_s * 1000:.0f} ms late, {overrun} packets found no room"
    lines += [str(flow) for outcome in outcomes for flow in _concerned(outcome)]
    return "\n".join(lines)


def _concerned(outcome: Outcome) -> list[FlowResult]:
    spared = set(map(id, outcome.others.flows))
    return [flow for flow in outcome.result.flows if id(flow) not in spared]


def as_json(fabric: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """For a result file."""
    return {"fabric": fabric, "steps": [_step_as_json(outcome) for outcome in outcomes]}


def _step_as_json(outcome: Outcome) -> dict[str, Any]:
    rules = outcome.rules
    return {
        "step": outcome.step.title,
        "took_s": round(outcome.took_s, 3),
        "unplugged": outcome.step.concerns,
        "others_lost": outcome.others.lost,
        "others_duplicated": outcome.others.duplicated,
        **outcome.result.as_json(),
        "rules": {
            "kept": rules.kept,
            "added": len(rules.added),
            "removed": len(rules.removed),
            "rewritten": len(rules.rewritten),
        },
    }


def plot(title: str, outcomes: Sequence[Outcome], path: Path) -> None:
    """Draw, for each step, the delay of every datagram over time, and where any was lost."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = ceil(len(outcomes) / _COLUMNS)
    size = (5 * _COLUMNS, 2.8 * rows + 1)
    figure, axes = pyplot.subplots(rows, _COLUMNS, figsize=size, sharey=True, squeeze=False, layout="constrained")
    for outcome, panel in zip(outcomes, axes.flat, strict=False):
        _draw(outcome, panel)
    for unused in axes.flat[len(outcomes) :]:
        unused.set_visible(False)
    shown = {label: line for panel in axes.flat for line, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(
        shown.values(), shown.keys(), loc="outside lower center", ncols=len(shown), frameon=False, markerscale=6
    )
    figure.suptitle(f"{title}: each dot is one datagram, 1,000/s on each stream", x=0.01, ha="left", weight="bold")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _draw(outcome: Outcome, panel: Axes) -> None:
    panel.axvspan(0, outcome.took_s, color="#000000", alpha=0.06, lw=0)
    for flow, colour in zip(outcome.result.flows, _COLOURS * len(outcome.result.flows), strict=False):
        _dots(flow, outcome.began, colour, panel)
        where = panel.get_xaxis_transform()
        panel.vlines(flow.lost_at - outcome.began, 0.93, 1, _LOST, lw=0.5, transform=where, label="lost")
    panel.set_yscale("log")
    panel.set_ylim(0.02, 1000)
    panel.set_title(f"{outcome.step.title}\n{_figures(outcome)}", fontsize=9, loc="left")
    panel.set_xlabel("s since the step began", fontsize=8)
    panel.set_ylabel("delay, ms", fontsize=8)
    panel.tick_params(labelsize=8)
    panel.spines[["top", "right"]].set_visible(False)


def _figures(outcome: Outcome) -> str:
    others = outcome.others
    text = f"{others.lost} of {others.sent:,} lost, {others.duplicated} twice"
    for flow in _concerned(outcome):
        text += f"; {flow.flow.source} → {flow.flow.target} away for {flow.longest_gap_s * 1000:.0f} ms"
    return text


def _dots(flow: FlowResult, began: float, colour: str, panel: Axes) -> None:
    every = max(len(flow.arrived_at) // _SHOWN, 1)
    sent = flow.sent_at[flow.numbers - flow.first][::every] - began
    delays_ms = np.maximum(flow.delays_s[::every] * 1000, 0.02)
    panel.plot(sent, delays_ms, ".", ms=1, color=colour, label=str(flow.flow), rasterized=True)
