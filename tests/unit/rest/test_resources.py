"""What a client sees of each kind of resource."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from controller.control import Control
from controller.model.document import parse_document
from controller.model.fabric import Fabric
from tests.unit.rest.conftest import Api, Source
from tests.unit.rest.fabrics import DOCUMENT, EAST_A, SPUR, port

KINDS = ("segments", "platforms", "servers", "links")


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_is_sorted_by_name_and_each_item_is_what_its_own_address_gives(api: Api, kind: str) -> None:
    items = api.get(f"/api/v1/{kind}")["items"]
    names = [item["name"] for item in items]
    assert names
    assert names == sorted(names)
    for item in items:
        assert item.keys() == {"name", "origin", "spec", "status"}
        assert item == api.get(f"/api/v1/{kind}/{item['name']}")


def test_rates_come_out_as_whole_bits_per_second(api: Api) -> None:
    assert api.get("/api/v1/servers/web1")["spec"]["rate"] == 10_000_000_000
    assert api.get(f"/api/v1/links/{EAST_A}")["status"]["rate_bps"] == 1_000_000_000


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("servers?segment=web", ["web1", "web2", "web3"]),
        ("servers?segment=web&platform=chassis1", ["web1"]),
        ("servers?platform=chassis1&platform=chassis2", ["db1", "web1", "web2"]),
        ("servers?state=silent", ["db1"]),
        ("servers?segment=nowhere", []),
        ("platforms?segment=data", ["chassis1"]),
        ("platforms?state=absent", []),
        ("segments?platform=chassis2", ["web"]),
        ("links?platform=remote", [SPUR]),
        ("links?state=down&state=half", []),
    ],
)
def test_a_list_is_filtered_by_what_the_query_says(api: Api, query: str, names: list[str]) -> None:
    assert [item["name"] for item in api.get(f"/api/v1/{query}")["items"]] == names


def test_an_unknown_name_is_404_with_the_one_that_was_probably_meant(api: Api) -> None:
    problem = api.problem("/api/v1/servers/wep1")
    assert (problem["status"], problem["reason"]) == (404, "unknown_name")
    assert problem["detail"] == "there is no server 'wep1'; did you mean 'web1'?"


def test_the_state_follows_what_is_seen(api: Api) -> None:
    api.control.port_changed("chassis1", port("chassis1", 1, up=False))
    assert api.get("/api/v1/servers/web1")["status"]["state"] == "unreachable"
    assert [server["name"] for server in api.get("/api/v1/servers?state=unreachable")["items"]] == ["web1"]


def test_the_fabric_tells_its_revision_and_whether_all_is_well(api: Api) -> None:
    fabric = api.get("/api/v1/fabric")
    assert fabric["name"] == "lab"
    assert fabric["counts"] == {
        "links": 5,
        "platforms": 4,
        "segments": 2,
        "servers": 4,
        "uplinks": 1,
        "reservations": 1,
    }
    assert (fabric["status"]["converged"], fabric["status"]["absent"]) == (True, [])
    api.control.switch_gone("chassis2")
    api.control.alarms.raise_("conflict", "web1", "web1 moved")
    status = api.get("/api/v1/fabric")["status"]
    assert status["absent"] == ["chassis2"]
    assert status["alarms"] == [{"kind": "conflict", "message": "web1 moved", "subject": "web1"}]


# The document


@pytest.mark.parametrize("headers", [{}, {"Accept": "*/*"}, {"Accept": "application/yaml"}])
def test_the_document_is_given_as_yaml_that_reads_back_the_same(api: Api, headers: dict[str, str]) -> None:
    response = api.ask("/api/v1/document", **headers)
    assert (response.content_type, response.headers["Vary"]) == ("application/yaml", "Accept")
    assert parse_document(response.body.decode(), "answer") == api.control.fabric.document


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/api/v1/document", "application/json"),
        ("/api/v1/document?format=json", "*/*"),
        ("/api/v1/document?format=json", "text/html"),
    ],
)
def test_the_document_is_given_as_json_where_that_is_asked_for(api: Api, path: str, accept: str) -> None:
    response = api.ask(path, Accept=accept)
    assert response.content_type == "application/json"
    assert parse_document(response.body.decode(), "answer") == api.control.fabric.document
    assert json.loads(response.body) == yaml.safe_load(api.ask("/api/v1/document").body)


def test_without_a_document_the_one_that_says_the_same_is_given() -> None:
    answer = Api(Control(Fabric()), Source(None)).ask("/api/v1/document").body.decode()
    document = parse_document(answer, "answer")
    assert (document.undeclared.mode, document.undeclared.segment, list(document.segments)) == (
        "learn",
        "default",
        ["default"],
    )


def test_a_reload_takes_the_file_over_and_names_the_new_revision(api: Api) -> None:
    before = api.get("/api/v1/fabric")["status"]["revision"]
    write(api, DOCUMENT.replace("10.1.0.12", "10.1.0.99"))
    response = api.ask("/api/v1/document/reload", "POST")
    assert (response.status_code, response.json["revision"]) == (200, before + 1)
    assert api.get("/api/v1/servers/web2")["spec"]["ip"] == ["10.1.0.99"]


def test_a_reload_of_the_same_document_changes_nothing(api: Api) -> None:
    before = api.get("/api/v1/fabric")["status"]["revision"]
    assert api.ask("/api/v1/document/reload", "POST").json["revision"] == before


def test_a_bad_document_is_422_with_every_problem_and_changes_nothing(api: Api) -> None:
    before = api.ask("/api/v1/document").body
    write(api, DOCUMENT.replace("10.1.0.12", "10.9.0.12").replace("dpid: 2", "dpid: 1"))
    problem = api.problem("/api/v1/document/reload", "POST")
    assert (problem["status"], problem["reason"]) == (422, "invalid_document")
    places = [entry["place"] for entry in problem["problems"]]
    assert any(place.startswith("platforms.chassis2.servers.web2.ip") for place in places)
    assert any(place.startswith("platforms.chassis2.dpid") for place in places)
    assert all(entry["message"] for entry in problem["problems"])
    assert api.ask("/api/v1/document").body == before


@pytest.mark.parametrize("content", [None, b"fabric: \xff\xfe"])
def test_a_file_that_is_gone_or_no_text_is_422(api: Api, content: bytes | None) -> None:
    file = source(api)
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    problem = api.problem("/api/v1/document/reload", "POST")
    assert (problem["status"], len(problem["problems"])) == (422, 1)
    assert "cannot be read" in problem["problems"][0]["message"]


def test_a_reload_without_a_file_is_409() -> None:
    problem = Api(Control(Fabric()), Source(None)).problem("/api/v1/document/reload", "POST")
    assert (problem["status"], problem["reason"]) == (409, "no_file")


def source(api: Api) -> Path:
    assert api.source.file is not None
    return api.source.file


def write(api: Api, text: str) -> None:
    source(api).write_text(text)


# Paths


def test_paths_name_every_hop_its_alternatives_and_its_bypass(api: Api) -> None:
    found = api.get("/api/v1/paths?from=web3&to=web2")
    assert (found["source"], found["target"], found["segment"]) == ("web3", "web2", "web")
    assert [hop["platform"] for hop in found["hops"]] == ["remote", "chassis1"]
    assert len(found["alternatives"]) == 1
    assert found["hops"][0]["bypass"] is None
    assert found["hops"][1]["bypass"]["links"] == [found["alternatives"][0]["hops"][1]["link"]]


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("", 400, "not_readable"),
        ("?from=web1", 400, "not_readable"),
        ("?from=web1&to=", 400, "not_readable"),
        ("?from=web1&to=web2&to=web3", 400, "not_readable"),
        ("?from=web1&to=nobody", 404, "unknown_name"),
        ("?from=web1&to=db1", 422, "other_segment"),
        ("?from=web1&to=web1", 422, "same_server"),
    ],
)
def test_paths_that_cannot_be_told_say_why(api: Api, query: str, status: int, reason: str) -> None:
    problem = api.problem(f"/api/v1/paths{query}")
    assert (problem["status"], problem["reason"]) == (status, reason)


def test_paths_over_links_that_are_down_are_refused_by_the_names_of_the_platforms(api: Api) -> None:
    api.control.port_changed("remote", port("remote", 20, up=False))
    api.control.refresh()
    problem = api.problem("/api/v1/paths?from=web1&to=web3")
    assert (problem["status"], problem["reason"]) == (422, "not_joined")
    assert "chassis1 (web1) to remote (web3)" in problem["detail"]
