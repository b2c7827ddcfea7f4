"""A switch that forwards packets by our rules, without a switch: OpenFlow 1.3.5, chapter 5, as Open vSwitch does it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from controller.rules.lookup import SwitchTables
from controller.rules.outcome import Conditions, Copy, Out, Outcome, Step
from controller.rules.packet import Frame
from controller.rules.pipeline import Pipeline
from controller.rules.rules import (
    CONTROLLER_PORT,
    IN_PORT,
    Action,
    Actions,
    Bucket,
    ClearInPort,
    DecTtl,
    FlowEntry,
    Group,
    GroupType,
    Move,
    Output,
    PopVlan,
    PushVlan,
    Resubmit,
    SetField,
    ToController,
    ToGroup,
)
from controller.rules.tables import Reg, Table

__all__ = ["Conditions", "Copy", "Out", "Outcome", "Step", "SwitchTables", "simulate"]

MAX_DEPTH: Final = 64
"""Resubmissions back and groups within each other (Open vSwitch's limit); beyond it all is dropped."""
MAX_LOOKUPS: Final = 4096
DEFAULT: Final = Conditions()


def simulate(tables: SwitchTables, in_port: int, frame: Frame, conditions: Conditions = DEFAULT) -> Outcome:
    """Follow a frame that enters by a port. A loop of resubmissions drops it, as Open vSwitch does."""
    walk = _Walk(tables, conditions)
    try:
        walk.enter(Table.PORT, Pipeline(in_port, frame), 0)
    except RecursionError as error:
        return Outcome((), (), tuple(walk.steps), (*walk.notes, str(error)))
    return Outcome(tuple(walk.outputs), tuple(walk.copies), tuple(walk.steps), tuple(walk.notes))


class _Walk:
    """One packet's way through one switch."""

    def __init__(self, tables: SwitchTables, conditions: Conditions) -> None:
        self._tables, self._conditions = tables, conditions
        self._lookups = 0
        self.outputs: list[Out] = []
        self.copies: list[Copy] = []
        self.steps: list[Step] = []
        self.notes: list[str] = []

    def enter(self, table: int, packet: Pipeline, depth: int) -> None:
        """Look the packet up in a table and do what its entry says."""
        entry = self._tables.find(table, packet.get)
        self._note_step(table, entry, packet)
        if entry is None:
            return
        if entry.meter in self._conditions.exceeded:
            self.notes.append(f"dropped by meter {entry.meter}")
            return
        if self._apply(entry.actions, packet, depth, table) and entry.goto is not None:
            self._go(entry.goto, packet, depth, table)

    def _go(self, table: int, packet: Pipeline, depth: int, came_from: int | None) -> None:
        self._check(depth)
        self._lookups += 1
        self.enter(table, packet, depth + (came_from is None or table <= came_from))

    def _check(self, depth: int) -> None:
        if depth >= MAX_DEPTH or self._lookups >= MAX_LOOKUPS:
            raise RecursionError(f"dropped: more than {MAX_DEPTH} steps deep or {MAX_LOOKUPS} lookups")

    def _apply(self, actions: Actions, packet: Pipeline, depth: int, table: int) -> bool:
        """Carry out a list of actions in order; false where the packet ends in it."""
        return all(self._act(action, packet, depth, table) for action in actions)

    def _act(self, action: Action, packet: Pipeline, depth: int, table: int) -> bool:
        match action:
            case Output():
                self._output(action.port, packet)
            case ToController():
                self._copy(action.meter, packet)
            case ToGroup():
                self._group(action.group, packet, depth, table)
            case Resubmit():
                self._go(action.table, packet, depth, table)
            case DecTtl():
                return self._dec_ttl(packet)
            case _:
                _change(action, packet)
        return True

    def _output(self, port: int, packet: Pipeline) -> None:
        in_port = packet.get("in_port")
        if port == CONTROLLER_PORT:
            self._copy(None, packet)
        elif port == in_port:
            self.notes.append(f"not sent back out of port {port}, by which it came")
        elif port != IN_PORT or in_port:
            self.outputs.append(Out(in_port if port == IN_PORT else port, packet.frame))

    def _copy(self, meter: int | None, packet: Pipeline) -> None:
        if meter in self._conditions.exceeded:
            self.notes.append(f"copy dropped by meter {meter}")
        else:
            self.copies.append(Copy(packet.get(Reg.REASON), meter, packet.frame))

    def _dec_ttl(self, packet: Pipeline) -> bool:
        if packet.dec_ttl():
            return True
        self.notes.append("dropped: its TTL has run out")
        return False

    def _group(self, number: int, packet: Pipeline, depth: int, table: int) -> None:
        self._check(depth)
        group = self._tables.groups.get(number)
        if group is None:
            self.notes.append(f"group {number:#x} is not there")
            return
        for index, bucket in self._chosen(group, packet):
            copy = packet.copy()
            self._note_step(None, group, copy, index)
            self._apply(action_set(bucket.actions), copy, depth + 1, table)

    def _chosen(self, group: Group, packet: Pipeline) -> Iterator[tuple[int, Bucket]]:
        buckets = list(enumerate(group.buckets))
        live = [(index, bucket) for index, bucket in buckets if self._is_live(bucket)]
        if group.type is GroupType.FAST_FAILOVER:
            return iter(live[:1])
        if group.type is GroupType.SELECT:
            return iter(_select(live, self._conditions.spread(packet.frame)))
        return iter(buckets)

    def _is_live(self, bucket: Bucket) -> bool:
        if bucket.watch_group is not None:
            watched = self._tables.groups.get(bucket.watch_group)
            return watched is not None and any(map(self._is_live, watched.buckets))
        return bucket.watch_port is None or self._conditions.is_up(bucket.watch_port)

    def _note_step(
        self, table: int | None, rule: FlowEntry | Group | None, packet: Pipeline, bucket: int | None = None
    ) -> None:
        owner = self._tables.owner(rule) if rule else None
        self.steps.append(Step(table, rule, owner, packet.frame, packet.registers, bucket))


def _change(action: Action, packet: Pipeline) -> None:
    match action:
        case SetField():
            packet.set(action)
        case Move():
            packet.move(action)
        case PushVlan():
            packet.push_vlan()
        case PopVlan():
            packet.pop_vlan()
        case ClearInPort():
            packet.clear_in_port()


def _select(live: list[tuple[int, Bucket]], number: int) -> list[tuple[int, Bucket]]:
    """One bucket, chosen by a number in proportion to the weights."""
    wheel = [found for found in live for _ in range(found[1].weight)]
    return [wheel[number % len(wheel)]] if wheel else []


_SET_ORDER: Final = (PopVlan, PushVlan, DecTtl)
_LAST: Final = (ToGroup, Output, Resubmit)


def action_set(actions: Actions) -> Actions:
    """A bucket's actions as a switch carries them out: as an action set (OpenFlow 1.3.5, 5.10).

    One of each kind, the last given; fields are set in the order given; a group goes before an output, and
    without either nothing is done.
    """
    once = {type(action): action for action in actions}
    last = next((once[kind] for kind in _LAST if kind in once), None)
    if last is None:
        return ()
    first = tuple(once[kind] for kind in _SET_ORDER if kind in once)
    changes = tuple(action for action in actions if isinstance(action, SetField | Move | ClearInPort))
    return (*first, *changes, last)
