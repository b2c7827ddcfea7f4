"""What a change answers: the revision that it made, and what the switches have yet to confirm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic

from controller.views.reading import Reading
from controller.views.resource import Resource, SpecT, StatusT, View
from controller.views.rules import RuleCounts, count_rules


class Pending(View):
    """A connected platform that does not hold yet what is wanted of it."""

    platform: str
    rules: RuleCounts


class Changed(View):
    """A change that is made and kept."""

    revision: int
    converged: bool
    """Whether every connected switch has confirmed it."""
    pending: tuple[Pending, ...]


class ChangedResource(Resource[SpecT, StatusT], Generic[SpecT, StatusT]):
    """A resource as it is after a change."""

    revision: int
    converged: bool
    pending: tuple[Pending, ...]


def view_changed(reading: Reading) -> Changed:
    """What the fabric's revision is, and who has yet to follow."""
    return Changed(
        revision=reading.fabric.revision, converged=reading.control.converged, pending=tuple(_pending(reading))
    )


def with_change(resource: Resource[Any, Any], changed: Changed) -> ChangedResource[Any, Any]:
    """A resource together with what became of the change."""
    return ChangedResource[Any, Any](**dict(resource), **dict(changed))


def _pending(reading: Reading) -> Iterator[Pending]:
    for name in sorted(reading.control.connected):
        switch = reading.control.reconciler.switches[name]
        if not switch.connected or switch.pending or switch.in_flight or switch.refused:
            yield Pending(platform=name, rules=count_rules(switch))
