"""Carries a change that the API asks for: planned in a thread, written down, then taken over. One at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from eventlet import semaphore, tpool

from apps.state import State
from controller.control import Control
from controller.model.desired import Desired, Key, resources_of
from controller.model.fabric import AdminState
from controller.model.spec import Document, Spec
from controller.planner import Plan, make_plan, take_basis

KEPT_PLANS: Final = 64


class MovedOn(Exception):
    """The fabric is not what it was when a plan was made, or the plan is not known any more."""


class NotWritten(Exception):
    """The change could not be written down, and was not made."""


class Changes:
    """Changes of what is asked for; `wake` is called when there is something to send."""

    def __init__(self, control: Control, state: State, wake: Callable[[], None]) -> None:
        self._control, self._state, self._wake = control, state, wake
        self._turn = semaphore.Semaphore()
        self._plans: OrderedDict[str, Plan] = OrderedDict()

    @property
    def file(self) -> str | None:
        """The file that owns the document, if there is one."""
        return str(self._state.file) if self._state.file else None

    def with_document(self, document: Document) -> Desired:
        """What would be asked for with another document: the file's, or all that the API owns."""
        if self._state.file is not None:
            return replace(self._control.fabric.desired, file=document)
        return Desired(None, resources_of(document))

    def with_changes(self, changes: Mapping[Key, Spec | None]) -> Desired:
        """What would be asked for with some of the API's specs made, replaced or taken out."""
        return self._control.fabric.desired.with_changes(changes)

    def plan(self, desired: Callable[[], Desired]) -> Plan:
        """What a change would do; it is kept for `carry_out` for some time."""
        basis = take_basis(self._control)
        plan: Plan = tpool.execute(make_plan, basis, desired())
        self._plans[plan.number] = plan
        while len(self._plans) > KEPT_PLANS:
            self._plans.popitem(last=False)
        return plan

    def carry_out(self, number: str) -> Plan:
        """Carry out a plan that was made; raises `MovedOn` or `NotWritten`."""
        with self._turn:
            plan = self._plans.get(number)
            if plan is None:
                raise MovedOn(f"there is no plan {number}, or it is too old: make it again")
            if self._control.fabric.version != plan.basis.version or self._control.fabric.changes:
                raise MovedOn(f"the fabric has changed since plan {number} was made: make it again")
            return self._take_over(plan)

    def change(self, desired: Callable[[], Desired]) -> Plan:
        """Plan a change and carry it out if nothing speaks against it; raises `NotWritten`.

        `desired` is asked when the turn of this change has come, so that no other is lost.
        """
        with self._turn:
            return self._take_over(self.plan(desired))

    def set_admin(self, key: Key, state: AdminState) -> None:
        """Override how a link or a platform is used; raises `NotWritten`."""
        with self._turn:
            if not self._state.write_admin(key, state):
                raise NotWritten(f"the state folder cannot be written: {self._state.problem_text}")
            self._control.set_admin(key, state)
            self._wake()

    def _take_over(self, plan: Plan) -> Plan:
        if not plan.accepted:
            return plan
        if not self._state.write_made(plan.desired.made, self._control.fabric.desired.made):
            raise NotWritten(f"the state folder cannot be written: {self._state.problem_text}")
        self._control.set_desired(plan.desired)
        self._wake()
        return plan
