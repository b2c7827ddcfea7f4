"""Servers: a known segment, addresses of its subnets, and nothing twice in it."""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.addresses import Address, Subnet, reserved_in
from controller.model.draft import Draft, Entry, names, specs
from controller.model.problems import Found
from controller.model.spec import SegmentSpec, ServerSpec
from controller.model.units import format_rate
from controller.model.wording import did_you_mean, listed


def check(draft: Draft) -> Iterator[Found]:
    """Each server in its segment, then all of them among each other."""
    known, platforms = names(draft.segments), names(draft.platforms)
    segments = {entry.name: spec for entry, spec in specs(draft.segments)}
    for entry, spec in specs(draft.servers):
        if spec.platform not in platforms:
            hint = did_you_mean(spec.platform, platforms)
            yield (*entry.place, "platform"), f"there is no platform '{spec.platform}'{hint}"
        if spec.segment not in known:
            hint = did_you_mean(spec.segment, known)
            yield (*entry.place, "segment"), f"there is no segment '{spec.segment}'{hint}"
        elif spec.segment in segments:
            yield from _addresses(entry, spec, segments[spec.segment])
        yield from _rates(entry, spec)
    yield from _twice(draft)
    yield from _storms(draft)


def _addresses(entry: Entry[ServerSpec], spec: ServerSpec, segment: SegmentSpec) -> Iterator[Found]:
    for address in spec.ip:
        wrong = _misplaced(address, spec.segment, segment.subnet) or _reserved(address, spec.segment, segment)
        if wrong:
            yield (*entry.place, "ip"), wrong


def _misplaced(address: Address, name: str, subnets: tuple[Subnet, ...]) -> str | None:
    same = [subnet for subnet in subnets if subnet.version == address.version]
    if subnets and not same:
        return f"segment '{name}' has no IPv{address.version} subnet for {address}, only {listed(map(str, subnets))}"
    if same and not any(address in subnet for subnet in same):
        return f"expected an address in {listed(map(str, same))} (segment '{name}'), found {address}"
    return None


def _reserved(address: Address, name: str, segment: SegmentSpec) -> str | None:
    if address in segment.gateway:
        return f"{address} is the gateway of segment '{name}'"
    kinds = ((reserved_in(subnet, address), subnet) for subnet in segment.subnet if address in subnet)
    return next((f"{address} is the {kind} of {subnet}" for kind, subnet in kinds if kind), None)


def _rates(entry: Entry[ServerSpec], spec: ServerSpec) -> Iterator[Found]:
    for key in ("fabric_rate", "uplink_rate"):
        rate_bps = getattr(spec, key)
        if spec.rate and rate_bps and rate_bps > spec.rate:
            message = f"expected at most the {format_rate(spec.rate)} of its port, found {format_rate(rate_bps)}"
            yield (*entry.place, key), message


def _twice(draft: Draft) -> Iterator[Found]:
    first: dict[tuple[str, object], Entry[ServerSpec]] = {}
    for entry, spec in specs(draft.servers):
        identifiers: list[tuple[str, object]] = [("ip", address) for address in spec.ip]
        identifiers += [("mac", spec.mac)] if spec.mac else []
        for key, identifier in identifiers:
            taken = first.setdefault((spec.segment, identifier), entry)
            if taken is not entry:
                yield (*entry.place, key), f"{identifier} is already that of server '{taken.name}' in this segment"
    for entry, spec in specs(draft.servers):
        if len(set(spec.ip)) < len(spec.ip):
            yield (*entry.place, "ip"), "an address stands here twice"


def _storms(draft: Draft) -> Iterator[Found]:
    """The limit is the port's, whoever shares it."""
    first: dict[tuple[str, int], tuple[str, int]] = {}
    for entry, spec in specs(draft.servers):
        if spec.storm is None:
            continue
        name, storm = first.setdefault((spec.platform, spec.port), (entry.name, spec.storm))
        if storm != spec.storm:
            yield (
                (*entry.place, "storm"),
                f"expected {storm} as of server '{name}' on the same port, found {spec.storm}",
            )
