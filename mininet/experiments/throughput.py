"""TCP between two servers through Backplane, beside the same on plain NORMAL bridges, turn by turn in one run.

    .venv/bin/python mininet/lab.py DOCUMENT --experiment throughput [--turns N] [--seconds S] [--json FILE]

Two cases, where the document has them: both servers on one platform, and on two. Exit status 1 when a measurement
fails; the ratio itself is a result, not a judgement.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import networkx as nx
from report import CONSOLE, table, verdict, write_json
from traffic import MeasurementFailed, wait_listening

from controller.model.spec import Document

if TYPE_CHECKING:
    from lab import Lab

_RESULT = Path("results/throughput.json")
_PORT = 5201


@dataclass
class Case:
    """Two servers, and what TCP reached between them (bit/s) on either kind of switch."""

    title: str
    source: str
    target: str
    backplane_bps: list[float] = field(default_factory=list)
    normal_bps: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Median through Backplane over median on NORMAL bridges."""
        return median(self.backplane_bps) / median(self.normal_bps)


def run(lab: Lab, arguments: list[str]) -> int:
    """The experiment, in a lab that is ready; the exit status."""
    options = _options(arguments)
    cases = find_cases(lab.document)
    if not cases:
        verdict(False, "no two servers of one segment have IPv4 addresses: nothing to measure")
        return 1
    try:
        measure(lab, cases, options.turns, options.seconds)
    except MeasurementFailed as problem:
        verdict(False, str(problem))
        return 1
    show(cases, options.turns, options.seconds)
    write_json(options.json, [_as_json(case) for case in cases])
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="throughput", description="TCP through Backplane beside NORMAL switching.")
    parser.add_argument("--turns", type=int, default=5, help="measurements of each kind; the median counts")
    parser.add_argument("--seconds", type=int, default=3, help="length of one measurement")
    parser.add_argument("--json", type=Path, default=_RESULT, help=f"where the result goes ({_RESULT})")
    return parser.parse_args(arguments)


def find_cases(document: Document) -> list[Case]:
    """The first two servers of one segment on one platform, and the first two on different ones."""
    able = [name for name, server in document.servers.items() if any(ip.version == 4 for ip in server.ip)]
    found: dict[str, Case] = {}
    for source in able:
        for target in able[able.index(source) + 1 :]:
            one, other = document.servers[source], document.servers[target]
            title = "one platform" if one.platform == other.platform else "across platforms"
            if one.segment == other.segment:
                found.setdefault(title, Case(title, source, target))
    return list(found.values())


def peer_document(document: Document, cases: list[Case]) -> Document:
    """What NORMAL bridges need: these servers alone, and one shortest path of links, for NORMAL knows no loops."""
    names = {name for case in cases for name in (case.source, case.target)}
    servers = {name: server for name, server in document.servers.items() if name in names}
    joined: nx.Graph[str] = nx.Graph()
    for name, link in document.links.items():
        joined.add_edge(*(end.split(".")[0] for end in link.ends), link=name)
    paths = [_path(joined, *(servers[name].platform for name in (case.source, case.target))) for case in cases]
    links = {joined.edges[hop]["link"] for path in paths for hop in pairwise(path)}
    kept = {name: link for name, link in document.links.items() if name in links}
    return document.model_copy(update={"servers": servers, "links": kept})


def _path(joined: nx.Graph[str], source: str, target: str) -> list[str]:
    return [source] if source == target else list(nx.shortest_path(joined, source, target))


def measure(lab: Lab, cases: list[Case], turns: int, seconds: int) -> None:
    """Fill in the cases' figures, in turns of `seconds` each; raises `MeasurementFailed`."""
    peer = type(lab)(peer_document(lab.document, cases), normal=True)
    with peer, CONSOLE.status("measuring") as status:
        for turn in range(turns):
            for case in cases:
                status.update(f"measuring TCP, {case.title}, turn {turn + 1} of {turns}")
                case.backplane_bps.append(tcp_bps(lab, case.source, case.target, seconds))
                case.normal_bps.append(tcp_bps(peer, case.source, case.target, seconds))


def tcp_bps(lab: Lab, source: str, target: str, seconds: int) -> float:
    """What one TCP connection brings from a server to another, bit/s; raises `MeasurementFailed`."""
    address = lab.host(target).IP()
    server = lab.host(target).popen(["iperf3", "-s", "-1", "-B", address, "-p", str(_PORT)], stdout=subprocess.DEVNULL)
    try:
        wait_listening(lab, target, _PORT)
        client = lab.host(source).popen(["iperf3", "-c", address, "-p", str(_PORT), "-t", str(seconds), "-J"])
        return _received(client, f"{source} to {target}", seconds)
    finally:
        server.kill()
        server.communicate()


def _received(client: subprocess.Popen[bytes], who: str, seconds: int) -> float:
    try:
        answer = json.loads(client.communicate(timeout=seconds + 15)[0] or b"{}")
        return float(answer["end"]["sum_received"]["bits_per_second"])
    except subprocess.TimeoutExpired:
        raise MeasurementFailed(f"{who}: iperf3 did not come to an end") from None
    except (KeyError, ValueError):
        raise MeasurementFailed(f"{who}: {answer.get('error', 'iperf3 gave no figure')}") from None
    finally:
        client.kill()
        client.wait()


def show(cases: list[Case], turns: int, seconds: int) -> None:
    """Print the figures."""
    columns = ["", "from, to", "Backplane Gbit/s", "NORMAL Gbit/s", "ratio"]
    rows = [
        [c.title, f"{c.source} → {c.target}", _gbps(c.backplane_bps), _gbps(c.normal_bps), f"{c.ratio:.2f}"]
        for c in cases
    ]
    footnote = f"one TCP connection, medians of {turns} turns of {seconds} s"
    table("Throughput", columns, rows, footnote)


def _gbps(values: list[float]) -> str:
    return f"{median(values) / 1e9:.2f}"


def _as_json(case: Case) -> dict[str, Any]:
    return {
        **vars(case),
        "backplane_median_bps": median(case.backplane_bps),
        "normal_median_bps": median(case.normal_bps),
        "ratio": round(case.ratio, 4),
    }
