"""How old the rules of a lab's switches are: what was put in again is young, whoever says that nothing was changed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.rules.tables import Table

if TYPE_CHECKING:
    from lab import Lab

_FLOW = re.compile(r" cookie=\S+, duration=(\S+)s, (table=\d+), n_packets=\d+, n_bytes=\d+, (.*)")
_GROUP = re.compile(r" (group_id=\d+),duration=(\S+)s,")
_METER = re.compile(r"(meter:\d+) \S+ \S+ \S+ duration:(\S+)s")
_WAY_ROUND = f" table={Table.DIVERT:d}, "
"""Like the buckets of a group, which have no age: they follow the links, there and back."""
_SAME_S = 0.05
"""Births closer than this are one."""

Birth = tuple[float, float]
"""Not before and not after, monotonic seconds: how long a switch takes to answer is not known."""


@dataclass(frozen=True)
class Difference:
    """What became of the rules between two readings."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    rewritten: tuple[str, ...]
    """The same rule, put in again."""
    kept: int

    @property
    def nothing(self) -> bool:
        """Whether every rule is the one that was there before."""
        return not (self.added or self.removed or self.rewritten)

    def __str__(self) -> str:
        """How many of each, and the first of each."""
        parts = {"added": self.added, "removed": self.removed, "rewritten": self.rewritten}
        said = [f"{len(rules)} {what} ({rules[0]} …)" for what, rules in parts.items() if rules]
        return ", ".join((f"{self.kept} kept", *said))


def births_of(lab: Lab) -> dict[str, Birth]:
    """When each flow entry, group and meter of each platform was put in, by its text."""
    return {
        f"{platform} {rule}": birth for platform in lab.document.platforms for rule, birth in _births(lab, platform)
    }


def difference(before: dict[str, Birth], after: dict[str, Birth]) -> Difference:
    """Compare two readings."""
    both = before.keys() & after.keys()
    young = (rule for rule in both if after[rule][0] > before[rule][1] + _SAME_S)
    rewritten = sorted(rule for rule in young if _WAY_ROUND not in rule)
    added, removed = sorted(after.keys() - both), sorted(before.keys() - both)
    return Difference(tuple(added), tuple(removed), tuple(rewritten), len(both) - len(rewritten))


def _births(lab: Lab, platform: str) -> Iterator[tuple[str, Birth]]:
    switch = lab.switch(platform)
    for command, pattern in (("dump-flows", _FLOW), ("dump-group-stats", _GROUP), ("meter-stats", _METER)):
        asked = time.monotonic()
        text = switch.dpctl(command)
        answered, is_flow = time.monotonic(), command == "dump-flows"
        for found in pattern.finditer(text):
            age_s = float(found[1 if is_flow else 2])
            yield _read(found, is_flow), (asked - age_s, answered - age_s)


def _read(found: re.Match[str], is_flow: bool) -> str:
    return f"{found[2]}, {found[3]}" if is_flow else found[1]
