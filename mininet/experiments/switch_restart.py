"""`ovs-vswitchd` is killed and started, under a probe every millisecond: how long servers are apart.

    .venv/bin/python mininet/lab.py DOCUMENT --experiment switch_restart [--json FILE] [--plot FILE]

All platforms are bridges of one Open vSwitch of the experiment's own, in a lab of its own made of the same document.
In the end every bridge must hold the rules that it held before. Exit status 1 otherwise.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from allotted import held_by_name
from commands import run as run_tool
from controller_process import ROOT
from installed import Held, differences
from private_ovs import PrivateOvs
from report import say, verdict, write_json
from step_report import as_json, plot, show
from steps import Step, StepFailed, measure, usual_flows, wait_for

from controller.model.document import dump_document

if TYPE_CHECKING:
    from lab import Lab

_KEEP_RULES = str(ROOT / "examples/openvswitch/keep-rules")
_RESULT = Path("results/switch-restart.json")
_PLOT = Path("results/switch-restart.png")
_STORM = 10_000
"""A flooded stream of 1,000/s is not to meet the storm control."""


def run(lab: Lab, arguments: list[str]) -> int:
    """The experiment; the exit status."""
    options = _options(arguments)
    with PrivateOvs() as ovs:
        text = dump_document(ovs.document(lab.document.model_copy(update={"storm": _STORM})))
        with type(lab)(text) as own:
            before, outcomes = held_by_name(own), []
            unlike: list[str] = []
            for title, act in ACTS.items():
                outcomes.append(measure(own, usual_flows(own.document), Step(title, partial(act, own, ovs))))
                unlike = _left(own, before)
    show("ovs-vswitchd restarts, under a probe every millisecond", outcomes)
    write_json(options.json, {**as_json(lab.document.fabric, outcomes), "unlike": unlike})
    plot("What a restart of ovs-vswitchd costs", outcomes, options.plot)
    for line in unlike:
        say(line)
    verdict(not unlike, "rules are not what they were" if unlike else "every rule is back")
    return 1 if unlike else 0


def _left(lab: Lab, before: Held) -> list[str]:
    """What differs from before by name, when links that BFD had yet to find have come back."""
    with suppress(StepFailed):
        wait_for(lambda: not differences(before, held_by_name(lab)), "every rule as it was")
    return differences(before, held_by_name(lab))


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="switch_restart", description="Kill and start ovs-vswitchd under a stream.")
    parser.add_argument("--json", type=Path, default=_RESULT, help=f"where the result goes ({_RESULT})")
    parser.add_argument("--plot", type=Path, default=_PLOT, help=f"where the picture goes ({_PLOT})")
    return parser.parse_args(arguments)


def keep_rules(verb: str, folder: Path) -> None:
    """``save`` or ``restore``; raises `CommandFailed`."""
    run_tool(_KEEP_RULES, verb, str(folder))


def killed(lab: Lab, ovs: PrivateOvs) -> None:
    """As a crash would: the controller puts all rules in again."""
    ovs.kill_switch()
    ovs.start_switch()
    lab.wait_converged()


def carried_over(lab: Lab, ovs: PrivateOvs) -> None:
    """Rules are saved before and restored after, while the controller is away."""
    lab.kill_controller()
    folder = ovs.folder / "rules"
    keep_rules("save", folder)
    ovs.kill_switch()
    ovs.start_switch()
    keep_rules("restore", folder)
    lab.start_controller()
    lab.wait_converged()


def killed_alone(lab: Lab, ovs: PrivateOvs) -> None:
    """As a crash would while the controller is away: servers are apart until it is back."""
    lab.kill_controller()
    ovs.kill_switch()
    ovs.start_switch()
    lab.start_controller()
    lab.wait_converged()


ACTS: dict[str, Callable[[Lab, PrivateOvs], None]] = {
    "killed and started": killed,
    "the same, controller away": killed_alone,
    "rules carried over, controller away": carried_over,
}
