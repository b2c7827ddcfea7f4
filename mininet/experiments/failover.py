"""Links and platforms fail and return, under a probe every millisecond: what is lost, beside other ways to switch.

    .venv/bin/python mininet/lab.py DOCUMENT --experiment failover [options]     in the fabric of a document
    script/bench failover [--fabrics ring,mesh] [options]                        in fabrics of several shapes

Each fault hits what the flows pass at that moment, is mended when they have come through again, and the next waits
until all is as it was before. Exit status 1 when something does not come back although it should.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from breakages import FAULTS, Choice
from cuts import NothingToCut, measure_cuts
from fabric_api import NotReady
from fabrics import FABRICS, STORM
from failover_report import Trial, as_json, plot, show
from peers_faucet import NotInstalled, faucet, program
from peers_rstp import rstp
from report import CONSOLE, say, verdict, write_json
from sides import Side, backplane
from steps import StepFailed
from stream import StreamFailed

from controller.model.document import dump_document

if TYPE_CHECKING:
    from lab import Lab

_RESULT = Path("results/failover.json")
_PLOT = Path("results/failover.png")
_FAULTS = "carrier,silent"
_PEERS = ("rstp", "faucet")

Build = Callable[[str], AbstractContextManager[Side]]


@dataclass(frozen=True)
class Way:
    """A way to switch that takes part, and how many faults of each kind it is given."""

    build: Build
    count: int


def run(lab: Lab, arguments: list[str]) -> int:
    """The experiment in labs of their own, made of the lab's document; the exit status."""
    options = _options(arguments, {})
    text = dump_document(lab.document.model_copy(update={"storm": STORM}))
    return _measure({lab.document.fabric: text}, options)


def main(arguments: list[str] | None = None) -> int:
    """The experiment in fabrics of several shapes; the exit status."""
    options = _options(arguments, FABRICS)
    signal.signal(signal.SIGTERM, _leave)  # the labs are taken down
    return _measure({name: FABRICS[name]() for name in options.fabrics}, options)


def _leave(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _options(arguments: list[str] | None, fabrics: Mapping[str, object]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="failover", description="Let links and platforms fail under a stream.")
    if fabrics:
        parser.add_argument("--fabrics", type=_among(fabrics), default=list(fabrics), help=f"of {', '.join(fabrics)}")
    parser.add_argument("--faults", type=_among(FAULTS), default=_FAULTS, help=f"of {', '.join(FAULTS)} ({_FAULTS})")
    states = ("stopped", "up")
    parser.add_argument("--controller", type=_among(states), default="stopped", help="stopped, up or both (stopped)")
    parser.add_argument("--n", type=int, default=10, help="faults of each kind; at least 30 for figures (10)")
    peers = "rstp, faucet; faucet:5 gives one other than --n faults (none)"
    parser.add_argument("--peers", type=_among(_PEERS), default=[], help=peers)
    cache = Path(os.environ.get("TMPDIR", tempfile.gettempdir())) / "backplane-faucet"
    parser.add_argument("--faucet", type=Path, default=cache, help=f"where FAUCET is or will be installed ({cache})")
    parser.add_argument("--seed", type=int, default=1, help="for the choice of what fails (1)")
    parser.add_argument("--json", type=Path, default=_RESULT, help=f"where the result goes ({_RESULT})")
    parser.add_argument("--plot", type=Path, default=_PLOT, help=f"where the picture goes ({_PLOT})")
    return parser.parse_args(arguments)


def _among(known: Mapping[str, object] | tuple[str, ...]) -> Callable[[str], list[str]]:
    """Reads names with commas between them, each of a list, each with a number behind it if wanted."""

    def read(text: str) -> list[str]:
        for word in text.split(","):
            name, _, number = word.partition(":")
            if name not in known or not (number or "1").isdigit():
                raise argparse.ArgumentTypeError(f"'{word}': expected one of {', '.join(known)}")
        return text.split(",")

    return read


def _ways(options: argparse.Namespace) -> Iterator[Way]:
    for state in options.controller:
        yield Way(partial(backplane, controller=state), options.n)
    for word in options.peers:
        name, _, count = word.partition(":")
        build = rstp if name == "rstp" else _faucet(options.faucet)
        if build:
            yield Way(build, int(count or options.n))


def _faucet(folder: Path) -> Build | None:
    try:
        with CONSOLE.status("installing FAUCET"):
            return partial(faucet, binary=program(folder))
    except NotInstalled as problem:
        say(f"left out: {problem}")
        return None


def _measure(fabrics: Mapping[str, str], options: argparse.Namespace) -> int:
    trials: list[Trial] = []
    problems: list[str] = []
    for name, text in fabrics.items():
        for way in _ways(options):
            trials += _trials(name, text, way, options, problems)
    if trials:
        show(trials)
        write_json(options.json, as_json(trials))
        plot(trials, options.plot)
    problems += [f"{t.fabric}, {t.fault}, {t.side}" for t in trials if "up" in t.side and t.back < len(t.cuts)]
    verdict(not problems, f"did not come back: {'; '.join(problems)}" if problems else "all came back")
    return 1 if problems else 0


def _trials(fabric: str, text: str, way: Way, options: argparse.Namespace, problems: list[str]) -> Iterator[Trial]:
    """One for each kind of fault; `problems` gets what went wrong."""
    try:
        with way.build(text) as side:
            for fault in options.faults:
                if fault not in side.unfit:
                    yield from _trial(fabric, fault, side, way.count, Choice(options.seed))
    except (StepFailed, StreamFailed, NotReady) as problem:
        problems.append(f"{fabric}: {problem}")
        verdict(False, problems[-1])


def _trial(fabric: str, fault: str, side: Side, count: int, choice: Choice) -> Iterator[Trial]:
    title, began, made = f"{fabric}, {fault}, {side.name}", time.monotonic(), 0
    with CONSOLE.status(title) as status:

        def on_cut() -> None:
            nonlocal made
            made += 1
            status.update(f"{title}: {made} of {count}")

        try:
            cuts = tuple(measure_cuts(side, FAULTS[fault], count, choice, on_cut))
        except NothingToCut as problem:
            say(f"{title}: left out: {problem}")
            return
    say(f"{title}: {count} in {time.monotonic() - began:.0f} s")
    yield Trial(fabric, fault, side.name, cuts)
