"""Whether one resource may be made, replaced or taken out: who owns it, what it would break, why not."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from controller.assurance import Fault
from controller.model.desired import Key
from controller.model.fabric import Fabric
from controller.model.problems import Problem
from controller.model.spec import Spec
from controller.model.wording import listed, quoted
from controller.negotiation import Outcome
from controller.planner import Plan
from controller.rates.network import Offer

KIND_OF: Final = {
    "segments": "segment",
    "platforms": "platform",
    "servers": "server",
    "uplinks": "uplink",
    "links": "link",
    "reservations": "reservation",
}
_MOST_NAMED: Final = 5


class Denial(Enum):
    """Why a change is not made."""

    FILE_OWNS = "file_owns"
    LEARNED = "learned"
    REFERRED_TO = "referred_to"
    IN_CONFLICT = "in_conflict"
    INVALID_SPEC = "invalid_spec"
    UNSAFE = "unsafe"
    NO_ROOM = "no_room"


@dataclass(frozen=True, slots=True)
class Denied:
    """A change that is not made: why, one clear sentence, and what goes with it."""

    why: Denial
    message: str
    problems: tuple[Problem, ...] = ()
    """In what was asked for; places are within it."""
    others: Mapping[Key, tuple[Problem, ...]] = field(default_factory=dict)
    """Other resources that would not fit any more."""
    faults: tuple[Fault, ...] = ()
    offer: Offer | None = None
    """What could be granted instead."""


def refuse_put(fabric: Fabric, key: Key, file: str | None) -> Denied | None:
    """Why the API may not make or replace a resource."""
    if fabric.composed.origins.get(key) == "file":
        return Denied(Denial.FILE_OWNS, f"{say(key)} stands in {file}: edit the file, and have it read again")
    return None


def refuse_delete(fabric: Fabric, key: Key, file: str | None) -> Denied | None:
    """Why the API may not take out a resource that there is. What the file has too, it may: the API's own copy."""
    if key in fabric.desired.made:
        return None
    if fabric.composed.origins.get(key) == "file":
        return refuse_put(fabric, key, file)
    return Denied(Denial.LEARNED, f"{say(key)} was not asked for by anybody, it was found: nothing is there to delete")


def judge_put(plan: Plan, key: Key) -> Denied | None:
    """What speaks against a resource as it is asked for."""
    own = plan.refusals.get(key)
    if own is not None:
        problems = tuple(within(key, problem) for problem in own)
        return Denied(Denial.INVALID_SPEC, f"{say(key)} does not fit: {_first(problems)}", problems)
    broken = _breaks(plan, Denial.IN_CONFLICT, f"{say(key)} as it is asked for does not go with")
    return broken or judge(plan) or judge_room(plan, key)


def judge_room(plan: Plan, key: Key) -> Denied | None:
    """What speaks against a resource that is asked for and fits in itself: there is no rate, or no number, for it."""
    change = plan.rates.get(key[1]) if key[0] == "reservations" else None
    denied = judge_outcome(key[1], change.outcome) if change else None
    if denied is None and key in plan.unnumbered:
        return Denied(Denial.IN_CONFLICT, f"{say(key)} does not fit: {plan.unnumbered[key]}")
    return denied


def is_renewal(fabric: Fabric, key: Key, spec: Spec, outcome: Outcome | None) -> bool:
    """Whether a reservation that is asked for is a claim that holds already, in whole or in part."""
    return fabric.desired.made.get(key) == spec and outcome is not None and outcome.state != "expired"


def judge_outcome(name: str, outcome: Outcome) -> Denied | None:
    """What speaks against a reservation over the API: it is not kept unless its floor is granted."""
    if outcome.state in ("granted", "reduced"):
        return None
    offer = outcome.offer
    why = offer.message if offer else "one of its ends is nowhere"
    return Denied(Denial.NO_ROOM, f"reservation {quoted(name)} cannot be granted: {why}", offer=offer)


def judge_delete(plan: Plan, key: Key) -> Denied | None:
    """What speaks against taking a resource out."""
    return _breaks(plan, Denial.REFERRED_TO, f"{say(key)} is referred to by") or judge(plan)


def judge(plan: Plan) -> Denied | None:
    """What speaks against any change: what would not fit, and packets that would come to harm."""
    if plan.faults:
        message = f"nothing was changed, because packets would come to harm: {plan.faults[0].message}"
        return Denied(Denial.UNSAFE, message, faults=plan.faults)
    return _breaks(plan, Denial.IN_CONFLICT, "the change does not go with")


def is_edit_of_file(plan: Plan) -> bool:
    """Whether a plan asks for another document of the file, which the API does not write."""
    return plan.desired.file != plan.basis.desired.file


def say(key: Key) -> str:
    """A resource in a sentence."""
    section, name = key
    return f"{KIND_OF[section]} {quoted(name)}" if section in KIND_OF else "the fabric as a whole"


def within(key: Key, problem: Problem) -> Problem:
    """A problem with its place within one resource's spec, not within a document."""
    section, name = key
    nested = {
        "servers": rf"platforms\.[^.]*\.servers\.{re.escape(name)}",
        "uplinks": rf"platforms\.[^.]*\.uplinks\.{re.escape(name)}",
        "links": r"links\[\d+\]",
        "fabric": "",
    }.get(section, rf"{section}\.{re.escape(name)}")
    found = re.match(rf"{nested}(?=$|[.\[])\.?", problem.place)
    return Problem(problem.place[found.end() :], problem.message) if found else problem


def _breaks(plan: Plan, why: Denial, start: str) -> Denied | None:
    if not plan.refusals:
        return None
    return Denied(why, f"{start} {_named(plan.refusals)}", others=plan.refusals)


def _named(keys: Collection[Key]) -> str:
    names = [say(key) for key in sorted(keys)]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{listed(names[:_MOST_NAMED])}{more}"


def _first(problems: tuple[Problem, ...]) -> str:
    place, message = problems[0].place, problems[0].message
    return f"{place}: {message}" if place else message
