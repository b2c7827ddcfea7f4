"""What the benchmarks share: the lab's modules on the path, where results go, plots that look alike."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results"
sys.path[:0] = [str(ROOT / "mininet"), str(ROOT)]


def allow_files(count: int) -> None:
    """Let this process open so many files and sockets."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def conditions() -> dict[str, Any]:
    """The machine of the moment: quote only what was measured in one run."""
    return {"cpus": os.cpu_count(), "load_average": os.getloadavg()[0], "kernel": platform.release()}


def quantiles(values: list[float]) -> dict[str, float]:
    """Median, 99th percentile, lowest and highest."""
    ordered = sorted(values)
    p99 = ordered[min(int(0.99 * len(ordered)), len(ordered) - 1)]
    return {"median": statistics.median(ordered), "p99": p99, "lowest": ordered[0], "highest": ordered[-1]}


@contextlib.contextmanager
def plot(name: str, width: float = 7, height: float = 4) -> Iterator[Any]:
    """A picture in `results/`: its axes to draw on."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(width, height), layout="constrained")
    yield axes
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, axis="y", alpha=0.3)
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / f"bench-{name}.png", dpi=130)
    pyplot.close(figure)
