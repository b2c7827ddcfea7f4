"""What a check is given, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Touched:
    """What a change touches: servers and segments by name, pairs of platforms (from, to) whose paths differ."""

    servers: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    pairs: frozenset[tuple[str, str]] = frozenset()
    everything: bool = False


class FaultKind(Enum):
    """What may not happen to a packet."""

    LOOP = "loop"
    DUPLICATE = "duplicate"
    """It arrives twice, or a packet for one server at another as well."""
    CROSSED = "crossed"
    """It arrives in another segment, or is answered for one."""
    LOST = "lost"
    """It does not arrive, though links that are up lead there."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One packet that shows what is wrong.

    `frame`: its bytes in hex; `source` sends it; `target`: the server that it is for, or the segment that it is
    flooded in; `failed`: the link that is taken to be down; `steps`: its way, in words.
    """

    kind: FaultKind
    message: str
    frame: str
    source: str
    target: str
    failed: str | None
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assurance:
    """The outcome: no fault is shown by any of the `followed` packets, or these are."""

    faults: tuple[Fault, ...]
    followed: int
