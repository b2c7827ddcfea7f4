"""A document while it is checked: what could be read of each thing in it, under its name and place.

A thing that could not be read has no spec, and its name is known all the same: what refers to it is not blamed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from controller.model.problems import Place
from controller.model.spec import (
    LinkSpec,
    PlatformSpec,
    ReservationSpec,
    SegmentSpec,
    ServerSpec,
    Spec,
    TrunkSpec,
    Undeclared,
    UplinkSpec,
)

S = TypeVar("S", bound=Spec)


@dataclass(frozen=True, slots=True)
class Entry(Generic[S]):
    """One thing of the document."""

    place: Place
    name: str
    spec: S | None


@dataclass(slots=True)
class Draft:
    """All things of the document; of trunks the name is ``platform.trunk``, of `undeclared` the platform or empty."""

    settings: dict[str, Any] = field(default_factory=dict)
    """What is said of the fabric as a whole."""
    undeclared: list[Entry[Undeclared]] = field(default_factory=list)
    segments: list[Entry[SegmentSpec]] = field(default_factory=list)
    platforms: list[Entry[PlatformSpec]] = field(default_factory=list)
    trunks: list[Entry[TrunkSpec]] = field(default_factory=list)
    servers: list[Entry[ServerSpec]] = field(default_factory=list)
    uplinks: list[Entry[UplinkSpec]] = field(default_factory=list)
    links: list[Entry[LinkSpec]] = field(default_factory=list)
    reservations: list[Entry[ReservationSpec]] = field(default_factory=list)


def specs(entries: list[Entry[S]]) -> Iterator[tuple[Entry[S], S]]:
    """The entries that could be read, with their specs."""
    return ((entry, entry.spec) for entry in entries if entry.spec is not None)


def names(entries: list[Entry[S]]) -> set[str]:
    """The names of all entries, read or not."""
    return {entry.name for entry in entries}
