"""Rates under load: is what was granted kept, what is granted until a fabric is full, what does a failed link cost?

    .venv/bin/python mininet/lab.py DOCUMENT --experiment rates [--scenarios overload,admission,failure] [options]

In fabrics of its own. `overload`: two and three platforms in a row, trunks of 100 Mbit/s, 60 and 20 reserved, all send
twice what they can have. `admission`: asks over the API until nothing more is granted. `failure`: a ring of four full
of reservations, a link is cut and mended under load. Exit status 1 when a granted rate is missed by more than 5 %, or
when a new path loses anything.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from fabric_api import NotReady
from fillings import fill, held
from overloads import measure_overload
from rate_fabrics import CHAIN_BPS, MBIT, RING_CUT, RING_PROBES, chain, chain_loads, link_between, ring, ring_loads
from rate_report import Found, as_json, figures, plot, show
from report import CONSOLE, verdict, write_json
from reroutes import measure_reroute
from steps import StepFailed
from stream import StreamFailed
from traffic import MeasurementFailed

from controller.model.document import dump_document, parse_document

if TYPE_CHECKING:
    from lab import Lab

_RESULT = Path("results/rates.json")
_PLOT = Path("results/rates.png")
_SCENARIOS = ("overload", "admission", "failure")
_LARGEST_DEVIATION = 0.05


def run(lab: Lab, arguments: list[str]) -> int:
    """The experiment in labs of its own; the exit status."""
    options = _options(arguments)
    found = Found()
    try:
        for scenario in options.scenarios:
            _DO[scenario](type(lab), found, options)
    except (MeasurementFailed, StepFailed, StreamFailed, NotReady) as problem:
        verdict(False, str(problem))
        return 1
    show(found, options.seconds)
    write_json(options.json, as_json(found))
    plot(found, options.plot)
    return _judge(found)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="rates", description="Rates under load, asked for, and with a link cut.")
    names = ",".join(_SCENARIOS)
    parser.add_argument("--scenarios", type=_among, default=list(_SCENARIOS), help=f"of {names} (all)")
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="how long rates are measured under an overload (10)"
    )
    parser.add_argument("--seed", type=int, default=1, help="for what is asked for (1)")
    parser.add_argument("--json", type=Path, default=_RESULT, help=f"where the result goes ({_RESULT})")
    parser.add_argument("--plot", type=Path, default=_PLOT, help=f"where the picture goes ({_PLOT})")
    return parser.parse_args(arguments)


def _among(text: str) -> list[str]:
    for name in text.split(","):
        if name not in _SCENARIOS:
            raise argparse.ArgumentTypeError(f"'{name}': expected one of {', '.join(_SCENARIOS)}")
    return text.split(",")


def _overload(build: type[Lab], found: Found, options: argparse.Namespace) -> None:
    for platforms in (2, 3):
        with CONSOLE.status(f"building a row of {platforms}") as status, build(chain(platforms)) as lab:
            for protocol in ("UDP", "TCP"):
                title = f"{platforms} platforms, reserved traffic by {protocol}"
                status.update(f"overload: {title}")
                found.overload[title] = measure_overload(lab, chain_loads(platforms, protocol), options.seconds)


def _admission(build: type[Lab], found: Found, options: argparse.Namespace) -> None:
    document = parse_document(chain(2), "chain").model_copy(update={"reservations": {}})
    with CONSOLE.status("asking until it is full"), build(dump_document(document)) as lab:
        found.admission = fill(lab, "s1", "s4", options.seed, MBIT)
        if held(lab) > CHAIN_BPS:
            raise StepFailed(f"more is granted than there is: {held(lab)} of {CHAIN_BPS} bit/s")


def _failure(build: type[Lab], found: Found, _options: argparse.Namespace) -> None:
    with CONSOLE.status("a ring, full of reservations, a link cut"), build(ring()) as lab:
        link = link_between(lab.document, *RING_CUT)
        found.failure.append(measure_reroute(lab, ring_loads(), RING_PROBES, link))


_DO = {"overload": _overload, "admission": _admission, "failure": _failure}


def _judge(found: Found) -> int:
    worst = figures(found)
    good = worst["deviation"] <= _LARGEST_DEVIATION and not worst["lost"]
    text = f"granted rates kept within {worst['deviation']:.2%}; {worst['lost']:g} datagrams lost by a new path"
    verdict(good, text)
    return 0 if good else 1
