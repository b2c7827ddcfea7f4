"""What it costs the controller to compare all that a switch holds with what it was given.

A real bridge is filled by our own encoder, then audited: the first time every entry is decoded, later on an entry that
reports the same bytes is recognised. Receiving the replies through Ryu is part of it. Beside it, how long a greenlet
that wants to run each millisecond was held up.

    script/bench audit [--rules 10000] [--runs 20]
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import time
from dataclasses import dataclass
from typing import Any

from ryu.lib import hub

hub.patch(thread=False)

from _bench import RESULTS, conditions, plot  # noqa: E402
from _fresh_bridge import BRIDGE, bridge, flow_count  # noqa: E402
from _ryu import listen  # noqa: E402
from _server_rules import Server  # noqa: E402
from report import CONSOLE, table, write_json  # noqa: E402
from ryu.base.app_manager import RyuApp  # noqa: E402
from ryu.controller import ofp_event  # noqa: E402
from ryu.controller.handler import MAIN_DISPATCHER, set_ev_cls  # noqa: E402
from ryu.ofproto import ofproto_v1_3  # noqa: E402

from apps.auditing import EVERY_S, carefully  # noqa: E402
from apps.openflow import raw_replies  # noqa: E402
from apps.openflow.judge import judge  # noqa: E402
from apps.openflow.switch import Switch  # noqa: E402
from controller.rules.audit import Audit  # noqa: E402
from controller.rules.placed import Wanted  # noqa: E402
from controller.rules.reconciler import Reconciler  # noqa: E402
from controller.rules.rules import Installed, Owner  # noqa: E402
from controller.rules.tables import cookie  # noqa: E402

gc.set_threshold(5_000, 10, 1_000)  # as the application does
WAIT_S = 30.0
PAUSE_S = 0.3


@dataclass
class Cost:
    """One audit: seconds of the controller's CPU, seconds from question to end, the longest hold-up, bytes read."""

    cpu_s: float
    took_s: float
    held_s: float
    octets: int


class Bench(RyuApp):  # type: ignore[misc]
    """The product's connection to one bridge."""

    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]  # noqa: RUF012

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reconciler = Reconciler()
        self.switch: Switch | None = None
        self._ready = hub.Event()

    def fill(self, rules: int) -> Audit:
        """Put that many rules in, the way they always go; what remembers them for audits."""
        for server in map(Server, range(rules // 3)):
            for entry in server.entries():
                owner = Owner("server", f"s{server.number}")
                self.reconciler.want(BRIDGE, entry.key, Wanted(entry, owner, 0, cookie(owner, entry)))
        self.reconciler.connected(BRIDGE, Installed({}, {}, {}))
        _await(lambda: self.switch is not None, f"{BRIDGE} did not connect")
        assert self.switch
        self.switch.send(self.reconciler.next_step(0.0)[BRIDGE])
        _await(lambda: self.reconciler.converged, f"{BRIDGE} did not take {rules} rules")
        return Audit(self.reconciler.switches[BRIDGE])

    def audit(self, audit: Audit) -> Cost:
        """One audit, as the controller does it; raises `RuntimeError` where it finds anything."""
        assert self.switch
        replies: list[list[bytes]] = []
        late, watcher = _watch()
        busy, began = time.process_time(), time.perf_counter()
        audit.begin()
        self.switch.read_for_audit(replies.append)
        _await(lambda: replies, f"{BRIDGE} did not answer")
        carefully(judge(replies[0], audit))
        found = audit.end()
        cost = Cost(time.process_time() - busy, time.perf_counter() - began, max(late), sum(map(len, replies[0])))
        hub.kill(watcher)
        if found:
            raise RuntimeError(f"{BRIDGE}: {len(found)} findings where nothing was changed, such as {found[0]}")
        return cost

    @set_ev_cls(ofp_event.EventOFPStateChange, MAIN_DISPATCHER)
    def state_changed(self, event: Any) -> None:
        """The bridge has said hello."""
        self.switch = Switch(event.datapath, BRIDGE, lambda *_: None, self._confirmed)

    def _confirmed(self, _switch: Switch, refused: Any) -> None:
        if refused:
            raise RuntimeError(f"{BRIDGE}: {len(refused)} rules refused")
        self.reconciler.confirmed(BRIDGE, refused, 0.0)

    @set_ev_cls(ofp_event.EventOFPBarrierReply, MAIN_DISPATCHER)
    def barrier_reply(self, event: Any) -> None:
        """A barrier came back."""
        assert self.switch
        self.switch.barrier_reply(event.msg.xid)

    @set_ev_cls(ofp_event.EventOFPFlowStatsReply, MAIN_DISPATCHER)
    def flow_stats(self, event: Any) -> None:
        """A part of the flow entries."""
        assert self.switch
        self.switch.flow_stats(bytes(event.msg.buf), event.msg.xid)

    @set_ev_cls(ofp_event.EventOFPGroupDescStatsReply, MAIN_DISPATCHER)
    def group_desc(self, event: Any) -> None:
        """A part of the groups."""
        assert self.switch
        self.switch.group_desc(bytes(event.msg.buf), event.msg.xid)

    @set_ev_cls(ofp_event.EventOFPMeterConfigStatsReply, MAIN_DISPATCHER)
    def meter_config(self, event: Any) -> None:
        """A part of the meters."""
        assert self.switch
        self.switch.meter_config(bytes(event.msg.buf), event.msg.xid)


def _await(condition: Any, what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} within {WAIT_S:g} s")
        hub.sleep(0.001)


def _watch() -> tuple[list[float], Any]:
    """How late a sleeper of one millisecond was woken, each time, until it is killed."""
    late = [0.0]

    def watch() -> None:
        while True:
            due = time.perf_counter() + 0.001
            hub.sleep(0.001)
            late.append(time.perf_counter() - due)

    return late, hub.spawn(watch)


def measure(rules: int, runs: int) -> list[Cost]:
    """The first audit, and so many after it."""
    raw_replies.install()
    app, port = listen(Bench, __name__)
    with bridge(port):
        audit = app.fill(rules)
        if flow_count() != rules // 3 * 3:
            raise RuntimeError(f"{BRIDGE} holds {flow_count()} rules, expected {rules // 3 * 3}")
        costs = []
        for _ in range(runs + 1):
            hub.sleep(PAUSE_S)
            costs.append(app.audit(audit))
        return costs


def summary(rules: int, costs: list[Cost]) -> dict[str, Any]:
    """The first audit beside the later ones, and what they need at the product's pace."""
    first, *later = costs
    cpu_s = statistics.median(cost.cpu_s for cost in later)
    return {
        **conditions(),
        "rules": rules // 3 * 3,
        "every_s": EVERY_S,
        "first": vars(first),
        "later": [vars(cost) for cost in later],
        "cpu_s": cpu_s,
        "cpu_share": cpu_s / EVERY_S,
        "held_s": max(cost.held_s for cost in later),
    }


def show(result: dict[str, Any]) -> None:
    """The table that a person reads."""
    later = result["later"]
    rows = [_row("first, all decoded", [result["first"]]), _row(f"later, of {len(later)}", later)]
    columns = ["audit", "CPU ms", "worst", "takes ms", "held up at most ms", "MB read"]
    table(f"An audit of {result['rules']:,} rules", columns, rows, "medians; held up: of all")
    share = f"{result['cpu_share']:.2%}"
    CONSOLE.print(f"Every {result['every_s']:g} s that is {share} of a core.")


def _row(title: str, costs: list[dict[str, Any]]) -> list[str]:
    cpu = [cost["cpu_s"] * 1000 for cost in costs]
    took = statistics.median(cost["took_s"] for cost in costs) * 1000
    held = max(cost["held_s"] for cost in costs) * 1000
    figures = (statistics.median(cpu), max(cpu), took, held, costs[0]["octets"] / 1e6)
    return [title, *(f"{figure:.1f}" for figure in figures)]


def draw(result: dict[str, Any]) -> None:
    """Each audit in turn: its CPU and how long it held others up."""
    costs = [result["first"], *result["later"]]
    with plot("audit") as axes:
        for name, title, colour in (("cpu_s", "CPU", "tab:blue"), ("held_s", "longest hold-up", "tab:orange")):
            axes.plot(range(1, len(costs) + 1), [cost[name] * 1000 for cost in costs], "o-", label=title, color=colour)
        axes.set(xlabel="audit", ylabel="ms", title=f"Audits of {result['rules']:,} rules", yscale="log")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend()


def main() -> None:
    """Measure, show, and write the result down."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--rules", type=int, default=10_000)
    arguments.add_argument("--runs", type=int, default=20)
    wanted = arguments.parse_args()
    result = summary(wanted.rules, measure(wanted.rules, wanted.runs))
    show(result)
    draw(result)
    write_json(RESULTS / "bench-audit.json", result)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
