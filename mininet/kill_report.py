"""What killing the controller at random moments cost, as a table, as JSON and as a picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kills import Round
from report import table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GOOD, _BAD = "#0072b2", "#d55e00"


def show(rounds: Sequence[Round]) -> None:
    """Print a line for each kind of change."""
    kinds: defaultdict[str, list[Round]] = defaultdict(list)
    for each in rounds:
        kinds[each.change].append(each)
    columns = ["killed after a change of", "kills", "sent", "lost", "twice", "rules kept", "rewritten", "forgotten"]
    rows = [[kind, *map(str, _figures(kinds[kind]))] for kind in sorted(kinds)]
    rows.append(["all", *map(str, _figures(rounds))])
    table("Controller killed at random moments, under a probe every millisecond", columns, rows, _footnote(rounds))


def _figures(rounds: Sequence[Round]) -> tuple[int, ...]:
    results = [each.outcome.result for each in rounds]
    return (
        sum(len(each.kills) for each in rounds),
        sum(result.sent for result in results),
        sum(result.lost for result in results),
        sum(result.duplicated for result in results),
        sum(each.outcome.rules.kept for each in rounds),
        sum(len(each.outcome.rules.rewritten) for each in rounds),
        sum(len(each.forgotten) for each in rounds),
    )


def _footnote(rounds: Sequence[Round]) -> str:
    results = [each.outcome.result for each in rounds]
    streams = len(results[0].flows) if results else 0
    busy = sum(result.overrun + result.overflown for result in results)
    return f"{streams} streams of 1,000 datagrams/s; {busy} datagrams found no room because the machine was busy"


def as_json(fabric: str, seed: int, rounds: Sequence[Round], unequal: dict[str, list[str]]) -> dict[str, Any]:
    """For a result file; `unequal`: where the end state is not that of a fresh start."""
    names = ("kills", "sent", "lost", "duplicated", "rules_kept", "rules_rewritten", "forgotten")
    return {
        "fabric": fabric,
        "seed": seed,
        "all": dict(zip(names, _figures(rounds), strict=True)),
        "unequal": unequal,
        "rounds": [_round_as_json(each) for each in rounds],
    }


def _round_as_json(each: Round) -> dict[str, Any]:
    rules = each.outcome.rules
    return {
        "change": each.change,
        "killed_after_s": [round(moment, 3) for moment in each.kills],
        "took_s": round(each.outcome.took_s, 3),
        "forgotten": list(each.forgotten),
        "rules": {"kept": rules.kept, "added": len(rules.added), "removed": len(rules.removed)},
        "rewritten": list(rules.rewritten),
        **each.outcome.result.as_json(),
    }


def plot(rounds: Sequence[Round], path: Path) -> None:
    """Draw when the kills fell, for each kind of change, and which of them cost anything."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    kinds = sorted({each.change for each in rounds}, reverse=True)
    size = (9, 1.8 + 0.32 * len(kinds))
    figure, (first, later) = pyplot.subplots(1, 2, figsize=size, sharey=True, layout="constrained")
    _draw(first, kinds, [(each, each.kills[:1]) for each in rounds], "after the change was asked for")
    _draw(later, kinds, [(each, each.kills[1:]) for each in rounds], "after the controller was started")
    total, sent, lost, twice, *_ = _figures(rounds)
    title = f"{total} kills: {lost} of {sent:,} datagrams lost, {twice} twice (blue: nothing lost or put in again)"
    figure.suptitle(title, x=0.01, ha="left", weight="bold", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _draw(panel: Axes, kinds: list[str], kills: list[tuple[Round, tuple[float, ...]]], when: str) -> None:
    for each, moments in kills:
        colour = _GOOD if each.good else _BAD
        panel.plot(moments, [kinds.index(each.change)] * len(moments), "o", ms=4, alpha=0.6, color=colour)
    panel.set_yticks(range(len(kinds)), kinds, fontsize=8)
    panel.set_xlim(left=0)
    panel.set_xlabel(f"s {when}", fontsize=8)
    panel.tick_params(labelsize=8)
    panel.spines[["top", "right"]].set_visible(False)
