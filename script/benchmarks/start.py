"""From the start of the controller until all ordered pairs of declared servers on one platform are reached.

The bridge with its servers is there, looking for its controller every second at most; the clock starts with the
controller's process. NORMAL switching, with cold tables, has no controller to wait for. Beside it: flow entries a
server, and how many packets went to the controller.

    script/bench start [--servers 16 128] [--runs 3]

FAUCET takes part where the environment variable FAUCET names its program.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

from _bench import RESULTS, allow_files, conditions, plot
from _peers import BACKPLANE, NORMAL, peers, platform_text, way
from _reach import reach_all
from report import CONSOLE, table, write_json

LIMIT_S = 120.0
GOAL_S = 3.0
"""So much more than NORMAL, for 128 servers."""
BOTH_GOAL = {"IPv4": 8, "IPv4 and IPv6": 16}


def measure(kind: str, servers: int) -> dict[str, Any]:
    """One run."""
    with way(kind, platform_text(servers)) as made:
        began = time.monotonic()
        made.start()
        try:
            times = reach_all(made.lab, began, LIMIT_S)
        except TimeoutError as problem:
            CONSOLE.print(f"{kind}: {problem}")
            return {"problem": str(problem)}
        return {
            "first_s": times[0],
            "all_s": times[-1],
            "times_s": times[:: max(len(times) // 200, 1)] + times[-1:],
            "flow_entries": made.flow_entries(),
            "to_controller": made.to_controller() if kind != NORMAL else 0,
        }


def entries_a_server(servers: int) -> dict[str, float]:
    """Flow entries that a declared server more costs on its switch: the slope between two sizes."""
    found = {}
    for name, ipv6 in (("IPv4", False), ("IPv4 and IPv6", True)):
        few, many = (_entries(count, ipv6) for count in (2, servers))
        found[name] = (many - few) / (servers - 2)
    return found


def _entries(servers: int, ipv6: bool) -> int:
    with way(BACKPLANE, platform_text(servers, ipv6)) as made:
        made.start()
        made.wait_ready(30)
        return made.flow_entries()


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The medians of the runs that came to an end."""
    good = [run for run in runs if "all_s" in run]
    names = ("first_s", "all_s", "flow_entries", "to_controller")
    medians = {name: statistics.median(run[name] for run in good) for name in names} if good else {}
    return {"median": medians, "runs": runs}


def show(servers: int, found: dict[str, dict[str, Any]]) -> None:
    """The table that a person reads."""
    rows = []
    for kind, result in found.items():
        median = result["median"]
        if not median:
            rows.append([kind, "-", "-", "-", "-", "-"])
            continue
        more = median["all_s"] - found[NORMAL]["median"]["all_s"]
        figures = [f"{median['first_s']:.2f}", f"{median['all_s']:.2f}", f"{more:+.2f}"]
        rows.append([kind, *figures, f"{median['flow_entries'] / servers:.1f}", f"{median['to_controller']:,.0f}"])
    columns = ["", "first pair s", "all pairs s", "beside NORMAL s", "flow entries a server", "packets to controller"]
    pairs = servers * (servers - 1)
    footnote = f"medians; to reach: at most {GOAL_S:g} s more than NORMAL for 128 servers"
    table(f"{servers} servers, {pairs:,} ordered pairs, from the start of the controller", columns, rows, footnote)


def draw(servers: int, found: dict[str, dict[str, Any]]) -> None:
    """How many pairs were reached when."""
    with plot(f"start-{servers}") as axes:
        for kind, result in found.items():
            run = next((run for run in result["runs"] if "times_s" in run), None)
            if run:
                count = len(run["times_s"])
                axes.step(run["times_s"], [100 * (at + 1) / count for at in range(count)], label=kind, where="post")
        axes.set(xlabel="seconds from the start of the controller", ylabel="pairs reached, %")
        axes.set_title(f"{servers} servers on one platform")
        axes.set_xlim(left=0)
        axes.legend()


def main() -> None:
    """Measure, show, and write the result down."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--servers", type=int, nargs="+", default=[16, 128])
    arguments.add_argument("--runs", type=int, default=3)
    wanted = arguments.parse_args()
    allow_files(8192)
    result: dict[str, Any] = {"conditions": conditions(), "goal_s": GOAL_S, "servers": {}}
    for servers in wanted.servers:
        runs: dict[str, list[dict[str, Any]]] = {kind: [] for kind in peers()}
        for turn in range(wanted.runs):
            for kind, of_kind in runs.items():
                with CONSOLE.status(f"{servers} servers, {kind}, run {turn + 1} of {wanted.runs}"):
                    of_kind.append(measure(kind, servers))
        found = {kind: summary(of_kind) for kind, of_kind in runs.items()}
        show(servers, found)
        draw(servers, found)
        result["servers"][servers] = found
    result["entries_a_server"] = entries_a_server(min(max(wanted.servers), 34))
    for name, entries in result["entries_a_server"].items():
        CONSOLE.print(f"{name}: {entries:.1f} flow entries a declared server (to reach: {BOTH_GOAL[name]})")
    write_json(RESULTS / "bench-start.json", result)


if __name__ == "__main__":
    main()
