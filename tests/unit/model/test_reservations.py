"""Reservations, uplinks and rates as they are asked for: in a document, over the API, and out again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic_core import to_jsonable_python

from controller.model.desired import Desired, Key
from controller.model.document import DocumentError, document_tree, parse_document
from controller.model.document_json import JsonText
from controller.model.resource_reader import read_resource
from controller.model.spec import Classifier, Document, ReservationSpec, Spec, UplinkSpec

FABRIC = """\
best_effort: 20 %
preempt: out
segments: {web: {}, data: {}}
platforms:
  c1:
    dpid: 1
    servers:
      web1: {port: 1, segment: web, rate: 1 Gbit/s, fabric_rate: 800 Mbit/s, uplink_rate: 100 Mbit/s}
      web2: {port: 2, segment: web}
    uplinks:
      isp1: {port: 10, segment: web, rate: 1 Gbit/s}
    trunks: {east: {port: 20}}
  c2:
    dpid: 2
    trunks: {west: {port: 20}}
links:
  - {ends: [c1.east, c2.west], risks: [duct2, duct1, duct2]}
reservations:
  backup:
    {from: web1, to: web2, rate: 800 Mbit/s, floor: 300 Mbit/s, burst: 64 kB, priority: 3, lease: 1 h, both: true,
     protected: true, match: {ip_proto: tcp, tcp_dst: 80, dscp: 10}}
  out: {from: web1, to: isp1, rate: 100000}
"""


def fabric(change: str = "", to: str = "") -> Document:
    assert change in FABRIC
    return parse_document(FABRIC.replace(change, to, 1), "fabric.yaml")


def put(key: Key, body: Any) -> Spec:
    return read_resource(key, JsonText(json.dumps(body), "body"))


def reservation(body: dict[str, Any]) -> Spec:
    return put(("reservations", "x"), {"from": "web1", "to": "web2", "rate": 1000, **body})


def test_a_document_asks_for_reservations_and_uplinks() -> None:
    document = fabric()
    assert document.uplinks == {"isp1": UplinkSpec(platform="c1", port=10, segment="web", rate=10**9)}
    assert document.reservations["backup"] == ReservationSpec(
        source="web1",
        target="web2",
        match=Classifier(ip_proto=6, tcp_dst=80, dscp=10),
        rate=800_000_000,
        floor=300_000_000,
        burst=64_000,
        priority=3,
        lease=3600,
        both=True,
        protected=True,
    )
    assert (document.best_effort, document.preempt) == (20, "out")
    assert (document.servers["web1"].fabric_rate, document.servers["web1"].uplink_rate) == (800_000_000, 100_000_000)
    assert document.links["c1.east--c2.west"].risks == ("duct1", "duct2")


def test_what_nobody_says_of_a_reservation() -> None:
    spec = fabric().reservations["out"]
    assert (spec.match, spec.burst, spec.lease, spec.priority, spec.both, spec.protected) == (
        None, None, None, 0, False, False,
    )  # fmt: skip
    assert spec.floor is None
    assert spec.floor_bps == spec.rate == 100_000


def test_what_nobody_says_of_all_reservations() -> None:
    document = parse_document("{}", "empty.yaml")
    assert (document.best_effort, document.preempt, document.reservations) == (0, "floor", {})


def test_it_is_written_as_people_write_it() -> None:
    tree = document_tree(fabric())
    assert tree["reservations"] == {
        "backup": {
            "from": "web1",
            "to": "web2",
            "match": {"ip_proto": "tcp", "tcp_dst": 80, "dscp": 10},
            "rate": 800_000_000,
            "floor": 300_000_000,
            "burst": 64_000,
            "priority": 3,
            "lease": 3600,
            "both": True,
            "protected": True,
        },
        "out": {"from": "web1", "to": "isp1", "rate": 100_000},
    }
    assert tree["platforms"]["c1"]["uplinks"] == {"isp1": {"port": 10, "segment": "web", "rate": 10**9}}
    assert (tree["best_effort"], tree["preempt"]) == (20, "out")
    assert tree["links"] == [{"ends": ["c1.east", "c2.west"], "risks": ["duct1", "duct2"]}]


def test_a_reservation_is_shown_with_from_and_to_and_its_protocol_by_name() -> None:
    shown = to_jsonable_python(fabric().reservations["backup"])
    assert (shown["from"], shown["to"], shown["match"]["ip_proto"]) == ("web1", "web2", "tcp")
    assert not {"source", "target"} & shown.keys()
    assert put(("reservations", "backup"), shown) == fabric().reservations["backup"]


@pytest.mark.parametrize(
    ("key", "written", "read"),
    [
        ("burst", "1 MB", 1_000_000),
        ("burst", "64 KiB", 65_536),
        ("burst", 1600, 1600),
        ("burst", "1 GB", 10**9),
        ("lease", "5 min", 300),
        ("rate", "64 kbit/s", 64_000),
        ("match", {"ip_proto": "icmpv6"}, Classifier(ip_proto=58)),
        ("match", {"ip_proto": 6}, Classifier(ip_proto=6)),
        ("match", {"udp_src": 0}, Classifier(udp_src=0)),
    ],
)
def test_values_are_read_as_people_write_them(key: str, written: Any, read: Any) -> None:
    assert getattr(reservation({key: written}), key) == read


@pytest.mark.parametrize("written", [20, "20", "20%", "20 %"])
def test_a_share_is_a_number_or_a_percentage(written: Any) -> None:
    assert parse_document(json.dumps({"best_effort": written}), "share.json").best_effort == 20


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"source": "web1"}, "source"),
        ({"match": {"color": "red"}}, "match.color"),
        ({"match": {"dscp": 64}}, "match.dscp"),
        ({"match": "tcp"}, "match"),
        ({"rate": True}, "rate"),
        ({"both": None, "floor": 0}, "floor"),
    ],
)
def test_what_the_api_is_given_is_refused_with_its_place(body: dict[str, Any], place: str) -> None:
    with pytest.raises(DocumentError) as error:
        reservation(body)
    assert [problem.place for problem in error.value.problems] == [place]


def test_a_platform_of_the_api_holds_neither_servers_nor_uplinks() -> None:
    with pytest.raises(DocumentError, match="uplinks are resources of their own") as error:
        put(("platforms", "c3"), {"dpid": 3, "servers": {}, "uplinks": {"isp1": {}}, "trunks": {"a": {}}})
    assert [problem.place for problem in error.value.problems] == ["servers", "trunks.a.port", "uplinks"]


def test_what_chooses_the_answers_has_its_ports_the_other_way_round() -> None:
    there = Classifier(tcp_dst=80, tcp_src=5, dscp=10)
    assert there.reverse() == Classifier(tcp_src=80, tcp_dst=5, dscp=10)
    assert there.protocol == 6
    assert Classifier(udp_src=53).protocol == 17
    assert Classifier(dscp=1).protocol is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{match: {ip_proto: tcp}}", "{match: {ip_proto: udp}}"),
        ("{}", "{match: {ip_proto: udp}}"),
        ("{match: {tcp_dst: 80}}", "{match: {tcp_src: 80}}"),
    ],
)
def test_two_reservations_between_the_same_ends_choose_other_traffic(first: str, second: str) -> None:
    text = f"a: {{from: web1, to: web2, rate: 1000, {first[1:]}, b: {{from: web1, to: web2, rate: 1000, {second[1:]}"
    document = parse_document(FABRIC.split("reservations:")[0] + f"reservations: {{{text}}}", "two.yaml")
    assert len(document.reservations) == 2


def test_the_way_back_is_another_ones_where_only_the_way_there_is_reserved() -> None:
    text = "a: {from: web1, to: web2, rate: 1000}, b: {from: web2, to: web1, rate: 1000}"
    document = parse_document(FABRIC.split("reservations:")[0] + f"reservations: {{{text}}}", "two.yaml")
    assert len(document.reservations) == 2


def test_a_reservation_of_the_api_is_out_of_use_while_its_end_is_missing() -> None:
    asked = reservation({"to": "web9"})
    composed = Desired(fabric(), {("reservations", "x"): asked}).compose()
    (problem,) = composed.inactive["reservations", "x"]
    assert problem.place == "reservations.x.to"
    assert "there is no server or uplink 'web9'" in problem.message
    assert composed.document is not None
    assert "x" not in composed.document.reservations


def test_a_reservation_and_an_uplink_of_the_api_join_the_document_of_the_file() -> None:
    uplink = put(("uplinks", "isp2"), {"platform": "c2", "port": 10, "segment": "web"})
    asked = reservation({"to": "isp2"})
    made = {("uplinks", "isp2"): uplink, ("reservations", "x"): asked}
    document = Desired(fabric(), made).compose().document
    assert document is not None
    assert document.uplinks["isp2"] == uplink
    assert document.reservations["x"] == asked
    assert set(document.reservations) == {"backup", "out", "x"}


def test_a_link_does_not_end_at_an_uplink() -> None:
    with pytest.raises(DocumentError, match=r"links\[0\]: c1.isp1 is an uplink; a link joins two trunks"):
        fabric("c1.east", "c1.isp1")


def test_a_reservation_of_a_server_whose_segment_is_unknown_is_not_blamed() -> None:
    with pytest.raises(DocumentError) as error:
        fabric("{port: 2, segment: web}", "{port: 2, segment: wbe}")
    assert [problem.place for problem in error.value.problems] == ["platforms.c1.servers.web2.segment"]
