"""The demo: every pair's result, the way between two servers, and throughput beside plain NORMAL switching.

.venv/bin/python mininet/lab.py DOCUMENT --experiment tour
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from experiments import reachability, throughput
from report import CONSOLE, table, verdict

if TYPE_CHECKING:
    from lab import Lab

_TURNS = 3
_SECONDS = 2


def run(lab: Lab, arguments: list[str]) -> int:
    """The experiment, in a lab that is ready; exit status 0 when all is as it should be."""
    argparse.ArgumentParser(prog="tour", description="Show what the fabric does.").parse_args(arguments)
    cases = throughput.find_cases(lab.document)
    good = _pairs(lab)
    for case in cases:
        _path(lab, case)
    return 0 if _throughput(lab, cases) and good else 1


def _pairs(lab: Lab) -> bool:
    CONSOLE.rule("Who reaches whom", align="left")
    families, endpoints = reachability.measure(lab)
    reachability.show(families, endpoints)
    return reachability.judge(families)


def _path(lab: Lab, case: throughput.Case) -> None:
    CONSOLE.rule(f"The way from {case.source} to {case.target}", align="left")
    answer = lab.api("/paths?" + urlencode({"from": case.source, "to": case.target}))
    ways = [answer["hops"], *(way["hops"] for way in answer.get("alternatives", ()))]
    if not any(ways):
        CONSOLE.print("both are on one platform: no link on the way")
        return
    rows = [[str(number), *_hop(hop)] for number, way in enumerate(ways, start=1) for hop in way]
    table("Equal ways, all used", ["way", "out of", "into", "link", "when it fails, the switch goes by"], rows)


def _hop(hop: dict[str, Any]) -> list[str]:
    bypass = hop.get("bypass")
    around = " then ".join(bypass["links"]) if bypass else "-"
    out, into = f"{hop['platform']} port {hop['port']}", f"{hop['to_platform']} port {hop['to_port']}"
    return [out, into, hop["link"], around]


def _throughput(lab: Lab, cases: list[throughput.Case]) -> bool:
    CONSOLE.rule("Throughput beside plain NORMAL switching", align="left")
    try:
        throughput.measure(lab, cases, _TURNS, _SECONDS)
    except throughput.MeasurementFailed as problem:
        verdict(False, str(problem))
        return False
    throughput.show(cases, _TURNS, _SECONDS)
    return True
