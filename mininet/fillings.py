"""A fabric is filled: one reservation after the other is asked for, until nothing more is granted."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from fabric_api import ApiError

if TYPE_CHECKING:
    from lab import Lab

_ENOUGH = 4
"""So many refusals one after the other, and it is full."""


@dataclass(frozen=True)
class Asked:
    """One question and its answer, bit/s: what was granted, or the best offer; what is left afterwards."""

    name: str
    rate_bps: int
    floor_bps: int
    granted_bps: int
    offer_bps: int | None
    why: str
    left_bps: int
    took_s: float


def fill(lab: Lab, source: str, target: str, seed: int, unit_bps: int) -> list[Asked]:
    """Ask for 4 to 20 units each time, with a floor of half of that, until it is full."""
    dice = Random(seed)
    asked: list[Asked] = []
    while any(each.granted_bps for each in asked[-_ENOUGH:]) or len(asked) < _ENOUGH:
        rate = dice.randint(4, 20) * unit_bps
        spec = {"from": source, "to": target, "rate": rate, "floor": rate // 2, "match": {"udp_dst": 7000 + len(asked)}}
        asked.append(_ask(lab, f"ask{len(asked) + 1}", spec))
    return asked


def _ask(lab: Lab, name: str, spec: dict[str, Any]) -> Asked:
    began = time.monotonic()
    granted, offer, why = 0, None, ""
    try:
        granted = lab.fabric_api.put(f"/reservations/{name}", spec)["status"]["granted_bps"]
    except ApiError as problem:
        offer, why = _offer(problem)
    took_s = time.monotonic() - began
    left = lab.api(f"/capacity?from={spec['from']}&to={spec['to']}")["one_path_bps"]
    return Asked(name, spec["rate"], spec["floor"], granted, offer, why, left, took_s)


def _offer(problem: ApiError) -> tuple[int, str]:
    """What a refusal offers; raises the problem where it is another one."""
    _, code, body = str(problem).split(" ", 2)
    if code != "409":
        raise problem
    offer = json.loads(body)["offer"]
    return offer["rate_bps"], offer["message"]


def held(lab: Lab) -> int:
    """What all reservations have together, bit/s."""
    return sum(each["status"]["granted_bps"] for each in lab.api("/reservations")["items"])
