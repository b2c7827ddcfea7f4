"""A plan: what it costs beside its answer."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from controller import planner
from controller.model.spec import SegmentSpec
from controller.planner import make_plan, take_basis
from tests.unit.rest.fabrics import running_fabric


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def test_a_plan_leaves_no_copy_of_the_fabric_behind(monkeypatch: pytest.MonkeyPatch, no_collection: None) -> None:
    copies: list[weakref.ref[Any]] = []

    class Watched(planner.Control):
        def __init__(self, fabric: Any, *clock: Any) -> None:
            super().__init__(fabric, *clock)
            copies.extend(map(weakref.ref, (self, fabric, self.reconciler, self.routing, self.alarms)))

    monkeypatch.setattr(planner, "Control", Watched)
    control = running_fabric()
    desired = control.fabric.desired.with_changes({("segments", "more"): SegmentSpec()})
    plan = make_plan(take_basis(control), desired)
    assert plan.added == (("segments", "more"),)
    assert copies
    assert [type(found) for copy in copies if (found := copy()) is not None] == []


def test_what_is_asked_for_already_needs_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(planner, "_Trial")
    control = running_fabric()
    plan = make_plan(take_basis(control), control.fabric.desired)
    assert plan.accepted
    assert (plan.added, plan.changed, plan.removed, dict(plan.switches)) == ((), (), (), {})
