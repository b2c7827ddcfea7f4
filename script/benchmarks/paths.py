"""A link fails in a fabric of 1,000 platforms (simulated): how long until the new groups are computed, and how many.

From the port's report to `Control.refresh` being through, in one process, no switch and no wire. Beside it: a link
that comes back, the first compile of all rules with the memory it takes, and one server more in a fabric of 100
platforms with 1,000 servers.

    script/bench paths [--failures 20] [--torus 32] [--fat-tree 28]
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from _bench import RESULTS, conditions, plot, quantiles
from _large import Sketch, document_of, fat_tree, forget_steps, hear, port, torus, waiting, wired
from report import CONSOLE, table, write_json

from controller.control import Control
from controller.learning import Heard
from controller.model.spec import Undeclared
from controller.model.topology import Link
from controller.rules.tables import Reason

GOAL_MS = 50.0


def timed_ms(work: Callable[[], None]) -> tuple[float, float]:
    """Milliseconds on the clock, and of this process' CPU."""
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - clock) * 1000, (time.process_time() - cpu) * 1000


def set_link(control: Control, link: Link, up: bool) -> None:
    """Both ends report their port; one that is up again is heard."""
    for platform, number in link.ends:
        control.port_changed(platform, port(number, up))
    if up:
        hear(control, link)


def measure(sketch: Sketch, failures: int) -> dict[str, Any]:
    """The first compile, then links that fail and come back, one after the other."""
    document = document_of(sketch)
    control = wired(document)
    first_ms, _ = timed_ms(control.refresh)
    rules = sum(len(switch.wanted) for switch in control.reconciler.switches.values())
    forget_steps(control)
    gc.collect()
    links = list(control.fabric.declared.links.values())
    down, up, groups, cpu, now = [], [], [], [], 0.0
    for link in links[:: max(len(links) // failures, 1)][:failures]:
        taken = timed_ms(lambda link=link: fail(control, link, False))
        down.append(taken[0])
        cpu.append(taken[1])
        groups.append(waiting(control).get("group", 0))
        forget_steps(control)
        fail(control, link, True)
        forget_steps(control)
        now += 2 * control.fabric.declared.hold_s
        up.append(timed_ms(lambda now=now: lead_back(control, now))[0])
        forget_steps(control)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    size = {"platforms": len(document.platforms), "links": len(links), "rules": rules}
    first = {"first_compile_s": first_ms / 1000, "memory_mb": memory}
    return {**size, **first, "down_ms": down, "down_cpu_ms": cpu, "up_ms": up, "groups": groups}


def fail(control: Control, link: Link, up: bool) -> None:
    """The whole of it: from the ports' reports to the rules."""
    set_link(control, link, up)
    control.refresh()


def lead_back(control: Control, now: float) -> None:
    """It has worked for long enough: from that moment to the rules."""
    for link in control.routing.due(now):
        control.fabric.touch(*link.ends)
    control.refresh()


def measure_learning(servers: int = 1000, side: int = 10, count: int = 50) -> dict[str, Any]:
    """What one learned server more costs, with so many there."""
    document = document_of(torus(side), servers)
    document = document.model_copy(update={"undeclared": Undeclared(mode="learn", segment="lan")})
    control = wired(document)
    spare = [(name, 900) for name in document.platforms]
    for platform, number in spare:
        control.port_changed(platform, port(number))
        control.port_silent((platform, number))
    control.refresh()
    times, rules = [], []
    for number in range(count):
        forget_steps(control)
        mac, ip = 0x02AA00000000 + number, 0x0A640000 + number
        heard = Heard(spare[number % len(spare)], Reason.LEARN_MAC, {"eth_src": mac, "arp_spa": ip})
        times.append(timed_ms(lambda heard=heard, now=float(number): learn(control, heard, now))[0])
        rules.append(sum(waiting(control).values()))
    return {"platforms": side * side, "servers": servers, "ms": times, "rules": rules}


def learn(control: Control, heard: Heard, now: float) -> None:
    """From the packet's copy to the rules."""
    control.packet_heard(heard, now)
    control.refresh()


def apart(what: str, *arguments: str) -> dict[str, Any]:
    """A measurement in a process of its own, so that its memory is its own."""
    command = [sys.executable, __file__, "--only", what, *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(answer.stdout.splitlines()[-1]))


def show(found: dict[str, dict[str, Any]], learned: dict[str, Any]) -> None:
    """The tables that a person reads."""
    columns = ["", "platforms", "links", "fails: median ms", "p99 ms", "CPU ms", "groups", "returns: median ms"]
    rows = []
    for name, result in found.items():
        down, up, cpu = (quantiles(result[key]) for key in ("down_ms", "up_ms", "down_cpu_ms"))
        size = [f"{result['platforms']:,}", f"{result['links']:,}"]
        figures = [f"{down['median']:.0f}", f"{down['p99']:.0f}", f"{cpu['median']:.0f}"]
        groups = f"{quantiles(result['groups'])['median']:,.0f}"
        rows.append([name, *size, *figures, groups, f"{up['median']:.0f}"])
    table("A link fails: from the port's report to the new groups", columns, rows, f"to reach: < {GOAL_MS:g} ms")
    rows = [
        [name, f"{result['rules']:,}", f"{result['first_compile_s']:.1f}", f"{result['memory_mb']:,}"]
        for name, result in found.items()
    ]
    table("The first compile", ["", "rules", "s", "memory MB"], rows)
    times = quantiles(learned["ms"])
    CONSOLE.print(
        f"One server learned among {learned['servers']:,} on {learned['platforms']} platforms: median"
        f" {times['median']:.1f} ms, p99 {times['p99']:.1f} ms, {quantiles(learned['rules'])['median']:.0f} rules"
    )


def draw(found: dict[str, dict[str, Any]]) -> None:
    """Every failure of each fabric."""
    with plot("paths", width=5.5) as axes:
        axes.boxplot([result["down_ms"] for result in found.values()], tick_labels=list(found))
        axes.axhline(GOAL_MS, color="tab:red", linestyle="--", label=f"to reach: {GOAL_MS:g} ms")
        axes.set(ylabel="ms to the new groups", title="A link fails among 1,000 platforms")
        axes.set_ylim(bottom=0)
        axes.legend()


def main() -> None:
    """Measure, show, and write the result down."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--failures", type=int, default=20)
    arguments.add_argument("--torus", type=int, default=32)
    arguments.add_argument("--fat-tree", type=int, default=28)
    arguments.add_argument("--only", choices=("torus", "fat-tree"), help="one measurement, told as JSON")
    wanted = arguments.parse_args()
    sketches = {"torus": lambda: torus(wanted.torus), "fat-tree": lambda: fat_tree(wanted.fat_tree)}
    if wanted.only:
        print(json.dumps(measure(sketches[wanted.only](), wanted.failures)))
        return
    sizes = ("--failures", str(wanted.failures), "--torus", str(wanted.torus), "--fat-tree", str(wanted.fat_tree))
    found = {}
    for name in sketches:
        with CONSOLE.status(f"measuring: {name}"):
            found[name] = apart(name, *sizes)
    learned = measure_learning()
    show(found, learned)
    draw(found)
    write_json(RESULTS / "bench-paths.json", {"conditions": conditions(), "fabrics": found, "learning": learned})


if __name__ == "__main__":
    main()
