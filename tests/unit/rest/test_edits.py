"""PUT and DELETE of one resource: what is taken, what is refused and why, and that the switches follow."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from controller.assurance import Assurance, Fault, FaultKind
from controller.learning import Heard
from controller.rules.tables import Reason
from tests.unit.rest.conftest import Api
from tests.unit.rest.written import Written

C1 = {"dpid": 1, "trunks": {"east": {"port": 20}, "west": {"port": 21}}}
C2 = {"dpid": 2, "trunks": {"east": {"port": 20}, "west": {"port": 21}}}
LINK = "c1.east--c2.west"
WEB1 = {"platform": "c1", "port": 1, "segment": "web", "mac": "02:00:00:00:00:01", "ip": "10.1.0.11"}
MADE = {
    "segments/web": {"subnet": "10.1.0.0/24"},
    "platforms/c1": {**C1, "undeclared": {"mode": "closed"}},
    "platforms/c2": C2,
    f"links/{LINK}": {"ends": ["c1.east", "c2.west"], "cost": 3},
    "servers/web1": WEB1,
    "uplinks/isp1": {"platform": "c1", "port": 4, "segment": "web", "rate": "1 Gbit/s"},
}
UPLINK = {"platform": "c2", "port": 4, "segment": "web"}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Written]:
    written = Written(tmp_path / "state")
    yield written
    written.state.close()


@pytest.fixture
def made(lab: Written) -> Written:
    for path, spec in MADE.items():
        lab.api.put(path, spec, 200 if path.startswith("platforms") else 201)
    lab.settle()
    return lab


def revision(lab: Written) -> int:
    return int(lab.api.get("/api/v1/fabric")["status"]["revision"])


# What is taken


def test_a_resource_is_made_then_replaced_and_each_change_has_its_revision(lab: Written) -> None:
    before = revision(lab)
    made = lab.api.put("segments/web", {"subnet": "10.1.0.0/24"}, 201)
    assert (made["name"], made["origin"], made["revision"]) == ("web", "api", before + 1)
    assert made["spec"]["subnet"] == ["10.1.0.0/24"]
    again = lab.api.put("segments/web", {"subnet": ["10.1.0.0/24", "fd00::/64"]}, 200)
    assert again["revision"] == before + 2
    assert lab.api.get("/api/v1/segments/web")["spec"]["subnet"] == ["10.1.0.0/24", "fd00::/64"]


@pytest.mark.parametrize("path", MADE)
def test_put_takes_what_get_gives_and_nothing_changes(made: Written, path: str) -> None:
    before, resource = revision(made), made.api.get(f"/api/v1/{path}")
    assert resource["origin"] == "api"
    assert made.api.put(path, resource["spec"])["revision"] == before
    assert made.api.get(f"/api/v1/{path}") == resource


def test_what_is_made_reaches_the_switches(made: Written) -> None:
    assert made.api.get("/api/v1/fabric")["status"]["converged"]
    assert made.api.get("/api/v1/servers/web1")["status"]["state"] == "present"
    assert made.api.get(f"/api/v1/links/{LINK}")["status"]["state"] == "up"
    owners = {item.owner.name for item in made.control.reconciler.switches["c1"].wanted.values()}
    assert {"web1", LINK} <= owners


def test_yaml_is_taken_as_well(lab: Written) -> None:
    body = b"subnet: [10.1.0.0/24]  # for the web\n"
    for number, headers in enumerate(
        [{}, {"Content_Type": "application/yaml; charset=utf-8"}, {"Content_Type": "text/yaml"}]
    ):
        response = lab.api.ask(f"/api/v1/segments/web{number}", "PUT", body, **headers)
        assert response.status_code == 201, response.text


def test_a_learned_server_is_replaced_by_the_one_that_declares_it(made: Written) -> None:
    made.control.packet_heard(Heard(("c2", 1), Reason.LEARN_MAC, {"eth_src": 0x02_00_00_00_00_09}), 0.0)
    made.settle()
    (learned,) = [item for item in made.api.get("/api/v1/servers")["items"] if item["origin"] == "learned"]
    spec = {**learned["spec"], "segment": "default", "ip": []}
    assert made.api.put("servers/web9", spec, 201)["origin"] == "api"
    origins = {item["name"]: item["origin"] for item in made.api.get("/api/v1/servers")["items"]}
    assert origins == {"web1": "api", "web9": "api"}


def test_a_deleted_resource_is_gone_from_the_api_and_the_switches(made: Written) -> None:
    before = revision(made)
    assert made.api.delete("servers/web1")["revision"] == before + 1
    assert made.api.refused("GET", "servers/web1")[:2] == (404, "unknown_name")
    made.settle()
    rules = (item for switch in made.control.reconciler.switches.values() for item in switch.wanted.values())
    assert "web1" not in {item.owner.name for item in rules}
    assert made.api.put("servers/web1", WEB1, 201)["revision"] == before + 2


def test_a_deleted_platform_is_learned_again_where_bridges_are_adopted(made: Written) -> None:
    for path in ("servers/web1", "uplinks/isp1", f"links/{LINK}"):
        made.api.delete(path)
    made.api.delete("platforms/c1")
    made.settle()
    assert made.api.get("/api/v1/platforms/c1")["origin"] == "learned"


def test_the_segment_that_nobody_made_can_be_made(lab: Written) -> None:
    assert lab.api.get("/api/v1/segments/default")["origin"] == "learned"
    assert lab.api.put("segments/default", {"subnet": "10.9.0.0/24"})["origin"] == "api"
    lab.api.delete("segments/default")
    assert lab.api.get("/api/v1/segments/default")["origin"] == "learned"


# What is refused


@pytest.mark.parametrize(
    ("path", "spec", "place", "said"),
    [
        ("segments/Web", {}, "", "'Web' is not a name"),
        ("segments/web", {"subnet": "10.1.0.1/24"}, "subnet", ""),
        ("segments/web", {"subnets": []}, "subnets", "did you mean 'subnet'?"),
        ("segments/web", [], "", "expected a mapping of a segment"),
        ("servers/web2", {"port": 1}, "platform", "missing: a server needs it"),
        ("servers/web2", {**WEB1, "ip": ["10.1.0.12", "10.1.0.300"]}, "ip[1]", ""),
        ("servers/web2", {**WEB1, "port": 2, "segment": "wbe"}, "segment", "did you mean 'web'?"),
        ("servers/web2", {**WEB1, "port": 2}, "ip", "already that of server 'web1'"),
        ("servers/web", {**WEB1, "port": 2}, "", "the name is taken by the segment"),
        ("platforms/c9", {"dpid": 1}, "dpid", "already that of platform 'c1'"),
        ("platforms/c9", {"dpid": 9, "servers": {}}, "servers", "servers are resources of their own"),
        ("platforms/c9", {"dpid": 9, "uplinks": {}}, "uplinks", "uplinks are resources of their own"),
        ("uplinks/isp2", {**UPLINK, "segment": "wbe"}, "segment", "did you mean 'web'?"),
        ("uplinks/isp2", {**UPLINK, "platform": "c7"}, "platform", "there is no platform 'c7'"),
        ("uplinks/isp2", {**UPLINK, "platform": "c1", "port": 1}, "port", "already that of server 'web1'"),
        ("uplinks/web1", UPLINK, "", "the name is taken by the server"),
        ("uplinks/isp2", {"platform": "c2", "port": 4}, "segment", "missing: an uplink needs it"),
        ("reservations/r1", {"from": "web1", "to": "isp9", "rate": 1000}, "to", "did you mean 'isp1'?"),
        ("reservations/r1", {"from": "web1", "to": "isp1"}, "rate", "missing: a reservation needs it"),
        (
            "reservations/r1",
            {"from": "web1", "to": "isp1", "rate": 1000, "floor": 2000},
            "floor",
            "at most the 1 kbit/s",
        ),
        ("platforms/c9", {"dpid": 9, "trunks": {"t": {"port": 0}}}, "trunks.t.port", "expected a port number"),
        ("platforms/c9", {"dpid": 9, "undeclared": "learn"}, "undeclared.segment", "missing"),
        ("links/a.b--c.d", {"ends": ["c1.east", "c2.west"]}, "ends", f"has the name of its ends, {LINK}"),
        ("links/c1.east--c3.west", {"ends": ["c1.east", "c3.west"]}, "", "there is no platform 'c3'"),
    ],
)
def test_a_bad_spec_is_422_with_its_place_and_changes_nothing(
    made: Written, path: str, spec: Any, place: str, said: str
) -> None:
    before = made.api.ask("/api/v1/document").body
    status, reason, problem = made.api.refused("PUT", path, spec)
    assert (status, reason) == (422, "invalid_spec")
    assert any(found["place"] == place and said in found["message"] for found in problem["problems"]), problem
    assert made.api.ask("/api/v1/document").body == before


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        (b"", {}, 400, "not_readable"),
        (b"{", {"Content_Type": "application/json"}, 400, "not_readable"),
        (b'{"subnet": NaN}', {"Content_Type": "application/json"}, 400, "not_readable"),
        (b"[" * 100_000, {"Content_Type": "application/json"}, 400, "not_readable"),
        (b"9" * 10_000, {"Content_Type": "application/json"}, 400, "not_readable"),
        (b"\xff", {"Content_Type": "application/yaml"}, 400, "not_readable"),
        (b"a: [", {"Content_Type": "application/yaml"}, 400, "not_readable"),
        (b"{}", {"Content_Type": "text/html"}, 415, "wrong_media"),
        (b"{}", {"Content_Type": "application/json; charset=utf-16"}, 415, "wrong_media"),
        (b'{"subnet": [], "subnet": []}', {"Content_Type": "application/json"}, 422, "invalid_spec"),
        (b'{"\\ud800": 1}', {"Content_Type": "application/json"}, 422, "invalid_spec"),
    ],
)
def test_a_body_that_cannot_be_read_says_so(
    lab: Written, body: bytes, headers: dict[str, str], status: int, reason: str
) -> None:
    assert lab.api.refused("PUT", "segments/web", body, **headers)[:2] == (status, reason)


def test_what_others_refer_to_is_not_deleted_and_they_are_named(made: Written) -> None:
    status, reason, problem = made.api.refused("DELETE", "platforms/c1")
    assert (status, reason) == (409, "referred_to")
    assert {found["resource"] for found in problem["referrers"]} == {"servers/web1", "uplinks/isp1", f"links/{LINK}"}
    assert "server 'web1'" in problem["detail"]
    assert made.api.get("/api/v1/platforms/c1")["origin"] == "api"


@pytest.mark.parametrize("end", ["servers/web1", "uplinks/isp1"])
def test_the_end_of_a_reservation_is_not_deleted(made: Written, end: str) -> None:
    made.api.put("reservations/r1", {"from": "web1", "to": "isp1", "rate": 1000}, 201)
    status, reason, problem = made.api.refused("DELETE", end)
    assert (status, reason) == (409, "referred_to")
    assert [found["resource"] for found in problem["referrers"]] == ["reservations/r1"]
    made.api.delete("reservations/r1")
    made.api.delete(end)


def test_what_would_break_others_is_not_put_and_they_are_named_with_why(made: Written) -> None:
    status, reason, problem = made.api.refused("PUT", "platforms/c2", {"dpid": 2})
    assert (status, reason) == (409, "in_conflict")
    (conflict,) = problem["conflicts"]
    assert (conflict["resource"], "has no trunk 'west'" in conflict["message"]) == (f"links/{LINK}", True)


def test_what_nobody_asked_for_cannot_be_deleted(lab: Written) -> None:
    assert lab.api.refused("DELETE", "platforms/c1")[:2] == (409, "learned")
    assert lab.api.refused("DELETE", "servers/web1")[:2] == (404, "unknown_name")


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_what_the_file_owns_is_not_changed_and_the_file_is_named(api: Api, method: str) -> None:
    for query in ("", "?dry_run=true"):
        status, reason, problem = api.refused(method, f"segments/web{query}", {} if method == "PUT" else None)
        assert (status, reason) == (409, "file_owns")
        assert str(api.source.file) in problem["detail"]


def test_a_change_beside_the_file_does_not_hurt_what_is_in_it(api: Api) -> None:
    api.put("segments/extra", {}, 201)
    before = {item["name"] for item in api.get("/api/v1/segments")["items"]}
    assert api.refused("PUT", "segments/web1", {})[1] == "invalid_spec"
    assert {item["name"] for item in api.get("/api/v1/segments")["items"]} == before


def test_a_change_by_which_packets_would_come_to_harm_is_422_with_the_packet(
    made: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = Fault(FaultKind.LOOP, "it goes round", "ffff", "web1", "web", None, ("c1 port 1", "c2 port 20"))
    found = cycle((Assurance((fault,), 1), Assurance((), 1)))  # after the change, and before it
    monkeypatch.setattr("controller.planner.check_change", lambda *_: next(found))
    status, reason, problem = made.api.refused("PUT", "segments/more", {})
    assert (status, reason) == (422, "unsafe")
    assert (problem["faults"][0]["packet"], problem["faults"][0]["kind"]) == ("ffff", "loop")
    assert made.api.refused("GET", "segments/more")[0] == 404
    assert made.api.put("segments/more?dry_run=true", {})["accepted"] is False


# Only what was seen


def test_if_match_guards_against_lost_updates_and_not_against_counters(made: Written) -> None:
    tag = made.api.ask("/api/v1/servers/web1").headers["ETag"]
    made.control.alarms.raise_("conflict", "web1", "web1 moved")
    assert made.api.ask("/api/v1/servers/web1").headers["ETag"] != tag
    made.api.put("servers/web1", {**WEB1, "storm": 10}, If_Match=tag)
    for method, body in (("PUT", WEB1), ("DELETE", None)):
        assert made.api.refused(method, "servers/web1", body, If_Match=tag)[:2] == (412, "not_as_expected")
    assert made.api.get("/api/v1/servers/web1")["spec"]["storm"] == 10


def test_if_none_match_makes_and_never_replaces(lab: Written) -> None:
    assert lab.api.refused("PUT", "segments/web", {}, If_Match="*")[0] == 412
    lab.api.put("segments/web", {}, 201, If_None_Match="*")
    assert lab.api.refused("PUT", "segments/web", {}, If_None_Match="*")[0] == 412
    lab.api.put("segments/web", {}, If_Match="*")
    lab.api.delete("segments/web", If_Match=lab.api.ask("/api/v1/segments/web").headers["ETag"])
