"""Segments: gateways lie in their subnets, and routed subnets are apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from controller.model.addresses import Subnet, reserved_in
from controller.model.draft import Draft, Entry, specs
from controller.model.problems import Found
from controller.model.spec import SegmentSpec
from controller.model.wording import listed

Owned: TypeAlias = tuple[Subnet, Entry[SegmentSpec]]


def check(draft: Draft) -> Iterator[Found]:
    """Each segment in itself, then those that have gateways among each other."""
    for entry, spec in specs(draft.segments):
        yield from _gateways(entry, spec)
        yield from _within_segment(entry, spec)
    yield from _between_segments(draft)


def _gateways(entry: Entry[SegmentSpec], spec: SegmentSpec) -> Iterator[Found]:
    place = (*entry.place, "gateway")
    for version in (4, 6):
        same = [str(address) for address in spec.gateway if address.version == version]
        if len(same) > 1:
            yield place, f"expected one IPv{version} gateway, found {listed(same)}"
    for address in spec.gateway:
        home = next((subnet for subnet in spec.subnet if address in subnet), None)
        if home is None:
            yield place, f"expected an address in a subnet of the segment ({_subnets(spec)}), found {address}"
        elif reserved := reserved_in(home, address):
            yield place, f"{address} is the {reserved} of {home}"


def _within_segment(entry: Entry[SegmentSpec], spec: SegmentSpec) -> Iterator[Found]:
    for (inner, _), (outer, _) in _overlaps((subnet, entry) for subnet in spec.subnet):
        what = f"{inner} stands here twice" if inner == outer else f"{inner} overlaps {outer}"
        yield (*entry.place, "subnet"), what


def _between_segments(draft: Draft) -> Iterator[Found]:
    routed = ((subnet, entry) for entry, spec in specs(draft.segments) if spec.gateway for subnet in spec.subnet)
    for (inner, entry), (outer, other) in _overlaps(routed):
        if entry is not other:
            yield (
                (*entry.place, "subnet"),
                f"{inner} overlaps {outer} of segment '{other.name}'; segments with gateways need subnets of their own",
            )


def _overlaps(owned: Iterable[Owned]) -> Iterator[tuple[Owned, Owned]]:
    """Sorted by their first address, a subnet that overlaps an earlier one lies in it."""
    outer: Owned | None = None
    for inner in sorted(owned, key=lambda each: (each[0].version, int(each[0].network_address), each[0].prefixlen)):
        if outer and inner[0].version == outer[0].version and inner[0].network_address in outer[0]:
            yield inner, outer
        else:
            outer = inner


def _subnets(spec: SegmentSpec) -> str:
    return listed(map(str, spec.subnet)) or "it has none"
