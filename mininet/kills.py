"""The controller is killed at random moments while the fabric changes, under a probe every millisecond."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from threading import Thread
from typing import TYPE_CHECKING, Any

from allotted import Allotted
from churn import Change, Churn
from churn_site import Site
from installed import Held, differences, installed, remove_all
from steps import Outcome, Step, measure, wait_for

if TYPE_CHECKING:
    from controller_process import ControllerProcess
    from lab import Lab

_CONVERGING_S = 1.5
"""A kill falls so long after a change was asked for at the latest, seconds."""
_STARTING_S = 2.5
"""Or so long after a start, while the controller comes up and reads its switches."""
_AGAIN = 0.4
"""The share of kills that are followed by another while the controller starts."""


@dataclass(frozen=True)
class Round:
    """One change, the kills that followed, and what came of it."""

    change: str
    kills: tuple[float, ...]
    """Seconds since the change was asked for (the first), or since the last start."""
    outcome: Outcome
    forgotten: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Nothing lost, nothing twice, nothing put in again that was there, nothing answered and forgotten."""
        return self.outcome.result.clean and not self.outcome.rules.rewritten and not self.forgotten


class Killer:
    """Changes a lab's fabric and kills its controller; the same changes and moments for the same seed."""

    def __init__(self, lab: Lab, site: Site, seed: int) -> None:
        self._lab, self._flows = lab, site.flows(lab.document)
        self._random, self.churn = Random(seed), Churn(lab, site, seed)

    def rounds(self, kills: int) -> Iterator[Round]:
        """Kill it so many times."""
        while kills > 0:
            moments = self._moments(kills)
            kills -= len(moments)
            yield self._round(moments)

    def _moments(self, most: int) -> tuple[float, ...]:
        moments = [self._random.uniform(0, _CONVERGING_S)]
        while len(moments) < most and self._random.random() < _AGAIN:
            moments.append(self._random.uniform(0, _STARTING_S))
        return tuple(moments)

    def _round(self, moments: tuple[float, ...]) -> Round:
        change = self.churn.next()
        outcome = measure(self._lab, self._flows, Step(change.title, lambda: self._change_and_kill(change, moments)))
        return Round(change.title, moments, outcome, tuple(self.churn.forgotten()))

    def _change_and_kill(self, change: Change, moments: tuple[float, ...]) -> None:
        asking = Thread(target=change.ask)
        asking.start()
        for moment in moments:
            time.sleep(moment)
            self._lab.kill_controller()
            asking.join()
            self._lab.start_controller()
        self._lab.wait_converged()


@dataclass(frozen=True)
class Killed:
    """All rounds, and where the bridges in the end do not hold what a fresh start puts in."""

    rounds: tuple[Round, ...]
    unequal: dict[str, list[str]]

    @property
    def faults(self) -> list[str]:
        """What went wrong, in words."""
        bad = [f"killed after a change of {each.change}" for each in self.rounds if not each.good]
        return bad + [f"end state unlike that of {start}" for start, lines in self.unequal.items() if lines]


def kill_often(lab: Lab, site: Site, kills: int, seed: int) -> Killed:
    """Change and kill, then compare the end with two fresh starts."""
    killer = Killer(lab, site, seed)
    rounds = tuple(killer.rounds(kills))
    unequal = {"a start with the same state": compare_with_fresh_start(lab)}
    killer.churn.undo()
    lab.wait_converged()
    unequal["a start with an empty state folder"] = compare_with_empty_state(lab)
    return Killed(rounds, unequal)


def compare_with_fresh_start(lab: Lab) -> list[str]:
    """What bridges hold, against what a start with the same state folder makes of empty ones: the differences."""
    states = _at_rest(lab)
    held = _stopped(lab)
    return differences(held, _started_on_empty(lab, states))


def compare_with_empty_state(lab: Lab) -> list[str]:
    """The same with an empty state folder, by names: numbers are allotted anew, all else must be the same."""
    states, state_dir = _at_rest(lab), _own(lab).state_dir
    held, before = _stopped(lab), Allotted.read(state_dir)
    for path in set(state_dir.iterdir()) - {lab.file, _own(lab).log}:
        path.unlink()
    fresh = _started_on_empty(lab, states)
    return differences(before.named(held), Allotted.read(state_dir).named(fresh))


def _own(lab: Lab) -> ControllerProcess:
    assert lab.controller is not None
    return lab.controller


def _stopped(lab: Lab) -> Held:
    _own(lab).stop()
    return installed(lab)


def _started_on_empty(lab: Lab, states: dict[str, str]) -> Held:
    """What the controller puts into empty bridges, when it has found the links that it had."""
    remove_all(lab)
    lab.start_controller()
    lab.wait_converged()
    wait_for(lambda: _at_rest(lab) == states, "all links as they were")
    held = _stopped(lab)
    lab.start_controller()
    lab.wait_converged()
    return held


def _at_rest(lab: Lab) -> dict[str, str]:
    """The state of each link, when none is back that is not yet used."""
    wait_for(lambda: not any(link["status"]["waits"] for link in _links(lab)), "all links that are back in use")
    lab.wait_converged()
    return {link["name"]: link["status"]["state"] for link in _links(lab)}


def _links(lab: Lab) -> list[dict[str, Any]]:
    return list(lab.api("/links")["items"])
