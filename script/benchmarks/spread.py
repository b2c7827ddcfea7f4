"""Two parallel links: how 1,000 TCP connections and 2,000 UDP flows of two servers spread, and what it costs.

As Backplane has it (a select group by OpenFlow 1.3, without a selection method), and beside it what Open vSwitch
offers else, put in by hand on the sending switch while the controller is away: `dp_hash` over the 5-tuple and `hash`
over named fields (both by an OpenFlow 1.5 group-mod), and the Nicira action `multipath` into a register.

    script/bench spread [--tcp 1000] [--udp 2000] [--turns 3]
"""

from __future__ import annotations

import argparse
import re
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from _bench import RESULTS, allow_files, conditions, plot
from _pair import LINKS, pair_text, watched
from commands import run, vsctl
from experiments.throughput import tcp_bps
from lab import Lab
from namespaces import entered
from report import CONSOLE, table, write_json

from controller.rules.tables import GroupKind, Table, link_group

SOURCE, TARGET = "s1", "s3"
BRIDGE_OF = "chassis1"
PORT = 7021
SETTLE_S = 2.0
_SPARE_TABLE = 60
GOAL = (0.4, 0.6)


# The ways


def as_it_is(_lab: Lab) -> None:
    """What Backplane has put in."""


def select_by(method: str) -> Any:
    """Give the platform group of the sending switch a selection method (OpenFlow 1.5)."""

    def change(lab: Lab) -> None:
        bridge = lab.switch(BRIDGE_OF).bridge
        vsctl("set", "Bridge", bridge, "protocols=OpenFlow13,OpenFlow15")
        groups = run("ovs-ofctl", "-O", "OpenFlow15", "dump-groups", bridge)
        (text,) = (line.strip() for line in groups.splitlines() if _is_platform_group(line))
        text = re.sub(r"selection_method=[^,]*,(fields\([^)]*\),)?", "", text)
        changed = text.replace("type=select,", f"type=select,selection_method={method},")
        run("ovs-ofctl", "-O", "OpenFlow15", "mod-group", bridge, changed)

    return change


def _is_platform_group(line: str) -> bool:
    found = re.search(r"group_id=(\d+),type=select", line)
    return bool(found) and int(found[1]) >> 28 == GroupKind.PLATFORM if found else False


def multipath(lab: Lab) -> None:
    """Choose by the Nicira action in front of the link groups."""
    switch = lab.switch(BRIDGE_OF)
    for place, port in enumerate(LINKS):
        switch.dpctl("add-flow", f"table={_SPARE_TABLE},reg14={place},actions=group:{link_group(port)}")
    choose = f"multipath(symmetric_l3l4+udp,0,modulo_n,{len(LINKS)},0,NXM_NX_REG14[0..7])"
    for line in switch.dpctl("dump-flows", f"table={Table.FORWARD:d}").splitlines():
        if "push_vlan" in line and "group:" in line:
            wanted, actions = line.split("priority=")[1].split(" actions=")
            actions = f"{choose},{re.sub('group:[0-9]+', f'resubmit(,{_SPARE_TABLE})', actions)}"
            switch.dpctl("add-flow", f"table={Table.FORWARD:d},priority={wanted},actions={actions}")


WAYS = {
    "as it is": as_it_is,
    "dp_hash (5-tuple)": select_by("dp_hash"),
    "hash of fields": select_by("hash,fields(ip_src,ip_dst,ip_proto,tcp_src,tcp_dst,udp_src,udp_dst)"),
    "multipath": multipath,
}


# What is sent


def connect(lab: Lab, count: int, stack: ExitStack) -> None:
    """TCP connections from one server to another, all held open."""
    address = (lab.host(TARGET).IP(), PORT)
    with entered(lab.host(TARGET).pid):
        listener = stack.enter_context(socket.create_server(address, backlog=4096))
    for _ in range(count):
        with entered(lab.host(SOURCE).pid):
            opened = stack.enter_context(socket.socket())
        opened.settimeout(10)
        opened.connect(address)
        stack.enter_context(listener.accept()[0])


def scatter(lab: Lab, count: int, stack: ExitStack) -> None:
    """UDP flows from one server to another: one datagram from each of so many ports."""
    with entered(lab.host(TARGET).pid):
        stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("", PORT))
    for number in range(count):
        with entered(lab.host(SOURCE).pid), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
            opened.bind(("", 20_000 + number))
            opened.sendto(b"flow", (lab.host(TARGET).IP(), PORT))
        if number % 50 == 0:
            time.sleep(0.005)


KINDS = {"TCP": (6, connect), "UDP": (17, scatter)}


# What is measured


def measure(lab: Lab, kind: str, count: int) -> dict[str, Any]:
    """How the flows spread, how many megaflows both switches needed for them, and what it cost."""
    protocol, send = KINDS[kind]
    _wait_quiet(lab)
    before, busy, began = megaflows(lab), _switch_seconds(), time.monotonic()
    with ExitStack() as stack, watched([lab.interface(BRIDGE_OF, port) for port in LINKS]) as watch:
        send(lab, count, stack)
        needed = megaflows(lab) - before
        took, spent = time.monotonic() - began, _switch_seconds() - busy
        time.sleep(0.3)  # the watch reads what is still in its buffers
    on = [len({flow for flow in flows if flow[0] == protocol and flow[2] == PORT}) for flows in watch.flows]
    figures = {"flows": on, "share": on[0] / max(sum(on), 1), "megaflows": needed}
    return {**figures, "took_s": took, "switch_cpu_s": spent}


def megaflows(lab: Lab) -> int:
    """The megaflows of the lab's bridges: by the name of the port of entry."""
    lines = run("ovs-appctl", "dpctl/dump-flows", "--names").splitlines()
    return sum(f"in_port({lab.names.prefix}" in line for line in lines)


def _wait_quiet(lab: Lab) -> None:
    """Megaflows of what was before are gone after ten idle seconds."""
    deadline = time.monotonic() + 20
    while megaflows(lab) > 40 and time.monotonic() < deadline:
        time.sleep(0.2)


def _switch_seconds() -> float:
    """CPU seconds that Open vSwitch has used, by all its bridges."""
    number = Path("/var/run/openvswitch/ovs-vswitchd.pid").read_text().strip()
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measure_way(name: str, counts: dict[str, int], turns: int) -> dict[str, Any]:
    """A fabric of its own for each way."""
    with Lab(pair_text()) as lab:
        lab.kill_controller()
        WAYS[name](lab)
        result: dict[str, Any] = {kind: measure(lab, kind, count) for kind, count in counts.items()}
        result["tcp_bps"] = [tcp_bps(lab, SOURCE, TARGET, 2) for _ in range(turns)]
    return result


def show(found: dict[str, dict[str, Any]]) -> None:
    """The table that a person reads."""
    columns = ["", "TCP on link 1", "megaflows", "UDP on link 1", "megaflows", "UDP: switch CPU s", "one TCP Gbit/s"]
    rows = []
    for name, result in found.items():
        cells = [name]
        for kind in KINDS:
            cells += [f"{result[kind]['share']:.0%}", f"{result[kind]['megaflows']:,}"]
        rows.append([*cells, f"{result['UDP']['switch_cpu_s']:.2f}", f"{median(result['tcp_bps']) / 1e9:.2f}"])
    table("Two parallel links, flows between two servers", columns, rows, "to reach: 40 to 60 % of TCP on each link")


def draw(found: dict[str, dict[str, Any]]) -> None:
    """Each link's share, way by way."""
    with plot("spread") as axes:
        for shift, (kind, colour) in enumerate((("TCP", "tab:blue"), ("UDP", "tab:orange"))):
            shares = [100 * result[kind]["share"] for result in found.values()]
            axes.bar([at + 0.35 * shift for at in range(len(found))], shares, 0.33, color=colour, label=kind)
        names = [f"{name}\n{r['TCP']['megaflows']} / {r['UDP']['megaflows']} megaflows" for name, r in found.items()]
        axes.set_xticks([at + 0.175 for at in range(len(found))], names, fontsize=8)
        axes.axhspan(100 * GOAL[0], 100 * GOAL[1], color="tab:green", alpha=0.15)
        axes.set(ylabel="flows on link 1, %", ylim=(0, 105), title="How flows spread over two parallel links")
        axes.legend()


def main() -> None:
    """Measure, show, and write the result down."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--tcp", type=int, default=1000)
    arguments.add_argument("--udp", type=int, default=2000)
    arguments.add_argument("--turns", type=int, default=3)
    wanted = arguments.parse_args()
    allow_files(16_384)
    counts = {"TCP": wanted.tcp, "UDP": wanted.udp}
    found = {}
    for name in WAYS:
        with CONSOLE.status(f"measuring: {name}"):
            found[name] = measure_way(name, counts, wanted.turns)
    show(found)
    draw(found)
    write_json(RESULTS / "bench-spread.json", {"conditions": conditions(), "counts": counts, "ways": found})


if __name__ == "__main__":
    main()
