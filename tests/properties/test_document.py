"""Any valid document survives its own text; no text at all breaks the reader."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from controller.model.desired import SETTINGS, resources_of
from controller.model.document import DocumentError, document_tree, dump_document, parse_document
from controller.model.document_json import JsonText
from controller.model.resource_reader import read_resource
from controller.model.snapshot import spec_of, spec_row
from controller.model.spec import (
    Classifier,
    Document,
    LinkSpec,
    PlatformSpec,
    ReservationSpec,
    SegmentSpec,
    ServerSpec,
    TrunkSpec,
    Undeclared,
    UplinkSpec,
)
from controller.model.spec import link_name as name_of_link

NAMES = st.one_of(
    st.from_regex(r"[a-z0-9][a-z0-9_-]{0,62}", fullmatch=True),
    st.sampled_from(["no", "yes", "null", "true", "1", "007", "1e3", "0x1f", "0o17", "1_000", "0b1", "12e03", "nan"]),
)
INTERVALS = st.just(0) | st.integers(5, 10_000)
RATES = st.none() | st.integers(1000, 10**14)
KBIT_RATES = st.integers(1, 10**11).map(lambda kbps: kbps * 1000)
MACS = st.integers(1, 2**24 - 1).map(lambda n: f"02:00:00:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}")


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A valid document: every platform has its own dpid, every port one use, every address one server."""
    names = draw(st.lists(NAMES, min_size=2, max_size=12, unique=True))
    segment_names, rest = names[: len(names) // 2], names[len(names) // 2 :]
    uplink_names, server_names = (rest[:1], rest[1:]) if draw(st.booleans()) else ([], rest)
    segments = {name: draw(segment(number)) for number, name in enumerate(segment_names)}
    platforms = draw(platforms_of(segment_names))
    places = [(name, port) for name in platforms for port in range(1, 5)]
    macs = draw(st.lists(MACS, min_size=len(places), max_size=len(places), unique=True))
    servers = {
        name: draw(server(number, *place, mac, draw(st.sampled_from(segment_names)), segments))
        for number, (name, place, mac) in enumerate(zip(server_names, places, macs, strict=False))
    }
    uplinks = {name: draw(uplink(platforms, segment_names)) for name in uplink_names}
    return Document(
        fabric=draw(NAMES),
        undeclared=draw(undeclared(segment_names)),
        storm=draw(st.integers(1, 10_000_000)),
        bfd=draw(INTERVALS),
        hold=draw(st.integers(1, 3600)),
        best_effort=draw(st.integers(0, 99)),
        preempt=draw(st.sampled_from(["none", "floor", "out"])),
        segments=segments,
        platforms=platforms,
        servers=servers,
        uplinks=uplinks,
        reservations=draw(reservations({name: spec.segment for name, spec in {**servers, **uplinks}.items()})),
        links=draw(links(platforms)),
    )


@st.composite
def segment(draw: st.DrawFn, number: int) -> SegmentSpec:
    subnets = (ip_network(f"10.{number}.0.0/16"), ip_network(f"fd00:{number:x}::/64"))
    if not draw(st.booleans()):
        return SegmentSpec()
    gateway = draw(st.sampled_from([0, 1, 2]))
    return SegmentSpec(subnet=subnets, gateway=tuple(subnet[1] for subnet in subnets)[:gateway])


@st.composite
def server(
    draw: st.DrawFn, number: int, platform: str, port: int, mac: str, segment: str, segments: dict[str, SegmentSpec]
) -> ServerSpec:
    subnets = segments[segment].subnet
    addresses = [subnet[number + 2] for subnet in subnets] or [
        IPv4Address(f"192.0.2.{number + 1}"),
        IPv6Address(f"2001:db8::{number + 1:x}"),
    ]
    return ServerSpec(
        platform=platform,
        port=port,
        segment=segment,
        mac=draw(st.none() | st.just(mac)),
        ip=tuple(draw(st.lists(st.sampled_from(addresses), unique=True))),
        vlan=draw(st.none() | st.integers(1, 4094)),
        rate=draw(st.none() | st.just(10**14)),
        fabric_rate=draw(st.none() | KBIT_RATES),
        uplink_rate=draw(st.none() | KBIT_RATES),
        storm=draw(st.none() | st.integers(1, 10_000_000)),
    )


def uplink(platforms: dict[str, PlatformSpec], segments: list[str]) -> st.SearchStrategy[UplinkSpec]:
    where = {"platform": st.sampled_from(sorted(platforms)), "segment": st.sampled_from(segments)}
    return st.builds(UplinkSpec, port=st.just(200), rate=RATES, **where)


@st.composite
def reservations(draw: st.DrawFn, segment_of: dict[str, str]) -> dict[str, ReservationSpec]:
    """No two between the same ends, so that none chooses the traffic of another."""
    pairs = [(a, b) for a in segment_of for b in segment_of if a != b and segment_of[a] == segment_of[b]]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=3, unique_by=frozenset)) if pairs else []
    found = draw(st.lists(NAMES, min_size=len(chosen), max_size=len(chosen), unique=True))
    return {name: draw(reservation(*pair)) for name, pair in zip(found, chosen, strict=True)}


@st.composite
def reservation(draw: st.DrawFn, source: str, target: str) -> ReservationSpec:
    rate = draw(KBIT_RATES)
    return ReservationSpec(
        source=source,
        target=target,
        match=draw(st.none() | classifiers()),
        rate=rate,
        floor=draw(st.none() | st.integers(1, rate // 1000).map(lambda kbps: kbps * 1000)),
        burst=draw(st.none() | st.integers(1600, 10**9)),
        priority=draw(st.integers(0, 7)),
        lease=draw(st.none() | st.integers(1, 30 * 24 * 3600)),
        both=draw(st.booleans()),
        protected=draw(st.booleans()),
    )


def classifiers() -> st.SearchStrategy[Classifier]:
    ports, dscp = st.none() | st.integers(0, 65_535), st.none() | st.integers(0, 63)
    some = st.builds(Classifier, ip_proto=st.integers(0, 255), dscp=dscp)
    tcp = st.builds(Classifier, ip_proto=st.none() | st.just(6), tcp_src=ports, tcp_dst=st.integers(0, 65_535))
    return some | tcp | st.builds(Classifier, udp_src=st.integers(0, 65_535), udp_dst=ports, dscp=dscp)


def undeclared(segments: list[str]) -> st.SearchStrategy[Undeclared]:
    learning = st.builds(
        Undeclared, mode=st.just("learn"), segment=st.sampled_from(segments), age=st.integers(1, 30 * 24 * 3600)
    )
    return st.just(Undeclared()) | learning


@st.composite
def platforms_of(draw: st.DrawFn, segments: list[str]) -> dict[str, PlatformSpec]:
    dpids = draw(st.dictionaries(NAMES, st.integers(1, 2**64 - 1), min_size=1, max_size=4))
    dpids = {name: dpid for name, dpid in dpids.items() if list(dpids.values()).count(dpid) == 1} or {"a": 1}
    return {name: draw(platform(dpid, segments)) for name, dpid in dpids.items()}


@st.composite
def platform(draw: st.DrawFn, dpid: int, segments: list[str]) -> PlatformSpec:
    trunks = draw(st.lists(NAMES, max_size=3, unique=True))
    return PlatformSpec(
        dpid=dpid,
        trunks={name: TrunkSpec(port=100 + number, rate=draw(RATES)) for number, name in enumerate(trunks)},
        ovsdb=draw(st.sampled_from([None, "tcp:127.0.0.1:6640", "tcp:[::1]:6640", "unix:/run/db.sock"])),
        undeclared=draw(st.none() | undeclared(segments)),
    )


@st.composite
def links(draw: st.DrawFn, platforms: dict[str, PlatformSpec]) -> dict[str, LinkSpec]:
    ends = draw(st.permutations([f"{name}.{trunk}" for name, spec in platforms.items() for trunk in spec.trunks]))
    pairs = [sorted(pair) for pair in zip(ends[::2], ends[1::2], strict=False)]
    joined = [pair for pair in pairs if pair[0].split(".")[0] != pair[1].split(".")[0]]
    costs = st.integers(1, 65_535)
    bfd = st.none() | INTERVALS
    risks = st.lists(NAMES, max_size=2).map(tuple)
    return {
        name_of_link(a, b): LinkSpec(ends=(a, b), cost=draw(costs), rate=1000, bfd=draw(bfd), risks=draw(risks))
        for a, b in joined
    }


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10) | NAMES, inner, max_size=3),
    max_leaves=10,
)


@given(documents())
def test_a_document_survives_its_own_text(document: Document) -> None:
    assert parse_document(dump_document(document), "dump") == document


@given(documents())
def test_what_the_api_made_of_it_is_kept_as_it_was(document: Document) -> None:
    for key, spec in resources_of(document).items():
        assert spec_of(key, json.loads(json.dumps(spec_row(spec)))) == spec


@given(documents())
def test_what_is_shown_of_it_is_read_back_as_it_was(document: Document) -> None:
    for key, spec in resources_of(document).items():
        if key != SETTINGS:
            assert read_resource(key, JsonText(to_json(spec).decode(), "body")) == spec


@given(documents(), st.data())
def test_a_document_with_one_value_spoilt_is_read_or_refused_with_a_place(
    document: Document, data: st.DataObject
) -> None:
    tree = document_tree(document)
    spoil(tree, data)
    refused_or_read(dump_any(tree))


@given(st.text())
def test_any_text_is_a_document_or_refused(text: str) -> None:
    refused_or_read(text)


@given(VALUES)
def test_any_values_are_a_document_or_refused(value: Any) -> None:
    refused_or_read(dump_any(value))


def spoil(tree: Any, data: st.DataObject) -> None:
    """Put anything in place of one value, somewhere."""
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    key = data.draw(st.sampled_from(keys))
    inner = tree[key]
    if isinstance(inner, (dict, list)) and inner and data.draw(st.booleans()):
        spoil(inner, data)
    else:
        tree[key] = data.draw(VALUES)


def dump_any(value: Any) -> str:
    return yaml.safe_dump(value)


def refused_or_read(text: str) -> None:
    """Nothing but a document or a `DocumentError` with a line for each problem comes of a text."""
    refused: DocumentError | None = None
    try:
        document = parse_document(text, "any")
    except DocumentError as error:
        refused = error
    else:
        assert parse_document(dump_document(document), "dump") == document
    assert refused is None or 0 < len(refused.problems) == len(str(refused).splitlines())
