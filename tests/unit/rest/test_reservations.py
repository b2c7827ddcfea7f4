"""Reservations over the API: granted or refused with an offer, renewed, ended, planned; and what is left is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from controller.model.desired import Desired
from controller.planner import Basis, Plan, make_plan
from controller.rules.rules import Meter
from tests.unit.rest.written import Written

MBIT = 1_000_000
LINK = "c1.east--c2.west"
"""The one link that can hold reservations; the way round it, over c3, has no rate."""
PORTS_OF_C2 = (30_000, 40_000)
"""The rates of its ports, kbit/s: what has no reservation is held to them."""
MADE: dict[str, Any] = {
    "segments/web": {},
    "platforms/c1": {"dpid": 1, "trunks": {"east": {"port": 20, "rate": "100 Mbit/s"}, "west": {"port": 21}}},
    "platforms/c2": {"dpid": 2, "trunks": {"east": {"port": 20}, "west": {"port": 21, "rate": "100 Mbit/s"}}},
    "platforms/c3": {"dpid": 3, "trunks": {"east": {"port": 20}, "west": {"port": 21}}},
    f"links/{LINK}": ["c1.east", "c2.west"],
    "links/c2.east--c3.west": ["c2.east", "c3.west"],
    "links/c1.west--c3.east": ["c1.west", "c3.east"],
    "servers/a1": {"platform": "c1", "port": 1, "segment": "web", "mac": "02:00:00:00:01:01"},
    "servers/a2": {"platform": "c1", "port": 2, "segment": "web", "mac": "02:00:00:00:01:02"},
    "servers/b1": {"platform": "c2", "port": 1, "segment": "web", "mac": "02:00:00:00:02:01"},
    "servers/b2": {"platform": "c2", "port": 2, "segment": "web", "mac": "02:00:00:00:02:02", "rate": "40 Mbit/s"},
    "uplinks/isp": {"platform": "c2", "port": 3, "segment": "web", "rate": "30 Mbit/s"},
}


@contextmanager
def built(folder: Path) -> Iterator[Written]:
    written = Written(folder)
    for path, spec in MADE.items():
        written.api.put(path, spec, 200 if path.startswith("platforms") else 201)
    written.settle()
    yield written
    written.state.close()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Written]:
    with built(tmp_path / "state") as written:
        yield written


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    """One for tests that change nothing."""
    with built(tmp_path_factory.mktemp("idle") / "state") as written:
        yield written


def asks(rate: float, floor: float | None = None, to: str = "b1", **more: Any) -> dict[str, Any]:
    """A reservation from a1, in Mbit/s."""
    own = {} if floor is None else {"floor": int(floor * MBIT)}
    return {"from": "a1", "to": to, "rate": int(rate * MBIT), **own, **more}


def put(lab: Written, name: str, spec: dict[str, Any], status: int = 201) -> Any:
    return lab.api.put(f"reservations/{name}", spec, status)


def status(lab: Written, name: str) -> Any:
    return lab.api.get(f"/api/v1/reservations/{name}")["status"]


def has(lab: Written, name: str) -> tuple[str, float]:
    """State, and what is granted in Mbit/s."""
    now = status(lab, name)
    return now["state"], now["granted_bps"] / MBIT


def left(lab: Written, source: str = "a1", target: str = "b1") -> float | None:
    """What one more could have, in Mbit/s."""
    room: float | None = lab.api.get(f"/api/v1/capacity?from={source}&to={target}")["one_path_bps"]
    return None if room is None else room / MBIT


def told(lab: Written) -> list[tuple[str, str]]:
    """The events of reservations."""
    events = lab.api.get("/api/v1/events?follow=false&after=0&kind=reservation")["items"]
    return [(event["name"], event["what"]) for event in events]


def meters(lab: Written, platform: str = "c1") -> list[int]:
    """The rates that a switch holds traffic to, kbit/s."""
    rules = lab.virtual.switches[platform].rules.values()
    return sorted(rule.rate for rule in rules if isinstance(rule, Meter) and not rule.packets)


# Granted


def test_what_is_granted_is_answered_kept_and_enforced(lab: Written) -> None:
    made = put(lab, "one", asks(60, 30))
    assert (made["status"]["state"], made["status"]["granted_bps"]) == ("granted", 60 * MBIT)
    (direction,) = made["status"]["directions"]
    assert (direction["source"], direction["target"], direction["links"]) == ("a1", "b1", [LINK])
    lab.settle()
    assert meters(lab) == [60_000]
    assert "reservations/one" in {f"{section}/{name}" for section, name in lab.control.fabric.desired.made}
    assert told(lab) == [("one", "granted")]


def test_both_directions_and_a_classifier(lab: Written) -> None:
    made = put(lab, "one", asks(60, both=True, match={"tcp_dst": 80}))
    there, back = made["status"]["directions"]
    assert (there["source"], back["source"]) == ("a1", "b1")
    assert there["label"] != back["label"]
    assert left(lab, "b1", "a1") == 40


def test_less_than_was_asked_for_is_granted_down_to_the_floor(lab: Written) -> None:
    put(lab, "first", asks(50, to="b2", match={"dscp": 46}) | {"rate": 40 * MBIT})
    assert put(lab, "second", asks(80, 30))["status"]["state"] == "reduced"
    assert has(lab, "second") == ("reduced", 60)


def test_an_uplink_is_an_end_like_a_server(lab: Written) -> None:
    put(lab, "out", asks(20, to="isp"))
    assert left(lab, "a1", "isp") == 10
    problem = lab.api.refused("PUT", "reservations/more", asks(20, to="isp", match={"tcp_dst": 80}))
    assert problem[:2] == (409, "no_room")
    assert problem[2]["offer"]["limited_by"] == [{"name": "port c2:3", "way": "out"}]


# Refused


def test_what_finds_no_room_is_409_with_the_best_offer_and_nothing_is_stored(lab: Written) -> None:
    put(lab, "first", asks(60))
    lab.settle()
    before, rows = lab.api.get("/api/v1/fabric")["status"]["revision"], lab.rows("made")
    code, reason, problem = lab.api.refused("PUT", "reservations/second", {**asks(50), "from": "a2"})
    assert (code, reason) == (409, "no_room")
    offer = problem["offer"]
    assert (offer["rate_bps"], offer["held_by"]) == (40 * MBIT, ["first"])
    assert {"name": LINK, "way": "c1"} in offer["limited_by"]
    assert offer["message"] in problem["detail"]
    assert lab.api.refused("GET", "reservations/second")[:2] == (404, "unknown_name")
    assert (lab.api.get("/api/v1/fabric")["status"]["revision"], lab.rows("made")) == (before, rows)
    assert left(lab) == 40
    lab.settle()
    assert meters(lab) == [60_000]


def test_the_offer_can_be_had(lab: Written) -> None:
    put(lab, "first", asks(60))
    offer = lab.api.refused("PUT", "reservations/second", {**asks(50), "from": "a2"})[2]["offer"]
    put(lab, "second", {**asks(0), "from": "a2", "rate": offer["rate_bps"]})
    assert has(lab, "second") == ("granted", 40)


def test_what_lost_its_path_while_it_was_planned_is_taken_back(lab: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan is made in a thread: meanwhile the fabric goes on."""

    def plan(basis: Basis, desired: Desired) -> Plan:
        made = make_plan(basis, desired)
        if ("c1", 20) in lab.virtual.cables:
            lab.virtual.unplug(("c1", 20))
        return made

    with monkeypatch.context() as patched:
        patched.setattr("apps.changes.make_plan", plan)
        refused = lab.api.refused("PUT", "reservations/one", asks(60))
    assert refused[:2] == (409, "no_room")
    assert lab.api.get("/api/v1/reservations")["items"] == []
    lab.settle()
    assert meters(lab) == []


def test_a_change_that_finds_no_room_leaves_what_there_was(lab: Written) -> None:
    put(lab, "one", asks(60))
    assert lab.api.refused("PUT", "reservations/one", asks(200))[:2] == (409, "no_room")
    assert lab.api.get("/api/v1/reservations/one")["spec"]["rate"] == 60 * MBIT
    assert has(lab, "one") == ("granted", 60)


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"from": "nobody"}, "from"),
        ({"to": "web"}, "to"),
        ({"to": "a1"}, "to"),
        ({"floor": "100 Mbit/s"}, "floor"),
        ({"rate": -1}, "rate"),
        ({"rate": 0}, "rate"),
        ({"rate": "500 bit/s"}, "rate"),
        ({"rate": "101 Tbit/s"}, "rate"),
        ({"rate": "fast"}, "rate"),
        ({"burst": "2 GB"}, "burst"),
        ({"priority": 8}, "priority"),
        ({"lease": "-1 s"}, "lease"),
        ({"match": {}}, "match"),
        ({"match": {"tcp_dst": 80, "ip_proto": "udp"}}, "match"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_422_with_its_place(idle: Written, wrong: dict[str, Any], place: str) -> None:
    for method, path in (("PUT", "reservations/one"), ("POST", "reservations?dry_run=true")):
        code, reason, problem = idle.api.refused(method, path, {**asks(60, 30), **wrong})
        assert (code, reason) == (422, "invalid_spec")
        assert [told["place"].partition(".")[0] for told in problem["problems"]] == [place]
    assert idle.api.get("/api/v1/reservations")["items"] == []


def test_the_same_traffic_is_reserved_once(lab: Written) -> None:
    put(lab, "one", asks(20))
    assert lab.api.refused("PUT", "reservations/two", asks(20))[0] in (409, 422)
    assert left(lab) == 80


# Who has more, who has less


def test_a_higher_priority_pushes_lower_ones_down_and_the_plan_says_so(lab: Written) -> None:
    put(lab, "low", asks(80, 30))
    wanted = {**asks(60, priority=2), "from": "a2"}
    plan = lab.api.put("reservations/high?dry_run=true", wanted)
    high, low = plan["rates"]
    assert (high["reservation"], high["was_bps"], high["granted_bps"]) == ("high", 0, 60 * MBIT)
    assert (low["reservation"], low["was_bps"], low["granted_bps"]) == ("low", 80 * MBIT, 40 * MBIT)
    assert (high["state"], low["state"]) == ("granted", "reduced")
    assert has(lab, "low") == ("granted", 80)
    put(lab, "high", wanted)
    assert (has(lab, "low"), has(lab, "high")) == (("reduced", 40), ("granted", 60))
    assert sorted(told(lab)[1:]) == [("high", "granted"), ("low", "reduced")]
    lab.settle()
    assert meters(lab) == [40_000, 60_000]


def test_what_is_deleted_raises_those_who_have_less_than_they_asked_for(lab: Written) -> None:
    put(lab, "first", {**asks(50), "from": "a2"})
    put(lab, "second", asks(80, 30))
    lab.api.delete("reservations/first")
    assert has(lab, "second") == ("granted", 80)
    assert left(lab) == 20
    assert told(lab)[-2:] == [("first", "gone"), ("second", "granted")]
    lab.settle()
    assert meters(lab) == [80_000]


def test_one_that_has_lost_its_path_is_violated_and_can_still_be_renewed(lab: Written) -> None:
    put(lab, "one", asks(60, lease=100))
    lab.virtual.unplug(("c1", 20))
    lab.settle()
    assert has(lab, "one") == ("violated", 0)
    lab.later(50)
    assert put(lab, "one", asks(60, lease=100), 200)["status"]["state"] == "violated"
    assert status(lab, "one")["lease_left_s"] == 100
    lab.virtual.plug(("c1", 20), ("c2", 21))
    lab.settle()
    assert has(lab, "one") == ("granted", 60)


# Leases


def test_put_again_renews_the_lease_and_changes_nothing_else(lab: Written) -> None:
    first = put(lab, "one", asks(60, lease="100 s"))
    lab.settle()
    assert first["status"]["lease_left_s"] == 100
    lab.later(60)
    assert status(lab, "one")["lease_left_s"] == 40
    again = put(lab, "one", asks(60, lease="100 s"), 200)
    assert again["status"]["lease_left_s"] == 100
    assert (again["revision"], again["converged"]) == (first["revision"], True)
    assert again["status"]["directions"][0]["label"] == first["status"]["directions"][0]["label"]
    lab.later(60)
    assert has(lab, "one") == ("granted", 60)
    assert told(lab) == [("one", "granted")]


def test_when_the_lease_is_over_it_is_still_there_and_holds_nothing(lab: Written) -> None:
    put(lab, "one", asks(60, lease=100))
    put(lab, "two", {**asks(80, 30), "from": "a2"})
    assert has(lab, "two") == ("reduced", 40)
    lab.later(100)
    assert has(lab, "one") == ("expired", 0)
    assert (status(lab, "one")["lease_left_s"], status(lab, "one")["alarms"]) == (0, [])
    assert has(lab, "two") == ("granted", 80)
    assert meters(lab) == [80_000]
    assert told(lab)[-2:] == [("one", "expired"), ("two", "granted")]


def test_an_expired_one_is_had_again_by_put(lab: Written) -> None:
    put(lab, "one", asks(60, lease=100))
    lab.later(500)
    assert put(lab, "one", asks(60, lease=100), 200)["status"]["state"] == "granted"
    assert status(lab, "one")["lease_left_s"] == 100
    lab.later(500)
    assert put(lab, "one", asks(70, lease=200), 200)["status"]["state"] == "granted"
    assert status(lab, "one")["lease_left_s"] == 200


def test_an_expired_one_without_room_is_409_and_stays_expired(lab: Written) -> None:
    put(lab, "one", asks(60, lease=100))
    lab.later(100)
    put(lab, "two", {**asks(80), "from": "a2"})
    assert lab.api.refused("PUT", "reservations/one", asks(60, lease=100))[:2] == (409, "no_room")
    assert has(lab, "one") == ("expired", 0)
    lab.api.delete("reservations/two")
    lab.later(1)
    assert has(lab, "one") == ("expired", 0)
    lab.api.delete("reservations/one")
    assert left(lab) == 100


def test_a_lease_goes_on_while_the_controller_is_away(lab: Written) -> None:
    put(lab, "one", asks(60, lease=100))
    lab.later(60)
    after = lab.restarted()
    after.later(lab.time - after.time + 30)
    assert status(after, "one")["lease_left_s"] == 10
    after.later(10)
    assert has(after, "one") == ("expired", 0)
    after.state.close()


# Planned only


def test_a_dry_run_says_what_would_be_had_and_changes_nothing(lab: Written) -> None:
    put(lab, "one", asks(60))
    lab.settle()
    before = lab.api.get("/api/v1/fabric")["status"]["revision"]
    wanted = {**asks(60, 20), "from": "a2"}
    for plan in (
        lab.api._said(200, lab.api.ask("/api/v1/reservations?dry_run=true", "POST", wanted)),
        lab.api.put("reservations/two?dry_run=true", wanted),
    ):
        (rate,) = plan["rates"]
        assert (rate["granted_bps"], rate["state"], rate["links"]) == (40 * MBIT, "reduced", [LINK])
        assert plan["switches"]["c1"]["meters"]["added"] == 1
    for method, path in (("POST", "reservations?dry_run=true"), ("PUT", "reservations/two?dry_run=true")):
        code, reason, problem = lab.api.refused(method, path, {**wanted, "floor": 50 * MBIT})
        assert (code, reason, problem["offer"]["rate_bps"]) == (409, "no_room", 40 * MBIT)
    assert [item["name"] for item in lab.api.get("/api/v1/reservations")["items"]] == ["one"]
    assert lab.api.get("/api/v1/fabric")["status"]["revision"] == before
    assert left(lab) == 40


def test_a_trial_is_no_reservation_of_that_name(lab: Written) -> None:
    put(lab, "tried", asks(60))
    plan = lab.api._said(200, lab.api.ask("/api/v1/reservations?dry_run=true", "POST", {**asks(30), "from": "a2"}))
    assert [change["granted_bps"] for change in plan["rates"]] == [30 * MBIT]
    assert lab.api.refused("POST", "reservations?dry_run=true", {**asks(50), "from": "a2"})[:2] == (409, "no_room")


def test_post_is_for_trying_alone(idle: Written) -> None:
    assert idle.api.refused("POST", "reservations", asks(10))[:2] == (400, "not_readable")
    assert idle.api.get("/api/v1/reservations")["items"] == []


# What is left


def test_capacity_tells_what_is_left_and_the_cut_that_limits_it(lab: Written) -> None:
    put(lab, "one", asks(60))
    room = lab.api.get("/api/v1/capacity?from=a1&to=b1")
    assert (room["one_path_bps"], room["all_paths_bps"]) == (40 * MBIT, 40 * MBIT)
    assert {"name": LINK, "way": "c1"} in room["cut"]
    assert {"name": LINK, "way": "c1"} in room["limited_by"]
    assert lab.api.get("/api/v1/capacity?from=b1&to=a1")["one_path_bps"] == 100 * MBIT


def test_capacity_within_a_platform_is_that_of_its_ports(lab: Written) -> None:
    room = lab.api.get("/api/v1/capacity?from=a1&to=a2")
    assert (room["one_path_bps"], room["all_paths_bps"], room["cut"], room["limited_by"]) == (None, None, [], [])
    assert left(lab, "b1", "b2") == 40
    assert lab.api.get("/api/v1/capacity?from=b1&to=b2")["limited_by"] == [{"name": "port c2:2", "way": "out"}]


def test_where_no_path_is_left_nothing_is(lab: Written) -> None:
    lab.virtual.unplug(("c1", 20))
    lab.settle()
    assert left(lab) == 0


def test_capacity_between_ends_that_are_not_there_or_are_one(idle: Written) -> None:
    assert idle.api.refused("GET", "capacity?from=a1&to=nobody")[:2] == (404, "unknown_name")
    assert idle.api.refused("GET", "capacity?from=a1&to=a1")[:2] == (422, "same_server")
    assert idle.api.refused("GET", "capacity?from=a1")[:2] == (400, "not_readable")


# What is kept


def test_a_controller_that_dies_between_grant_and_answer_has_granted_once(lab: Written, tmp_path: Path) -> None:
    made = put(lab, "one", asks(60, both=True))
    after = lab.crashed(tmp_path / "copy")
    assert has(after, "one") == ("granted", 60)
    assert [way["label"] for way in status(after, "one")["directions"]] == [
        way["label"] for way in made["status"]["directions"]
    ]
    assert (left(after), left(after, "b1", "a1")) == (40, 40)
    put(after, "one", asks(60, both=True), 200)
    assert left(after) == 40
    after.settle()
    assert (meters(after), meters(after, "c2")) == ([60_000], [*PORTS_OF_C2, 60_000])
    after.api.delete("reservations/one")
    assert left(after) == 100
    after.state.close()


def test_a_restart_moves_no_grant_and_sends_nothing(lab: Written) -> None:
    put(lab, "low", asks(80, 30))
    put(lab, "high", {**asks(60, priority=2), "from": "a2"})
    lab.settle()
    before = [(name, *has(lab, name), status(lab, name)["directions"]) for name in ("low", "high")]
    written = {name: switch.written for name, switch in lab.virtual.switches.items()}
    after = lab.restarted()
    assert [(name, *has(after, name), status(after, name)["directions"]) for name in ("low", "high")] == before
    assert {name: switch.written for name, switch in after.virtual.switches.items()} == written
    assert told(after) == []
    after.state.close()
