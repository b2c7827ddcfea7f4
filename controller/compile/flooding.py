"""Segments: their labels, and how a flooded packet reaches every port of one once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.compile.servers import deliver
from controller.rules.fields import VLAN_PRESENT
from controller.rules.placed import Placed, Turn
from controller.rules.rules import (
    Action,
    Bucket,
    FlowEntry,
    Group,
    GroupType,
    Match,
    PopVlan,
    PushVlan,
    RuleKey,
    SetField,
    SetQueue,
    ToGroup,
    match,
)
from controller.rules.tables import Priority, QueueKind, Reg, Table, flood_group, link_group


@dataclass(frozen=True, slots=True)
class SegmentInput:
    """A segment's label, known on all platforms."""

    label: int
    platforms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FloodInput:
    """One platform's part of a segment's tree.

    `ports`: its own ports with their tag; `trunks`: those behind which other members are.
    """

    platform: str
    ports: tuple[tuple[int, int | None], ...]
    trunks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TreeInput:
    """A segment's flood tree: its own label, which names segment and tree."""

    segment: int
    label: int
    parts: tuple[FloodInput, ...]


def compile_segment(segment: SegmentInput) -> Iterator[Placed]:
    """On every platform: unicast under the segment's label goes on to its destination."""
    resume = (PopVlan(), SetField(Reg.SEGMENT, segment.label), SetQueue(QueueKind.BEST_EFFORT))
    entry = FlowEntry(Table.LABEL, Priority.NORMAL, _labelled(segment.label), resume, Table.FORWARD)
    for platform in segment.platforms:
        yield Placed(platform, entry, Turn.LABEL)


def compile_tree(tree: TreeInput) -> Iterator[Placed]:
    """On every platform of the tree: a group for each place of entry, and the entries that lead there."""
    for part in tree.parts:
        for entry in _entry_places(part):
            yield Placed(part.platform, _group(tree, part, entry), Turn.FLOOD)
        yield from _entries(tree, part)


def _entry_places(part: FloodInput) -> tuple[int, ...]:
    """Where packets to be flooded come in: local ports (0) and trunks."""
    return ((0,) if part.ports else ()) + part.trunks


def _labelled(label: int) -> Match:
    return match(vlan_vid=VLAN_PRESENT | label)


def _group(tree: TreeInput, part: FloodInput, entry: int) -> Group:
    label: tuple[Action, ...] = (PushVlan(), SetField("vlan_vid", VLAN_PRESENT | tree.label))
    local = [Bucket(deliver(port, vlan)) for port, vlan in part.ports]
    onward = [Bucket((*label, ToGroup(link_group(trunk)))) for trunk in part.trunks if trunk != entry]
    return Group(flood_group(tree.label, entry), GroupType.ALL, (*local, *onward))


def _entries(tree: TreeInput, part: FloodInput) -> Iterator[Placed]:
    queue = SetQueue(QueueKind.BEST_EFFORT)
    note = (PopVlan(), SetField(Reg.SEGMENT, tree.segment), SetField(Reg.TREE, tree.label), queue)
    if part.trunks:
        labelled = FlowEntry(Table.LABEL, Priority.NORMAL, _labelled(tree.label), note, Table.FLOOD)
        yield Placed(part.platform, labelled, Turn.LABEL)
    for trunk in part.trunks:
        arrives = match(**{Reg.TREE: tree.label, Reg.ENTRY: trunk})
        yield Placed(part.platform, _flood(arrives, tree, trunk), Turn.LABEL)
    if part.ports:
        yield Placed(part.platform, _flood(_starts(tree.segment), tree, 0), Turn.ENTRY)


def _starts(segment: int) -> Match:
    return match(**{Reg.SEGMENT: segment, Reg.ENTRY: 0})


def start_key(segment: int) -> RuleKey:
    """The key of the entry that floods what comes from a local port, by the segment's label."""
    return FlowEntry(Table.FLOOD, Priority.NORMAL, _starts(segment)).key


def _flood(wanted: Match, tree: TreeInput, entry: int) -> FlowEntry:
    return FlowEntry(Table.FLOOD, Priority.NORMAL, wanted, (ToGroup(flood_group(tree.label, entry)),))
