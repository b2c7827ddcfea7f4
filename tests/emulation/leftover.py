"""What the bridges of a lab hold against a full compile of the state that its controller keeps."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from typing import Any

from lab import Lab

from controller.control import Control
from controller.model.snapshot import restore
from controller.rules.placed import Wanted
from controller.rules.rules import Group, Meter
from tests.properties.ofctl_text import group_text

_FLOW_PARTS = {"cookie": "0x0", "table": "0", "priority": "32768"}
"""What counts where a line leaves it out."""
_METER = re.compile(r"meter=(\d+) .*?rate=(\d+) burst_size=(\d+)")
_HEX = re.compile(r"\b0x[0-9a-f]+\b")


def differing(lab: Lab, platforms: Collection[str], shown: int = 5) -> list[str]:
    """Rules that a bridge has and should not (+), or should and has not (-), `shown` of each at most."""
    wanted, found = _compiled(lab), list[str]()
    for platform in sorted(platforms):
        held, due = set(_held(lab, platform)), {_line(item) for item in wanted[platform]}
        found += [f"{platform} + {line}" for line in sorted(held - due)[:shown]]
        found += [f"{platform} - {line}" for line in sorted(due - held)[:shown]]
    return found


def _compiled(lab: Lab) -> dict[str, list[Wanted]]:
    """What a controller that was never there wants of the same state and document."""
    control = Control(restore(_kept(lab)))
    control.set_document(lab.document)
    control.refresh()
    return {name: list(control.reconciler.switches[name].wanted.values()) for name in lab.document.platforms}


def _kept(lab: Lab) -> dict[tuple[str, str], Any]:
    assert lab.controller is not None
    file = lab.controller.state_dir / "state.db"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT kind, name, value FROM state").fetchall()
    return {(kind, name): json.loads(value) for kind, name, value in rows}


def _line(wanted: Wanted) -> str:
    """A flow entry by its cookie, which holds a digest of all that it does."""
    rule = wanted.rule
    if isinstance(rule, Group):
        return _plain(group_text(rule))
    if isinstance(rule, Meter):
        return f"meter {rule.number}: {rule.rate}, {rule.burst}"
    return _flow_line(wanted.cookie, int(rule.table), int(rule.priority))


def _flow_line(cookie: int, table: int, priority: int) -> str:
    return f"flow {cookie:#x} in table {table} at {priority}"


def _part(line: str, name: str, usual: str) -> int:
    found = re.search(rf"\b{name}=(0x[0-9a-f]+|\d+)", line)
    return int(found[1] if found else usual, 0)


def _held(lab: Lab, platform: str) -> Iterator[str]:
    switch = lab.switch(platform)
    for line in switch.dpctl("dump-flows", "--no-stats").splitlines():
        if "cookie=" in line:
            yield _flow_line(**{name: _part(line, name, usual) for name, usual in _FLOW_PARTS.items()})
    for line in switch.dpctl("dump-groups").splitlines():
        if "group_id=" in line:
            yield _plain(line.strip())
    for number, rate, burst in _METER.findall(switch.dpctl("dump-meters").replace("\n", " ")):
        yield f"meter {number}: {rate}, {burst}"


def _plain(text: str) -> str:
    """A group as ``ovs-ofctl`` tells it: a weight of 1 goes without saying, and no action is a drop."""
    decimal = _HEX.sub(lambda found: str(int(found[0], 0)), text).replace("weight:1,", "")
    return re.sub(r"actions=(?=,bucket|$)", "actions=drop", decimal)
