"""Does BFD call a link failed that works, while every link carries all that it can?

    .venv/bin/python mininet/lab.py DOCUMENT --experiment full_load [--seconds S] [--json FILE]

One TCP connection each way between the platforms of every link, for so long. BFD's own counters of each trunk tell
how often it lost the other end; the controller's events, which links it called down. Exit status 1 after a false
alarm.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from report import CONSOLE, say, table, verdict, write_json
from sides import flaps, wait_fast
from steps import StepFailed
from traffic import MeasurementFailed, wait_listening

from controller.model.spec import Document

if TYPE_CHECKING:
    from lab import Lab

_RESULT = Path("results/full_load.json")
_PORT = 5300
_REPORT_EVERY_S = 30.0


class NoLoad(Exception):
    """The load could not be made; the text says why."""


def run(lab: Lab, arguments: list[str]) -> int:
    """The experiment, in a lab that is ready; the exit status."""
    options = _options(arguments)
    try:
        pairs = list(neighbours(lab.document))
        _check_watched(lab)
        before = flaps(lab)
        rates = load(lab, pairs, options.seconds)
    except (MeasurementFailed, NoLoad, StepFailed) as problem:
        verdict(False, str(problem))
        return 1
    lost = {link: count - before[link] for link, count in flaps(lab).items()}
    show(pairs, rates, lost)
    result = {"seconds": options.seconds, "pairs": pairs, "received_bps": rates, "lost_and_found": lost}
    write_json(options.json, result)
    alarms = sum(lost.values())
    text = f"{alarms} false alarms on {len(lost)} links in {options.seconds} s of full load"
    verdict(not alarms, text)
    return int(alarms > 0)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="full_load", description="BFD while every link is full.")
    parser.add_argument("--seconds", type=int, default=60, help="how long the links are full")
    parser.add_argument("--json", type=Path, default=_RESULT, help=f"where the result goes ({_RESULT})")
    return parser.parse_args(arguments)


def neighbours(document: Document) -> Iterator[tuple[str, str]]:
    """For each link two servers of one segment, one on either platform; raises `NoLoad` where there are none."""
    found = False
    for link in document.links.values():
        one, other = (end.split(".")[0] for end in link.ends)
        pair = next(_pairs(document, one, other), None)
        if pair:
            found = True
            yield from (pair, pair[::-1])
    if not found:
        raise NoLoad("no link joins two platforms with servers of one segment: nothing to load")


def _pairs(document: Document, one: str, other: str) -> Iterator[tuple[str, str]]:
    for name, server in document.servers.items():
        for peer, its in document.servers.items():
            if (server.platform, its.platform) == (one, other) and server.segment == its.segment:
                yield name, peer


def _check_watched(lab: Lab) -> None:
    """Of links that BFD does not watch nothing could be said."""
    wait_fast(lab, lab.document.links)
    ends = [(link["name"], end["bfd"]) for link in lab.api("/links")["items"] for end in link["status"]["ends"]]
    for name, bfd in ends:
        if bfd != "up":
            raise NoLoad(f"{name}: BFD is {bfd}: expected that it watches every link")


def load(lab: Lab, pairs: list[tuple[str, str]], seconds: int) -> list[float]:
    """Keep all links full; what each pair's connection brought, bit/s."""
    with ExitStack() as undo:
        for number, (_source, target) in enumerate(pairs):
            _start(undo, lab, target, "-s", "-1", "-B", _address(lab, target), "-p", str(_PORT + number))
        for number, (_source, target) in enumerate(pairs):
            wait_listening(lab, target, _PORT + number)
        clients = [
            _start(undo, lab, source, "-c", _address(lab, target), "-p", str(_PORT + number), "-t", str(seconds), "-J")
            for number, (source, target) in enumerate(pairs)
        ]
        _watch(lab, seconds)
        return [_received(client) for client in clients]


def _address(lab: Lab, server: str) -> str:
    return str(next(ip for ip in lab.document.servers[server].ip if ip.version == 4))


def _start(undo: ExitStack, lab: Lab, server: str, *words: str) -> subprocess.Popen[bytes]:
    process: subprocess.Popen[bytes] = lab.host(server).popen(["iperf3", *words], stdout=subprocess.PIPE)
    undo.callback(process.communicate)
    undo.callback(process.kill)
    return process


def _watch(lab: Lab, seconds: int) -> None:
    say(f"{seconds} s of full load")
    end, next_report = time.monotonic() + seconds, time.monotonic() + _REPORT_EVERY_S
    with CONSOLE.status("full load"):
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))
            if time.monotonic() > next_report:
                next_report += _REPORT_EVERY_S
                down = [link["name"] for link in lab.api("/links?state=down")["items"]]
                say(f"{left:.0f} s to go; links that are down: {', '.join(down) or 'none'}")


def _received(client: subprocess.Popen[bytes]) -> float:
    try:
        answer = json.loads(client.communicate(timeout=20)[0] or b"{}")
        return float(answer["end"]["sum_received"]["bits_per_second"])
    except (subprocess.TimeoutExpired, KeyError, ValueError):
        raise NoLoad("a connection of the load broke off") from None


def show(pairs: list[tuple[str, str]], rates: list[float], lost: dict[str, int]) -> None:
    """Print what was carried and what BFD did meanwhile."""
    rows = [[f"{one} → {other}", f"{rate / 1e6:.0f}"] for (one, other), rate in zip(pairs, rates, strict=True)]
    table("Load", ["TCP", "Mbit/s"], rows)
    table("BFD, both ends", ["link", "lost and found"], [[name, str(count)] for name, count in lost.items()])
