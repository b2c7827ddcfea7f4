"""2,000 random reservations among 100 platforms (simulated): how long admission takes, and how many are refused.

One process, no switch. The first table: reservations of any priority, some both ways, some protected, asked for one
after the other; then links that fail: until all that lost their path have a place again, and until all are at rest. The
second: the same reservations in the same order, one way and not protected, admitted by us and by the plain shortest
path, at several loads.

    script/bench admission [--platforms 100] [--large 1000] [--reservations 2000] [--failures 20]
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

from _bench import RESULTS, conditions, plot, quantiles
from _negotiated import network_of, random_demands, random_lines
from report import CONSOLE, table, write_json

from controller.model.grants import Grant
from controller.rates.admission import admit, find_best
from controller.rates.book import Book
from controller.rates.burden import find_burden
from controller.rates.network import Demand, Line, Network, whole
from controller.rates.preemption import admit_pushing
from controller.rates.search import Widths, find_cheapest
from controller.rates.table import Table

GOAL_MS = 10.0
LOADS = (0.25, 0.5, 1, 1.5, 2, 3)
"""How much of what all links can carry is asked for, were each path as long as the cheapest."""

FAILURE = ("placed_ms", "rested_ms", "longest_step_ms")
Method = Callable[[Book, Demand], Grant | None]


# How long it takes


def measure(platforms: int, reservations: int, failures: int, load: float) -> dict[str, Any]:
    """Admission one by one, then links that fail, one at a time."""
    random = Random(platforms)
    lines = random_lines(platforms, random)
    network = warm(network_of(lines))
    demands = scaled(random_demands(reservations, platforms, random), network, load)
    book, clock_ms, cpu_ms = Book(network), list[float](), list[float]()
    gc.collect()
    for demand in demands:
        clock, cpu = time.perf_counter(), time.process_time()
        found = admit_pushing(book, demand, "floor")
        clock_ms.append((time.perf_counter() - clock) * 1000)
        cpu_ms.append((time.process_time() - cpu) * 1000)
        for name, rate_bps in found.pushed.items():
            book.rerate(name, rate_bps)
        if isinstance(found.answer, Grant):
            book.put(demand, found.answer)
    times = {"clock_ms": clock_ms, "cpu_ms": cpu_ms}
    size = {"platforms": platforms, "links": len(lines), "reservations": reservations, "granted": len(book.held)}
    return {"load": load, **size, **times, **fail_links(lines, demands, book, failures)}


def fail_links(lines: dict[str, Line], demands: list[Demand], book: Book, failures: int) -> dict[str, list[float]]:
    """CPU ms of each link: until what it carried has a place again, until all are at rest, and the longest step."""
    wanted = {demand.name: demand for demand in demands}
    placed, rested, longest = list[float](), list[float](), list[float]()
    for failed in sorted(lines)[:: max(len(lines) // failures, 1)][:failures]:
        network = warm(network_of(lines, failed))
        gc.collect()
        start = time.process_time()
        negotiating = Table(network, wanted, book.grants, "floor")
        ends = [time.process_time(), *(time.process_time() for _ in negotiating.steps())]
        placed.append((ends[0] - start) * 1000)
        rested.append((time.process_time() - start) * 1000)
        longest.append(max((after - before for before, after in pairwise(ends)), default=0.0) * 1000)
    return {"placed_ms": placed, "rested_ms": rested, "longest_step_ms": longest}


def warm(network: Network) -> Network:
    """The ways round are the controller's work at any time: here they are there."""
    for line in network.lines.values():
        for end in line.ends:
            for hop in network.hops(end):
                network.way_round(hop)
    return network


# How many are refused


def scaled(demands: list[Demand], network: Network, load: float) -> list[Demand]:
    """The same with rates such that all together would take up so much of the network."""
    book = Book(network)
    taken = 0
    for demand in demands:
        path = find_cheapest(Widths(book, demand, False), demand.source, demand.target, 0)
        taken += demand.rate_bps * len(path or ()) * (2 if demand.both else 1)
    factor = load * sum(network.capacity(way) for way in network.capacities) / taken
    return [
        replace(one, rate_bps=whole(int(one.rate_bps * factor)), floor_bps=whole(int(one.floor_bps * factor)))
        for one in demands
    ]


def plain(book: Book, demand: Demand) -> Grant | None:
    """The cheapest path, whatever is left there; all that is asked or nothing."""
    return plain_with_floor(book, replace(demand, floor_bps=demand.rate_bps))


def plain_with_floor(book: Book, demand: Demand) -> Grant | None:
    """The cheapest path, whatever is left there; what fits, the floor at least."""
    path = find_cheapest(Widths(Book(book.network), demand, False), demand.source, demand.target, 0)
    burden = find_burden(book.network, demand, path or (), False)
    if path is None or burden is None:
        return None
    rate_bps = min(demand.asked_bps, whole(book.most(burden)))
    return Grant(rate_bps, tuple(hop.line.name for hop in path)) if rate_bps >= demand.least_bps else None


def ours(book: Book, demand: Demand) -> Grant | None:
    """As the controller does it."""
    answer = admit(book, demand)
    return answer if isinstance(answer, Grant) else None


def ours_all_or_nothing(book: Book, demand: Demand) -> Grant | None:
    """The cheapest path that holds all, or nothing: what the plain one is to be compared with."""
    return find_best(book, demand, False, demand.asked_bps)


METHODS: dict[str, Method] = {
    "plain shortest path, all or nothing": plain,
    "ours, all or nothing": ours_all_or_nothing,
    "plain shortest path, with floors": plain_with_floor,
    "ours, with floors": ours,
}


def compare(platforms: int, reservations: int) -> list[dict[str, Any]]:
    """Each load with each method: the share that is refused, and the share of what was asked that is granted."""
    random = Random(platforms)
    network = network_of(random_lines(platforms, random))
    asked = random_demands(reservations, platforms, random, plain=True)
    found = []
    for load in LOADS:
        demands = scaled(asked, network, load)
        for name, method in METHODS.items():
            found.append({"load": load, "method": name, **admit_all(network, demands, method)})
    return found


def admit_all(network: Network, demands: list[Demand], method: Method) -> dict[str, float]:
    """One after the other."""
    book = Book(network)
    for demand in demands:
        grant = method(book, demand)
        if grant is not None:
            book.put(demand, grant)
    granted = sum(grant.rate_bps for grant in book.grants.values())
    return {"refused": 1 - len(book.held) / len(demands), "granted": granted / sum(one.rate_bps for one in demands)}


# What is shown


def show(timed: list[dict[str, Any]], compared: list[dict[str, Any]]) -> None:
    """The tables that a person reads."""
    columns = ["platforms / links", "load", "granted", "one: median ms", "p99", "max"]
    columns += ["CPU p99", "fails: placed ms", "at rest", "longest step"]
    rows = []
    for one in timed:
        clock, cpu = quantiles(one["clock_ms"]), quantiles(one["cpu_ms"])
        size = [f"{one['platforms']:,} / {one['links']:,}", f"{one['load']:.0%}", f"{one['granted']:,}"]
        admission = [f"{clock['median']:.2f}", f"{clock['p99']:.1f}", f"{clock['highest']:.0f}", f"{cpu['p99']:.1f}"]
        failure = (f"{quantiles(one[key])['median']:.0f}" for key in FAILURE)
        rows.append([*size, *admission, *failure])
    note = f"to reach: p99 < {GOAL_MS:g} ms; from 'CPU p99' on in CPU time"
    table("Admission of one, and a link that fails (simulated)", columns, rows, note)
    rows = []
    for name in METHODS:
        mine = [one for one in compared if one["method"] == name]
        rows.append([name, *(f"{one['refused']:.1%} ({one['granted']:.0%})" for one in mine)])
    loads = [f"load {load:.0%}" for load in LOADS]
    table("Refused, and in brackets the rate granted of the rate asked for (simulated)", ["", *loads], rows)


def draw(compared: list[dict[str, Any]]) -> None:
    """Refusals against load."""
    with plot("admission") as axes:
        for name in METHODS:
            mine = [one for one in compared if one["method"] == name]
            colour = "tab:blue" if name.startswith("ours") else "tab:grey"
            style = "-" if name.endswith("floors") else "--"
            refused = [100 * one["refused"] for one in mine]
            axes.plot([100 * one["load"] for one in mine], refused, style, color=colour, marker="o", label=name)
        axes.set(xlabel="asked for, % of what the links carry", ylabel="refused, %")
        axes.set_title("Refused reservations (simulated)")
        axes.set_ylim(bottom=0)
        axes.legend()


def main() -> None:
    """Measure, show, and write the result down."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--platforms", type=int, default=100)
    arguments.add_argument("--large", type=int, default=1000)
    arguments.add_argument("--reservations", type=int, default=2000)
    arguments.add_argument("--failures", type=int, default=20)
    wanted = arguments.parse_args()
    sizes = [(wanted.platforms, load, wanted.failures) for load in (0.25, 0.5, 1.0)]
    timed = []
    for platforms, load, failures in [*sizes, (wanted.large, 0.25, min(wanted.failures, 5))]:
        with CONSOLE.status(f"measuring: {platforms} platforms, {load:.0%} asked for"):
            timed.append(measure(platforms, wanted.reservations, failures, load))
    with CONSOLE.status("measuring: refusals"):
        compared = compare(wanted.platforms, wanted.reservations)
    show(timed, compared)
    draw(compared)
    result = {"conditions": conditions(), "simulated": True, "admission": timed, "refusals": compared}
    write_json(RESULTS / "bench-admission.json", result)


if __name__ == "__main__":
    main()
