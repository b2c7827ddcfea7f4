"""Carries a change that is asked for: planned in a thread, written down, then taken over. One at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from eventlet import semaphore, tpool

from apps.state import State
from controller.control import Control
from controller.edits import Denied
from controller.model.desired import Desired, Key, resources_of
from controller.model.fabric import AdminState
from controller.model.spec import Document, Spec
from controller.planner import Plan, make_plan, take_basis

KEPT_PLANS: Final = 64
MOST_WAITING: Final = 64
"""How many changes may wait for their turn."""


class MovedOn(Exception):
    """The fabric is not what it was when a plan was made, or the plan is not known any more."""


class NotWritten(Exception):
    """The change could not be written down, and was not made."""


class Busy(Exception):
    """Too many changes wait for their turn."""


class Changes:
    """Changes of what is asked for; `changed` is called when there is something to send."""

    def __init__(self, control: Control, state: State, changed: Callable[[], None]) -> None:
        self._control, self._state, self._changed = control, state, changed
        self._turn = semaphore.Semaphore()
        self._waiting = 0
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
        """What a change would do; it is kept for `carry_out` for some time. Raises `Busy`."""
        with self._admitted():
            plan = self._plan(desired)
            self._plans[plan.number] = plan
            while len(self._plans) > KEPT_PLANS:
                self._plans.popitem(last=False)
            return plan

    def carry_out(self, number: str) -> Plan:
        """Carry out a plan that was made; raises `MovedOn`, `NotWritten` or `Busy`."""
        with self._admitted(), self._turn:
            plan = self._plans.get(number)
            if plan is None:
                raise MovedOn(f"there is no plan {number}, or it is too old: make it again")
            if self._control.fabric.version != plan.basis.version or self._control.fabric.changes:
                raise MovedOn(f"the fabric has changed since plan {number} was made: make it again")
            return self._take_over(plan)

    def find_plan(self, number: str) -> Plan | None:
        """A plan that is kept."""
        return self._plans.get(number)

    def change(
        self,
        desired: Callable[[], Desired],
        objection: Callable[[Plan], Denied | None] = lambda _: None,
        regret: Callable[[], Denied | None] = lambda: None,
    ) -> Plan:
        """Plan a change and carry it out if nothing speaks against it; raises `NotWritten` or `Busy`.

        `desired` is asked when the turn of this change has come, so that no other is lost; `regret` when it has been
        carried out: if that says what speaks against it now, all is asked for as before.
        """
        with self._admitted(), self._turn:
            plan = self._plan(desired)
            if objection(plan):
                return plan
            before = self._control.fabric.desired
            self._take_over(plan)
            if regret():
                self._take_over(self._plan(lambda: before))
            return plan

    def reload(self) -> Plan:
        """Read the document's file again and take it over, if nothing speaks against it.

        Raises `DocumentError`, `OSError` or `UnicodeDecodeError` where it cannot be read.
        """
        with self._turn:
            document = tpool.execute(self._state.read_document)
            return self._take_over(self._plan(lambda: replace(self._control.fabric.desired, file=document)))

    def set_admin(self, key: Key, state: AdminState, check: Callable[[], None] = lambda: None) -> None:
        """Override how a link or a platform is used; raises `NotWritten` or `Busy`, or what `check` does."""
        with self._admitted(), self._turn:
            check()
            if self._control.fabric.admin_of(key) == state:
                return
            if not self._state.write_admin(key, state, self._control.fabric.revision + 1):
                raise NotWritten(f"the state folder cannot be written: {self._state.problem_text}")
            self._control.set_admin(key, state)
            self._follow()

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        if self._waiting >= MOST_WAITING:
            raise Busy(f"{MOST_WAITING} changes wait for their turn already: try again later")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def _plan(self, desired: Callable[[], Desired]) -> Plan:
        basis = take_basis(self._control)
        plan: Plan = tpool.execute(make_plan, basis, desired())
        return plan

    def _take_over(self, plan: Plan) -> Plan:
        before, after = self._control.fabric.desired, plan.desired
        if not plan.accepted or after == before:
            return plan
        if after.made != before.made:
            self._write(after.made, before.made)
        if after.file is not None and after.file != before.file:
            self._state.accept(after.file)
        self._control.set_desired(after)
        self._follow()
        return plan

    def _write(self, made: Mapping[Key, Spec], before: Mapping[Key, Spec]) -> None:
        if not self._state.write_made(made, before, self._control.fabric.revision + 1):
            raise NotWritten(f"the state folder cannot be written: {self._state.problem_text}")

    def _follow(self) -> None:
        """Work out the rules at once, so that an answer tells of them."""
        self._control.refresh()
        self._changed()
