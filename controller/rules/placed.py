"""A rule with its place: on which switch, whose it is, and when in a change its turn comes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from typing import Final, TypeAlias

from controller.rules.rules import Owner, Rule, RuleKey


class Turn(IntEnum):
    """When a rule goes in: what others lead to comes before what leads to it; removal is the reverse.

    A turn is over when every connected switch has confirmed it.
    """

    METER = 0
    """Meters, and the group that always works."""
    TRANSIT = 1
    """Bypasses: entries that only forward what is labelled for them."""
    LINK = 2
    PATH = 3
    """Platform groups, by distance: a switch flips after its next hops (`PATH_RANKS`)."""
    FLOOD = 4
    LABEL = 5
    HOME = 6
    ELSEWHERE = 7
    """The way to a server, outward from its home: a switch sends only what its next hops know."""
    LEAVING = 8
    """The entry of a server at the platform that it has left."""
    ENTRY = 9
    """Where packets of servers enter: guard, answers, floods from local ports."""


PATH_RANKS: Final = 1 << 52
"""A turn leaves room for so many ranks: those of ways over links that are the last resort too."""


def path_rank(distance: float) -> int:
    """The rank, within a turn, of what is so far from a path's end: nearer ones go first."""
    return int(min(distance, PATH_RANKS - 1)) if isfinite(distance) else PATH_RANKS - 1


Needs: TypeAlias = tuple[tuple[str, RuleKey], ...]
"""What must be held, by platform and key, before a rule may lead packets there: be its switch connected or not."""


@dataclass(frozen=True, slots=True)
class Placed:
    """One rule on one platform."""

    platform: str
    rule: Rule
    turn: Turn
    rank: int = 0
    needs: Needs = ()

    @property
    def order(self) -> int:
        """The moment in a change, as a number that sorts."""
        return self.turn * PATH_RANKS + self.rank


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a switch should hold under a key, and whose it is."""

    rule: Rule
    owner: Owner
    order: int
    cookie: int
    needs: Needs = ()
