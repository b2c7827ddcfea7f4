"""Reservations: two ends of one segment, traffic that no other one chooses, and a floor below what is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from controller.model import protocols
from controller.model.draft import Draft, Entry, names, specs
from controller.model.problems import Found
from controller.model.protocols import format_protocol
from controller.model.spec import Classifier, ReservationSpec, keys_of
from controller.model.units import format_rate
from controller.model.wording import did_you_mean, listed

Traffic: TypeAlias = tuple[str, str, Classifier | None]
"""From where, to where, and which of it."""


def check(draft: Draft) -> Iterator[Found]:
    """Each in itself, then all of them among each other."""
    ends = names(draft.servers) | names(draft.uplinks)
    segments = names(draft.segments)
    segment_of = {entry.name: spec.segment for entry, spec in specs(draft.servers)}
    segment_of |= {entry.name: spec.segment for entry, spec in specs(draft.uplinks)}
    known = {name: segment for name, segment in segment_of.items() if segment in segments}
    for entry, spec in specs(draft.reservations):
        yield from _ends(entry, spec, ends, segments)
        yield from _segments(entry, spec, known)
        yield from _floor(entry, spec)
        yield from _classifier(entry, spec.match)
    yield from _twice(draft)


def _ends(entry: Entry[ReservationSpec], spec: ReservationSpec, ends: set[str], segments: set[str]) -> Iterator[Found]:
    for key, name in (("from", spec.source), ("to", spec.target)):
        if name in ends:
            continue
        if name in segments:
            yield (*entry.place, key), f"expected a server or an uplink, found '{name}', which is a segment"
        else:
            yield (*entry.place, key), f"there is no server or uplink '{name}'{did_you_mean(name, ends)}"
    if spec.source == spec.target:
        yield (*entry.place, "to"), f"expected two ends, found '{spec.source}' twice"


def _segments(entry: Entry[ReservationSpec], spec: ReservationSpec, segment_of: dict[str, str]) -> Iterator[Found]:
    source, target = segment_of.get(spec.source), segment_of.get(spec.target)
    if source and target and source != target:
        where = f"'{spec.source}' is in segment '{source}' and '{spec.target}' in '{target}'"
        yield entry.place, f"{where}; segments are closed to each other"


def _floor(entry: Entry[ReservationSpec], spec: ReservationSpec) -> Iterator[Found]:
    if spec.floor_bps > spec.rate:
        message = f"expected at most the {format_rate(spec.rate)} asked for, found {format_rate(spec.floor_bps)}"
        yield (*entry.place, "floor"), message


def _classifier(entry: Entry[ReservationSpec], match: Classifier | None) -> Iterator[Found]:
    if match is None:
        return
    place = (*entry.place, "match")
    if match == Classifier():
        yield place, f"expected one or more of {listed(keys_of(Classifier))}, found none"
    for name, number in (("tcp", protocols.TCP), ("udp", protocols.UDP)):
        for key in (f"{name}_src", f"{name}_dst"):
            if getattr(match, key) is not None and match.protocol != number:
                other = match.protocol and format_protocol(match.protocol)
                yield (*place, key), f"goes with ip_proto {name}, and this is {other}"


def _twice(draft: Draft) -> Iterator[Found]:
    first: dict[Traffic, str] = {}
    for entry, spec in specs(draft.reservations):
        taken = next((first[each] for each in _traffic(spec) if each in first), None)
        if taken is not None:
            ends = f"'{spec.source}' and '{spec.target}'"
            yield entry.place, f"reservation '{taken}' chooses the same traffic between {ends}; expected another match"
        first |= {each: entry.name for each in _traffic(spec) if each not in first}


def _traffic(spec: ReservationSpec) -> Iterator[Traffic]:
    match = spec.match and spec.match.plain()
    yield spec.source, spec.target, match
    if spec.both:
        yield spec.target, spec.source, match and match.reverse()
