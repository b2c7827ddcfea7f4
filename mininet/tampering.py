"""Changing the rules of a lab's switches behind the controller's back, as somebody with `ovs-ofctl` would."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import TYPE_CHECKING

from installed import held_by, installed

if TYPE_CHECKING:
    from lab import Lab

WAYS = tuple(product(("delete", "alter", "add"), ("flow", "group", "meter")))
"""What can be done to what."""
_FLOW = re.compile(r"table=.* actions=")
_GROUP = re.compile(r"group_id=\d+")
_METER = re.compile(r"meter=\d+")
LIMIT_S = 5.0
"""A change is to be put right in this time."""
_POLL_S = 0.02
_AT_REST_S = 3.0
_GIVEN_UP_S = 15.0


@dataclass(frozen=True)
class Tampering:
    """What was done (`action` to a rule of a kind, on a platform), and after how long all was as before, seconds."""

    platform: str
    action: str
    kind: str
    rule: str
    repaired_s: float


class NotRepaired(Exception):
    """A rule is not as before; the text says which, and since when."""


def tamper(lab: Lab, platform: str, action: str, kind: str, random: Random) -> str:
    """Delete, alter or add a flow entry, a group or a meter; which one."""
    act: Callable[[Lab, str, str, Random], str] = {"flow": _flow, "group": _group, "meter": _meter}[kind]
    return act(lab, platform, action, random)


def time_repair(lab: Lab, platform: str, action: str, kind: str, random: Random) -> Tampering:
    """Tamper, and wait until what it took is back, what it put in is gone, and the controller has told of it.

    It is done again where a link failed meanwhile: rules that led over it may be wanted no more. Raises `NotRepaired`.
    """
    while True:
        last = _last_event(lab)
        done = _time_repair(lab, platform, action, kind, random)
        in_time = done is not None and done.repaired_s <= LIMIT_S
        if in_time or not lab.api(f"/events?kind=link&after={last}&follow=false")["items"]:
            break
        wait_at_rest(lab)
    if done is None:
        raise NotRepaired(f"{platform}: a change ({action} a {kind}) was not put right within {_GIVEN_UP_S:g} s")
    return done


def _time_repair(lab: Lab, platform: str, action: str, kind: str, random: Random) -> Tampering | None:
    told, before = findings(lab, platform), set(held_by(lab, platform))
    rule = tamper(lab, platform, action, kind, random)
    began = time.monotonic()
    after = set(held_by(lab, platform))
    while not _is_undone(before, after, set(held_by(lab, platform))) or findings(lab, platform) == told:
        if time.monotonic() > began + _GIVEN_UP_S:
            return None
        time.sleep(_POLL_S)
    return Tampering(platform, action, kind, rule, time.monotonic() - began)


def _last_event(lab: Lab) -> int:
    return int(lab.api("/events?after=0&follow=false")["last"])


def _is_undone(before: set[str], after: set[str], now: set[str]) -> bool:
    """Whatever else may have changed meanwhile."""
    return before - after <= now and now.isdisjoint(after - before)


def wait_at_rest(lab: Lab) -> None:
    """Wait until BFD hears the other end of every link, and the switches' rules stay as they are."""
    before = None
    while (now := installed(lab)) != before or not _all_heard(lab):
        before = now
        time.sleep(_AT_REST_S)
        lab.wait_converged()


def _all_heard(lab: Lab) -> bool:
    ends = [end for link in lab.api("/links")["items"] for end in link["status"]["ends"]]
    return all(end["bfd"] in ("up", "off") for end in ends)


def findings(lab: Lab, platform: str) -> int:
    """How much the audits of a platform have found so far."""
    audit = lab.api(f"/platforms/{platform}")["status"]["audit"]
    return sum(audit["found"].values()) if audit else 0


def _flow(lab: Lab, platform: str, action: str, random: Random) -> str:
    switch = lab.switch(platform)
    if action == "add":
        cookie, table, port = random.choice(("0x5", "0xbac1234500000000")), random.randrange(20), _number(random)
        rule = f"table={table},priority=7,in_port={port}"
        switch.dpctl("add-flow", f"cookie={cookie},{rule},actions=drop")
        return rule
    lines = switch.dpctl("dump-flows", "--no-stats").splitlines()
    chosen = random.choice([line for line in lines if _FLOW.search(line)])
    rule = _FLOW.findall(chosen)[0].removesuffix(" actions=").replace(" ", "")
    if action == "delete":
        switch.dpctl("del-flows", "--strict", rule)
    else:
        other = "LOCAL" if chosen.endswith("actions=drop") else "drop"
        switch.dpctl("mod-flows", "--strict", f"{rule},actions={other}")
    return rule


def _group(lab: Lab, platform: str, action: str, random: Random) -> str:
    switch = lab.switch(platform)
    if action == "add":
        rule = f"group_id={_number(random) + random.choice((0, 2 << 28))}"
        switch.dpctl("add-group", f"{rule},type=all,bucket=actions=drop")
        return rule
    rule = random.choice(_GROUP.findall(switch.dpctl("dump-groups")))
    if action == "delete":
        switch.dpctl("del-groups", rule)
    else:
        switch.dpctl("mod-group", f"{rule},type=all,bucket=actions=drop")
    return rule


def _meter(lab: Lab, platform: str, action: str, random: Random) -> str:
    switch = lab.switch(platform)
    bands = "pktps,burst,stats,bands=type=drop,rate=7,burst_size=3"
    if action == "add":
        rule = f"meter={_number(random) % 50_000 + random.choice((0, 1 << 16))}"
        switch.dpctl("add-meter", f"{rule},{bands}")
        return rule
    rule = random.choice(_METER.findall(switch.dpctl("dump-meters")))
    if action == "delete":
        switch.dpctl("del-meter", rule)
    else:
        switch.dpctl("mod-meter", f"{rule},{bands}")
    return rule


def _number(random: Random) -> int:
    """A number that no rule of ours has."""
    return random.randrange(1_000, 60_000)
