"""The demo: every pair's result, the way between two servers, and throughput beside plain NORMAL switching.

.venv/bin/python mininet/lab.py DOCUMENT --experiment tour
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from experiments import reachability, throughput
from report import CONSOLE, table, verdict
from traffic import MeasurementFailed

if TYPE_CHECKING:
    from lab import Lab

_TURNS = 3
_SECONDS = 2


def run(lab: Lab, arguments: list[str]) -> int:
    """The experiment, in a lab that is ready; exit status 0 when all is as it should be."""
    argparse.ArgumentParser(prog="tour", description="Show what the fabric does.").parse_args(arguments)
    cases = throughput.find_cases(lab.document)
    good = _pairs(lab)
    _path(lab, cases)
    return 0 if _throughput(lab, cases) and good else 1


def _chapter(title: str, about: str) -> None:
    CONSOLE.print()
    CONSOLE.rule(f"[bold]{title}", align="left")
    CONSOLE.print(f"{about}\n")


def _pairs(lab: Lab) -> bool:
    _chapter(
        "1. Who reaches whom",
        "Every server sends to every other. Within a segment all must arrive, once; across segments, nothing.",
    )
    families, endpoints = reachability.measure(lab)
    reachability.show(families, endpoints)
    return reachability.judge(families)


def _path(lab: Lab, cases: list[throughput.Case]) -> None:
    """The way of one case, across platforms where there is such."""
    if not cases:
        return
    servers = lab.document.servers
    source, target = max(map(_ends, cases), key=lambda ends: len({servers[name].platform for name in ends}))
    answer = lab.api("/paths?" + urlencode({"from": source, "to": target}))
    ways = [answer["hops"], *(way["hops"] for way in answer.get("alternatives", ()))]
    _chapter(
        f"2. The way from {source} to {target}",
        "Traffic is shared over all ways of equal cost. The moment a link fails, the switch itself goes round it.",
    )
    if not any(ways):
        CONSOLE.print("both are on one platform: no link on the way")
        return
    rows = [[str(number), *_hop(hop)] for number, way in enumerate(ways, start=1) for hop in way]
    table("Ways in use", ["way", "out of", "into", "link", "when it fails"], rows)


def _ends(case: throughput.Case) -> tuple[str, str]:
    return case.source, case.target


def _hop(hop: dict[str, Any]) -> list[str]:
    bypass = hop.get("bypass")
    around = " then ".join(bypass["links"]) if bypass else "no way round"
    out, into = f"{hop['platform']} port {hop['port']}", f"{hop['to_platform']} port {hop['to_port']}"
    return [out, into, hop["link"], around]


def _throughput(lab: Lab, cases: list[throughput.Case]) -> bool:
    _chapter(
        "3. Throughput",
        "Beside it, in turns: the same on plain bridges (NORMAL). Other work on this machine moves all figures.",
    )
    try:
        throughput.measure(lab, cases, _TURNS, _SECONDS)
    except MeasurementFailed as problem:
        verdict(False, str(problem))
        return False
    throughput.show(cases, _TURNS, _SECONDS)
    return True
