"""How old the rules of a lab's switches are: what was put in again is young, whoever says that nothing was changed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab import Lab

_FLOW = re.compile(r" cookie=\S+, duration=(\S+)s, (table=\d+), n_packets=\d+, n_bytes=\d+, (.*)")
_GROUP = re.compile(r" (group_id=\d+),duration=(\S+)s,")
_METER = re.compile(r"(meter:\d+) \S+ \S+ \S+ duration:(\S+)s")
_SAME_S = 0.5
"""Births closer than this are one: reading the rules takes a while itself."""


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


def births_of(lab: Lab) -> dict[str, float]:
    """When each flow entry, group and meter of each platform was put in, by its text; monotonic seconds."""
    found: dict[str, float] = {}
    for platform in lab.document.platforms:
        for rule, age_s, now in _ages(lab, platform):
            found[f"{platform} {rule}"] = now - age_s
    return found


def difference(before: dict[str, float], after: dict[str, float]) -> Difference:
    """Compare two readings."""
    both = before.keys() & after.keys()
    rewritten = sorted(rule for rule in both if after[rule] - before[rule] > _SAME_S)
    added, removed = sorted(after.keys() - both), sorted(before.keys() - both)
    return Difference(tuple(added), tuple(removed), tuple(rewritten), len(both) - len(rewritten))


def _ages(lab: Lab, platform: str) -> Iterator[tuple[str, float, float]]:
    switch = lab.switch(platform)
    for command, pattern in (("dump-flows", _FLOW), ("dump-group-stats", _GROUP), ("meter-stats", _METER)):
        now, text = time.monotonic(), switch.dpctl(command)
        for found in pattern.finditer(text):
            yield _read(found, command == "dump-flows"), float(found[1 if command == "dump-flows" else 2]), now


def _read(found: re.Match[str], is_flow: bool) -> str:
    return f"{found[2]}, {found[3]}" if is_flow else found[1]
