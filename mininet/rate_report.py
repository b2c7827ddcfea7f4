"""What became of rates: tables, JSON, and a picture of what arrived over time beside what was granted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fillings import Asked
from overloads import Kept
from report import table
from reroutes import Reroute

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9")
"""Okabe and Ito's, which the colour-blind can tell apart."""
_LAYER_2 = "Mbit/s of layer 2, without FCS, at the receiving server's card"
_WIDTH = 30


@dataclass
class Found:
    """What the scenarios found; those that were not asked for have found nothing."""

    overload: dict[str, list[Kept]] = field(default_factory=dict)
    """By title."""
    admission: list[Asked] = field(default_factory=list)
    failure: list[Reroute] = field(default_factory=list)


def show(found: Found, seconds: float) -> None:
    """Print a table for each scenario."""
    for title, kept in found.overload.items():
        _show_overload(title, kept, seconds)
    if found.admission:
        _show_admission(found.admission)
    for reroute in found.failure:
        _show_grants(reroute)
        _show_losses(reroute)


def _show_overload(title: str, kept: Sequence[Kept], seconds: float) -> None:
    columns = ["", "granted", "arrived", "deviation", "measured by the controller"]
    rows = [
        [
            f"{each.name}, {each.protocol}",
            _mbit(each.granted_bps),
            f"{each.received_bps / 1e6:.2f}",
            f"{each.deviation:+.2%}" if each.deviation is not None else "–",
            _mbit(each.measured_bps),
        ]
        for each in kept
    ]
    table(f"Overload: {title}", columns, rows, f"{_LAYER_2}, over {seconds:g} s")


def _show_admission(asked: Sequence[Asked]) -> None:
    most = max(each.left_bps + each.granted_bps for each in asked)
    columns = ["", "asked", "floor", "granted", "best offer", "left", "ms", "left"]
    rows = [
        [
            each.name,
            _mbit(each.rate_bps),
            _mbit(each.floor_bps),
            _mbit(each.granted_bps) if each.granted_bps else "409",
            _mbit(each.offer_bps),
            _mbit(each.left_bps),
            f"{each.took_s * 1000:.0f}",
            f"{'█' * round(_WIDTH * each.left_bps / most):<{_WIDTH}}",
        ]
        for each in asked
    ]
    refused = [each.why for each in asked if each.why]
    table("Admission until it is full", columns, rows, f"Mbit/s; the last refusal: {refused[-1]}" if refused else None)


def _show_grants(reroute: Reroute) -> None:
    rows = [[name, *map(_mbit, grants)] for name, grants in reroute.granted_bps.items()]
    took = reroute.negotiated_at_s - reroute.cut_at_s
    footnote = f"Mbit/s; negotiated anew {took * 1000:.0f} ms after the cut, by the controller's own events"
    table(f"Granted, with {reroute.link} cut", ["", "before", "while it was out", "after its return"], rows, footnote)


def _show_losses(reroute: Reroute) -> None:
    columns = ["", "passed it", "by the fault", "by the new path", "by the return"]
    rows = [
        [each.flow, "yes" if each.passed_it else "no", str(each.by_fault), str(each.by_new_path), str(each.by_return)]
        for each in reroute.losses
    ]
    footnote = "datagrams lost of 1,000/s: until all was negotiated anew, from then to the mending, and from there on"
    if reroute.overrun:
        footnote += f"; {reroute.overrun} of them found no room because the machine was busy"
    table("Lost by reserved traffic", columns, rows, footnote)


def _mbit(bps: float | None) -> str:
    return "–" if bps is None else f"{bps / 1e6:.4g}"


def as_json(found: Found) -> dict[str, Any]:
    """For a result file."""
    return {
        "overload": {title: [_kept(each) for each in kept] for title, kept in found.overload.items()},
        "admission": [asdict(each) for each in found.admission],
        "failure": [asdict(each) for each in found.failure],
    }


def _kept(kept: Kept) -> dict[str, Any]:
    return {**asdict(kept), "deviation": kept.deviation}


# The picture


def plot(found: Found, path: Path) -> None:
    """Draw a panel for each overload and each failure."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = [*found.overload.items(), *((f"{each.link} is cut", each) for each in found.failure)]
    if not panels:
        return
    rows = (len(panels) + 1) // 2
    figure, axes = pyplot.subplots(rows, 2, figsize=(11, 0.6 + 2.6 * rows), squeeze=False, layout="constrained")
    for panel, (title, what) in zip(axes.flat, panels, strict=False):
        if isinstance(what, Reroute):
            _draw_reroute(panel, what)
        else:
            _draw_overload(panel, what)
        _dress(panel, title)
    for unused in axes.flat[len(panels) :]:
        unused.set_visible(False)
    figure.suptitle("What arrives in each tenth of a second; thin lines: what is granted", x=0.01, ha="left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _draw_overload(panel: Axes, kept: Sequence[Kept]) -> None:
    for each, colour in zip(kept, _COLOURS, strict=False):
        _line(panel, each.series, colour, f"{each.name}, {each.protocol}")
        if each.granted_bps:
            panel.axhline(each.granted_bps / 1e6, color=colour, lw=0.8, alpha=0.7)


def _draw_reroute(panel: Axes, reroute: Reroute) -> None:
    panel.axvspan(reroute.cut_at_s, reroute.mended_at_s, color="#000000", alpha=0.06, lw=0, label="the link is out")
    for (name, series), colour in zip(reroute.series.items(), _COLOURS, strict=False):
        _line(panel, series, colour, name)
        times, grants = zip(*_grants(reroute, name), strict=True)
        panel.step(times, [bps / 1e6 for bps in grants], where="post", color=colour, lw=0.8, alpha=0.7)


def _grants(reroute: Reroute, name: str) -> Iterator[tuple[float, int]]:
    """What a reservation had, from when on."""
    had = reroute.granted_bps[name][0]
    yield 0.0, had
    for change in reroute.changes:
        if change.name == name:
            had = change.granted_bps
            yield change.at_s, had
    yield reroute.ended_at_s, had


def _line(panel: Axes, series: Sequence[tuple[float, float]], colour: str, label: str) -> None:
    panel.plot([at for at, _ in series], [bps / 1e6 for _, bps in series], color=colour, lw=1.3, label=label)


def _dress(panel: Axes, title: str) -> None:
    panel.set_title(title, fontsize=9, loc="left")
    panel.set_xlabel("s", fontsize=8)
    panel.set_ylabel("Mbit/s", fontsize=8)
    panel.set_ylim(bottom=0)
    panel.tick_params(labelsize=7)
    panel.grid(axis="y", alpha=0.2)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(fontsize=7, frameon=False, ncols=2)


def figures(found: Found) -> Mapping[str, float]:
    """The largest deviation from a grant, and what the new path cost: by which the experiment is judged."""
    deviations = [
        abs(each.deviation) for kept in found.overload.values() for each in kept if each.deviation is not None
    ]
    lost = [each.by_new_path for reroute in found.failure for each in reroute.losses]
    return {"deviation": max(deviations, default=0.0), "lost": max(lost, default=0)}
