"""The whole document over the API: replaced, planned, carried out, and read again from its file."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest
from ryu.lib import hub

from apps.reloading import Hangups, Reload
from controller.assurance import Assurance, Fault, FaultKind
from controller.model.document import parse_document
from tests.unit.rest.conftest import Api
from tests.unit.rest.fabrics import DOCUMENT
from tests.unit.rest.written import Written
from tests.waiting import wait_until

SMALL = """
fabric: small
segments: {web: {subnet: 10.1.0.0/24}}
platforms:
  c1:
    dpid: 1
    servers: {web1: {port: 1, segment: web, mac: "02:00:00:00:00:01", ip: 10.1.0.11}}
    trunks: {east: {port: 20}}
  c2:
    dpid: 2
    servers: {web2: {port: 1, segment: web, mac: "02:00:00:00:00:02", ip: 10.1.0.12}}
    trunks: {west: {port: 21}}
links: [[c1.east, c2.west]]
"""
FAULT = Fault(FaultKind.LOST, "it does not arrive", "ffff", "web1", "web2", None, ())


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Written]:
    written = Written(tmp_path / "state")
    yield written
    written.state.close()


def test_a_document_replaces_all_that_the_api_owns(lab: Written) -> None:
    lab.api.put("segments/old", {}, 201)
    revision = lab.api.put("document", SMALL.encode(), Content_Type="application/yaml")["revision"]
    assert parse_document(lab.api.ask("/api/v1/document").body.decode(), "answer") == parse_document(SMALL, "small")
    assert lab.api.get("/api/v1/fabric")["status"]["revision"] == revision
    assert lab.api.refused("GET", "segments/old")[0] == 404
    lab.settle()
    assert lab.api.get("/api/v1/servers/web2")["status"]["state"] == "present"
    assert sorted(lab.control.connected) == ["c1", "c2"]


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_put_takes_the_document_that_get_gives(lab: Written, form: str) -> None:
    before = lab.api.put("document", SMALL.encode())["revision"]
    shown = lab.api.ask(f"/api/v1/document?format={form}")
    again = lab.api.put("document", shown.body, Content_Type=shown.content_type, If_Match=shown.headers["ETag"])
    assert again["revision"] == before


def test_a_bad_document_is_422_with_every_place_and_line(lab: Written) -> None:
    text = SMALL.replace("10.1.0.12", "10.9.0.12").replace("dpid: 2", "dpid: 1").encode()
    status, reason, problem = lab.api.refused("PUT", "document", text)
    assert (status, reason) == (422, "invalid_document")
    assert {found["place"] for found in problem["problems"]} == {
        "platforms.c2.dpid",
        "platforms.c2.servers.web2.ip",
    }
    assert all(found["line"] for found in problem["problems"])
    assert lab.api.get("/api/v1/platforms")["items"][0]["origin"] == "learned"


def test_a_document_is_not_put_over_a_file_and_can_be_planned_beside_it(api: Api) -> None:
    status, reason, problem = api.refused("PUT", "document", SMALL.encode())
    assert (status, reason, str(api.source.file) in problem["detail"]) == (409, "file_owns", True)
    plan = api.put("document?dry_run=true", DOCUMENT.replace("10.1.0.12", "10.1.0.99").encode())
    assert (plan["accepted"], plan["resources"]["changed"]) == (True, ["servers/web2"])
    assert api.refused("PUT", f"document?plan={plan['id']}")[1] == "file_owns"
    assert api.get("/api/v1/servers/web2")["spec"]["ip"] == ["10.1.0.12"]


def test_a_document_is_put_only_over_the_one_that_was_seen(lab: Written) -> None:
    tag = lab.api.ask("/api/v1/document").headers["ETag"]
    lab.api.put("segments/more", {}, 201)
    assert lab.api.refused("PUT", "document", SMALL.encode(), If_Match=tag)[:2] == (412, "not_as_expected")


# Plans


def test_a_plan_says_what_would_change_and_changes_nothing(lab: Written) -> None:
    lab.api.put("document", SMALL.encode())
    lab.settle()
    before = lab.api.ask("/api/v1/document").body
    spec = lab.api.get("/api/v1/servers/web2")["spec"]
    plan = lab.api.put("servers/web2?dry_run=true", {**spec, "port": 2})
    assert plan["accepted"]
    assert plan["resources"] == {"added": [], "changed": ["servers/web2"], "removed": []}
    assert plan["losses"] == [{"who": "server web2", "why": "it moves from c2 port 1 to c2 port 2"}]
    assert "web2" in plan["servers"]
    assert plan["switches"]["c2"]["flows"]["added"] > 0
    assert plan["followed_packets"] > 0
    assert lab.api.ask("/api/v1/document").body == before


def test_the_rules_of_a_plan_are_those_that_then_go_to_the_switches(lab: Written) -> None:
    lab.api.put("document", SMALL.encode())
    lab.settle()
    before = {name: dict(rules) for name, rules in lab.virtual.rules().items()}
    plan = lab.api.put("document?dry_run=true", SMALL.replace("10.1.0.12", "10.1.0.13").encode())
    revision = lab.api.put(f"document?plan={plan['id']}", None)["revision"]
    assert revision == plan["revision"] + 1
    lab.settle()
    for name, rules in lab.virtual.rules().items():
        told = plan["switches"].get(name, {"flows": {"added": 0, "deleted": 0}})["flows"]
        added = [key for key in rules.keys() - before[name].keys() if key[0] == "flow"]
        deleted = [key for key in before[name].keys() - rules.keys() if key[0] == "flow"]
        assert (told["added"], told["deleted"]) == (len(added), len(deleted)), name


def test_a_plan_is_not_carried_out_when_the_fabric_has_moved_on(lab: Written) -> None:
    lab.settle()
    plan = lab.api.put("segments/web?dry_run=true", {})
    lab.api.put("segments/other", {}, 201)
    status, reason, problem = lab.api.refused("PUT", f"document?plan={plan['id']}")
    assert (status, reason) == (409, "moved_on")
    assert plan["id"] in problem["detail"]
    assert lab.api.refused("PUT", "document?plan=unknown")[1] == "moved_on"
    assert lab.api.refused("PUT", f"document?plan={plan['id']}", {})[:2] == (422, "contradictory")


def test_the_plan_of_what_would_be_refused_says_why(lab: Written) -> None:
    lab.api.put("document", SMALL.encode())
    plan = lab.api.ask("/api/v1/platforms/c2?dry_run=true", "DELETE").json
    assert not plan["accepted"]
    assert {found["resource"] for found in plan["refusals"]} == {"servers/web2", "links/c1.east--c2.west"}
    assert lab.api.refused("PUT", f"document?plan={plan['id']}")[1] == "in_conflict"


# The file


def test_a_reload_whose_rules_would_harm_packets_is_422_and_changes_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api.source.file is not None
    before = api.ask("/api/v1/document").body
    api.source.file.write_text(DOCUMENT.replace("10.1.0.12", "10.1.0.99"))
    found = cycle((Assurance((FAULT,), 1), Assurance((), 1)))  # after the change, and before it
    monkeypatch.setattr("controller.planner.check_change", lambda *_: next(found))
    status, reason, problem = api.refused("POST", "document/reload")
    assert (status, reason, problem["faults"][0]["message"]) == (422, "unsafe", "it does not arrive")
    Reload(api.changes, api.control.alarms).quietly()
    assert [alarm.kind for alarm in api.control.alarms.standing()] == ["document"]
    assert api.ask("/api/v1/document").body == before
    monkeypatch.undo()
    Reload(api.changes, api.control.alarms).quietly()
    assert api.control.alarms.standing() == ()
    assert api.get("/api/v1/servers/web2")["spec"]["ip"] == ["10.1.0.99"]


def test_a_hangup_before_anybody_listens_is_served_when_somebody_does() -> None:
    before = signal.getsignal(signal.SIGHUP)
    try:
        hangups, served = Hangups(), []
        os.kill(os.getpid(), signal.SIGHUP)
        hangups.serve(lambda: served.append(1))
        wait_until(lambda: len(served) == 1, 5, "the hangup was not served", hub.sleep)
        os.kill(os.getpid(), signal.SIGHUP)
        wait_until(lambda: len(served) == 2, 5, "the second hangup was not served", hub.sleep)
    finally:
        signal.signal(signal.SIGHUP, before)
