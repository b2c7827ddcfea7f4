"""What became of a packet in one switch, step by step, and what it depended on besides the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

from controller.rules.packet import Frame
from controller.rules.rules import FlowEntry, Group, Owner


@dataclass(frozen=True, slots=True)
class Out:
    """A frame that leaves by a port."""

    port: int
    frame: Frame


@dataclass(frozen=True, slots=True)
class Copy:
    """A frame for the controller, with the reason that the rules wrote down, and the meter of the copy."""

    reason: int
    meter: int | None
    frame: Frame


@dataclass(frozen=True, slots=True)
class Step:
    """One step: the entry that matched in a table (None: a miss), or a group and which of its buckets.

    `registers` are those that are not 0; `frame` is the packet as it came to this step.
    """

    table: int | None
    rule: FlowEntry | Group | None
    owner: Owner | None
    frame: Frame
    registers: dict[str, int]
    bucket: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that became of a packet in one switch; `notes` say what was held back, and why."""

    outputs: tuple[Out, ...]
    copies: tuple[Copy, ...]
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()


def _all_up(_port: int) -> bool:
    return True


def _spread(frame: Frame) -> int:
    return crc32(repr(frame.key).encode())


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a packet's fate depends on besides the rules.

    `is_up`: whether a port is live; `spread`: the number by which select groups choose; `exceeded`: the meters
    that are over their rate and drop.
    """

    is_up: Callable[[int], bool] = _all_up
    spread: Callable[[Frame], int] = _spread
    exceeded: frozenset[int] = frozenset()
