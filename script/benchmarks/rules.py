"""Rules installed per second through a real Ryu connection to a real bridge, encoding included.

A plain loop of `send_msg(OFPFlowMod)`, our batch, and `ovs-ofctl --bundle add-flows` (without a controller),
each on a fresh bridge, until the switch has answered the barrier behind the last rule.

    script/bench rules [--rules 20000] [--runs 5]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from ryu.lib import hub

hub.patch(thread=False)

from _fresh_bridge import BRIDGE, bridge, flow_count, run  # noqa: E402
from _ryu import listen  # noqa: E402
from _server_rules import Server  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table as Sheet  # noqa: E402
from ryu.base.app_manager import RyuApp  # noqa: E402
from ryu.controller import ofp_event  # noqa: E402
from ryu.controller.handler import MAIN_DISPATCHER, set_ev_cls  # noqa: E402
from ryu.ofproto import ofproto_v1_3  # noqa: E402

from apps.openflow import encode  # noqa: E402
from apps.openflow.actions import instruction_bytes  # noqa: E402
from controller.rules.tables import Priority  # noqa: E402

RESULT = Path(__file__).parents[2] / "results" / "bench-rules.json"
WAIT_S = 30.0
GOAL = 8
FREE = 0.9
SLICE = 1000


class Bench(RyuApp):  # type: ignore[misc]
    """The connection of the bridge of the moment."""

    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]  # noqa: RUF012

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.datapath: Any = None
        self.refused = 0
        self._connected, self._answered = hub.Event(), hub.Event()

    def connection(self) -> Any:
        """The next bridge that connects."""
        if not self._connected.wait(WAIT_S):
            raise TimeoutError(f"{BRIDGE} did not connect within {WAIT_S} s")
        self._connected.clear()
        return self.datapath

    def barrier(self) -> None:
        """Wait until the switch has processed all that was sent."""
        self._answered.clear()
        self.datapath.send_msg(self.datapath.ofproto_parser.OFPBarrierRequest(self.datapath))
        if not self._answered.wait(WAIT_S):
            raise TimeoutError(f"{BRIDGE} did not answer the barrier within {WAIT_S} s")

    @set_ev_cls(ofp_event.EventOFPStateChange, MAIN_DISPATCHER)
    def state_changed(self, event: Any) -> None:
        """A bridge has said hello."""
        self.datapath = event.datapath
        self._connected.set()

    @set_ev_cls(ofp_event.EventOFPBarrierReply, MAIN_DISPATCHER)
    def answered(self, _: Any) -> None:
        """A barrier came back."""
        self._answered.set()

    @set_ev_cls(ofp_event.EventOFPErrorMsg, MAIN_DISPATCHER)
    def error(self, _: Any) -> None:
        """A rule was refused: the figure would be worth nothing."""
        self.refused += 1


# The ways


def plain_loop(app: Bench, servers: list[Server]) -> float:
    """What a Ryu application usually does."""
    datapath, parser = app.datapath, app.datapath.ofproto_parser
    start = time.perf_counter()
    for server in servers:
        for table, fields, actions, goto in server.ryu_parts(parser):
            instructions = [parser.OFPInstructionActions(ofproto_v1_3.OFPIT_APPLY_ACTIONS, actions)]
            if goto is not None:
                instructions.append(parser.OFPInstructionGotoTable(goto))
            wanted = parser.OFPMatch(**fields)
            message = parser.OFPFlowMod(
                datapath, table_id=table, priority=Priority.NORMAL, match=wanted, instructions=instructions
            )
            datapath.send_msg(message)
    app.barrier()
    return time.perf_counter() - start


def our_batch(app: Bench, servers: list[Server], encoding: list[float]) -> float:
    """One buffer for all rules; nothing is remembered of the run before."""
    upserts = [(entry, 0xBAC << 52, True) for server in servers for entry in server.entries()]
    instruction_bytes.cache_clear()
    start = time.perf_counter()
    buffer, _ = encode.encode_batch(upserts, (), 1)
    encoding.append(time.perf_counter() - start)
    app.datapath.send(buffer)
    app.barrier()
    return time.perf_counter() - start


def our_slices(app: Bench, servers: list[Server]) -> float:
    """The same, a slice at a time: the switch works on one while the next is encoded."""
    upserts = [(entry, 0xBAC << 52, True) for server in servers for entry in server.entries()]
    instruction_bytes.cache_clear()
    start = time.perf_counter()
    for first in range(0, len(upserts), SLICE):
        buffer, _ = encode.encode_batch(upserts[first : first + SLICE], (), 1 + first)
        app.datapath.send(buffer)
        hub.sleep(0)
    app.barrier()
    return time.perf_counter() - start


def ofctl_bundle(servers: list[Server]) -> float:
    """Open vSwitch's own tool, from a file, without a controller between; the process' start is part of it."""
    with tempfile.NamedTemporaryFile("w", prefix="backplane-bench-", suffix=".flows") as flows:
        flows.writelines(f"{line}\n" for server in servers for line in server.ofctl_lines())
        flows.flush()
        start = time.perf_counter()
        run("ovs-ofctl", "-O", "OpenFlow13", "--bundle", "add-flows", BRIDGE, flows.name)
        return time.perf_counter() - start


# The runs


def measure(rules: int, runs: int) -> tuple[dict[str, list[float]], float]:
    """Seconds of each run, by way (the encoding is part of our batch's), and the plain loop's share of a core."""
    servers = [Server(number) for number in range(rules // 3)]
    app, port = listen(Bench, __name__)
    encoding: list[float] = []
    shares: list[float] = []
    ways = {
        "plain": partial(plain_loop, app, servers),
        "batch": partial(our_batch, app, servers, encoding),
        "slices": partial(our_slices, app, servers),
        "ofctl": partial(ofctl_bundle, servers),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            with bridge(port):
                app.connection()
                busy = time.process_time()
                seconds[name].append(way())
                if name == "plain":
                    shares.append((time.process_time() - busy) / seconds[name][-1])
                check(app, 3 * len(servers))
    return {**seconds, "encoding": encoding}, statistics.median(shares)


def check(app: Bench, rules: int) -> None:
    """Raises `RuntimeError` unless the bridge holds every rule."""
    held = flow_count()
    if app.refused or held != rules:
        raise RuntimeError(f"{BRIDGE}: {app.refused} rules refused, {held} held, expected {rules}")


def summary(rules: int, seconds: dict[str, list[float]], share: float) -> dict[str, Any]:
    """Rules per second by way, and how often the plain loop goes into our batch.

    A busy machine slows the plain loop most and flatters the ratio, so the loop's best run counts, and its share
    of a core says whether the machine was free.
    """
    counted = rules // 3 * 3
    rates = {name: [counted / each for each in taken] for name, taken in seconds.items()}
    medians = {name: statistics.median(each) for name, each in rates.items()}
    ratio = medians["batch"] / max(rates["plain"])
    conditions = {"rules": counted, "cpus": os.cpu_count(), "plain_core_share": share, "goal": GOAL}
    return {**conditions, "rules_per_second": rates, "median": medians, "batch_to_plain": ratio}


TITLES = {
    "plain": "plain loop of send_msg(OFPFlowMod)",
    "batch": "our batch",
    "slices": f"our batch in slices of {SLICE:,}",
    "encoding": "our batch, encoding alone",
    "ofctl": "ovs-ofctl --bundle add-flows",
}


def show(result: dict[str, Any]) -> None:
    """The table that a person reads."""
    sheet = Sheet(title=f"{result['rules']:,} rules on a fresh bridge, rules/s")
    for column in ("way", "median", "lowest", "highest", "to plain's best"):
        sheet.add_column(column, justify="left" if column == "way" else "right")
    for name, title in TITLES.items():
        rates, median = result["rules_per_second"][name], result["median"][name]
        numbers = (f"{rate:,.0f}" for rate in (median, min(rates), max(rates)))
        sheet.add_row(title, *numbers, f"{median / max(result['rules_per_second']['plain']):.1f} x")
    Console().print(sheet)
    if result["plain_core_share"] < FREE:
        Console().print(
            f"The plain loop had {result['plain_core_share']:.0%} of a core: too busy a machine to compare."
        )


def main() -> None:
    """Measure, show, and write the result down."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--rules", type=int, default=20_000)
    arguments.add_argument("--runs", type=int, default=5)
    wanted = arguments.parse_args()
    result = summary(wanted.rules, *measure(wanted.rules, wanted.runs))
    show(result)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    Console().print(f"{result['batch_to_plain']:.1f} x the plain loop (to reach: {GOAL} x); written to {RESULT}")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
