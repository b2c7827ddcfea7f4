"""The controller is killed and started, and connections are lost, under a probe every millisecond.

    .venv/bin/python mininet/lab.py DOCUMENT --experiment restart [--kills 100] [--seed 1] [--json FILE] [--plot FILE]

Nothing may be lost or come twice, and no rule may be put in again. Then, in a lab of its own made of the same
document, it is killed at random moments while the fabric changes elsewhere; in the end the bridges must hold what a
fresh start puts into empty ones, with the same state folder and with an empty one. Exit status 1 otherwise.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kill_report
from churn_site import Site
from commands import vsctl
from fabric_api import ApiError
from kills import Killed, kill_often
from report import CONSOLE, say, verdict, write_json
from step_report import as_json, plot, show
from steps import Outcome, Step, measure, usual_flows, wait_for

from controller.model.document import dump_document

if TYPE_CHECKING:
    from lab import Lab

_RESULT = Path("results/restart.json")
_PLOT = Path("results/restart.png")
_KILLS = 5
_LATE_S = 10.0
_NOWHERE = "tcp:127.0.0.1:1"
"""Where no controller listens; a bridge without any controller would drop its rules."""


def run(lab: Lab, arguments: list[str]) -> int:
    """The experiment, in a lab that is ready; the exit status."""
    options = _options(arguments)
    flows = usual_flows(lab.document)
    outcomes = [measure(lab, flows, Step(title, partial(act, lab))) for title, act in ACTS.items()]
    show("Restart and reconnect, under a probe every millisecond", outcomes)
    plot("What a restart costs", outcomes, options.plot)
    killed = killed_at_random(lab, options.kills, options.seed) if options.kills and lab.document.links else None
    killing = {"kills": _show_kills(lab, options, killed)} if killed else {}
    write_json(options.json, {**as_json(lab.document.fabric, outcomes), **killing})
    bad = [outcome.step.title for outcome in outcomes if not is_good(outcome)]
    bad += killed.faults if killed else []
    verdict(not bad, f"lost, doubled or rewritten: {', '.join(bad)}" if bad else "nothing lost, nothing rewritten")
    return 1 if bad else 0


def _show_kills(lab: Lab, options: argparse.Namespace, killed: Killed) -> Any:
    kill_report.show(killed.rounds)
    for line in (line for lines in killed.unequal.values() for line in lines):
        say(line)
    kill_report.plot(killed.rounds, options.plot.with_stem(f"{options.plot.stem}-kills"))
    return kill_report.as_json(lab.document.fabric, options.seed, killed.rounds, killed.unequal)


def killed_at_random(lab: Lab, kills: int, seed: int) -> Killed:
    """Kill the controller of another lab, made of the same document, so many times while the fabric changes."""
    site = Site.of(lab.document)
    with CONSOLE.status("building a lab whose document may change"):
        own = type(lab)(dump_document(site.prepared(lab.document)))
        own.__enter__()
    with own:
        site.plug(own)
        return kill_often(own, site, kills, seed)


def is_good(outcome: Outcome) -> bool:
    """Nothing lost, nothing twice, every rule the one that was there before."""
    return outcome.result.clean and outcome.rules.nothing


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="restart", description="Kill and start the controller under a stream.")
    parser.add_argument("--json", type=Path, default=_RESULT, help=f"where the result goes ({_RESULT})")
    parser.add_argument("--plot", type=Path, default=_PLOT, help=f"where the picture goes ({_PLOT})")
    parser.add_argument("--kills", type=int, default=_KILLS, help=f"how often it is killed at random ({_KILLS})")
    parser.add_argument("--seed", type=int, default=1, help="of the changes and moments (1)")
    return parser.parse_args(arguments)


def restart(lab: Lab) -> None:
    """SIGKILL, start, converge."""
    lab.kill_controller()
    lab.start_controller()
    lab.wait_converged()


def restart_while_it_starts(lab: Lab) -> None:
    """Kill it when its API answers, when the first bridge is connected, when all are; then let it be."""
    switches = list(lab.wiring.switches.values())
    moments: tuple[tuple[Callable[[], bool], str], ...] = (
        (lambda: _answers(lab), "the API answers"),
        (lambda: any(switch.connected() for switch in switches), "a bridge connects"),
        (lambda: all(switch.connected() for switch in switches), "all bridges connect"),
    )
    for moment, what in moments:
        lab.kill_controller()
        lab.start_controller()
        wait_for(moment, what)
    restart(lab)


def _answers(lab: Lab) -> bool:
    try:
        lab.api("/fabric")
    except ApiError:
        return False
    return True


def reconnect_all(lab: Lab) -> None:
    """Every bridge loses its connection, and makes it anew."""
    for platform in lab.document.platforms:
        _connect_to(lab, platform, _NOWHERE)
    wait_for(lambda: set(_absent(lab)) == set(lab.document.platforms), "all bridges gone")
    for platform in lab.document.platforms:
        _connect_to(lab, platform, _target(lab))
    lab.wait_converged()


def reconnect_late(lab: Lab) -> None:
    """Restart the controller; one bridge does not find it until ten seconds after the others."""
    late = next(iter(lab.document.platforms))
    _connect_to(lab, late, _NOWHERE)
    lab.kill_controller()
    lab.start_controller()
    wait_for(lambda: _answers(lab) and _absent(lab) == [late], "all other bridges back")
    time.sleep(_LATE_S)
    _connect_to(lab, late, _target(lab))
    lab.wait_converged()


def restart_without_state(lab: Lab) -> None:
    """Kill it and lose its state folder: the switches' own rules and discovery tell what was there."""
    assert lab.controller is not None
    lab.kill_controller()
    kept = {lab.file, lab.controller.log}
    for path in set(lab.controller.state_dir.iterdir()) - kept:
        path.unlink()
    lab.start_controller()
    lab.wait_converged()


def _absent(lab: Lab) -> list[str]:
    return list(lab.api("/fabric")["status"]["absent"])


def _target(lab: Lab) -> str:
    assert lab.controller is not None
    return lab.controller.target


def _connect_to(lab: Lab, platform: str, target: str) -> None:
    """Point a bridge to a controller without taking its old one away first."""
    bridge = lab.switch(platform).bridge
    record = vsctl("get", "Bridge", bridge, "controller").strip().strip("[]")
    vsctl("set", "Controller", record, f'target="{target}"')


ACTS: dict[str, Callable[[Lab], None]] = {
    "killed and started": restart,
    "killed three times while it starts": restart_while_it_starts,
    "all bridges reconnect at once": reconnect_all,
    "one bridge comes 10 s after the others": reconnect_late,
    "state folder lost": restart_without_state,
}
"""In an order in which each finds the fabric at rest."""
