"""The description of the API is valid, complete, and true: answers and what is taken are as it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from apps.metrics import Metrics
from apps.rest.guard.settings import ApiSettings, Guard
from apps.rest.problems import Reason
from apps.rest.server import build_router
from controller.views.kinds import KINDS
from tests.unit.rest.conftest import Api
from tests.unit.rest.described import described
from tests.unit.rest.guard.conftest import Guarded, write_tokens

INPUT = "#/components/schemas/{}-Input"


def test_the_description_is_a_valid_one(api: Api) -> None:
    errors = list(OpenAPIV31SpecValidator(api.get("/openapi.json")).iter_errors())
    assert errors == []


def test_every_route_is_described_with_all_its_reasons(api: Api) -> None:
    paths = api.get("/openapi.json")["paths"]
    assert len(api.router.routes) == sum(len(verbs) for verbs in paths.values())
    for route in api.router.routes:
        operation = paths[route.path][route.method.lower()]
        about = " ".join(answer["description"] for answer in operation["responses"].values())
        assert {reason.word for reason in route.all_reasons} <= set(re.findall(r"\w+", about)), route.path
        assert {str(status) for status in route.answers} <= operation["responses"].keys(), route.path
        assert route.answers, f"{route.method} {route.path} does not say what it answers"
        assert (route.body is not None) == ("requestBody" in operation)


def test_operations_have_names_of_their_own(api: Api) -> None:
    verbs = [operation for verbs in api.get("/openapi.json")["paths"].values() for operation in verbs.values()]
    names = [operation["operationId"] for operation in verbs]
    assert len(names) == len(set(names))


def test_models_have_plain_names(api: Api) -> None:
    schemas = api.get("/openapi.json")["components"]["schemas"]
    for kind in KINDS:
        name = kind.name.capitalize()
        assert {name, f"{name}Listing", f"Changed{name}", f"{name}Spec-Input"} <= schemas.keys()
    assert all(re.fullmatch(r"[A-Za-z]+(-Input)?", name) for name in schemas)


def test_states_are_closed_lists(api: Api) -> None:
    schemas = api.get("/openapi.json")["components"]["schemas"]
    for kind in KINDS:
        assert schemas[f"{kind.name.capitalize()}Status"]["properties"]["state"]["enum"] == list(kind.states)


def test_tokens_are_described_where_they_are_needed(api: Api, tmp_path: Path) -> None:
    file, _ = write_tokens(tmp_path, reader="read")
    guard = Guard(ApiSettings(tokens=str(file)))
    router = build_router(api.views, Metrics(api.control), with_tokens=guard.has_tokens)
    guarded = Guarded(api, guard)
    guarded.gate = guard.gate(router, lambda: 0)
    document = guarded.ask("/openapi.json").json
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert document["paths"]["/api/v1/servers"]["get"]["security"] == [{"token": []}]
    assert document["paths"]["/healthz"]["get"]["security"] == []
    assert "securitySchemes" not in api.get("/openapi.json")["components"]


def test_the_page_needs_nothing_from_elsewhere(api: Api) -> None:
    page = api.ask("/docs", Accept="text/html,*/*;q=0.8")
    assert page.content_type == "text/html"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert re.findall(r"""(?:src|href)=["'](?!#)|https?://|url\(|@import""", page.text) == []
    assert "/openapi.json" in page.text


SPECS: list[tuple[str, Any, bool]] = [
    ("ServerSpec", {"platform": "a", "port": 1, "segment": "web"}, True),
    ("ServerSpec", {"platform": "a", "port": 1, "segment": "web", "ip": "10.0.0.1", "rate": "1.5 Gbit/s"}, True),
    ("ServerSpec", {"platform": "a", "port": 1, "segment": "web", "ip": ["10.0.0.1", "fd00::1"], "mac": None}, True),
    ("ServerSpec", {"platform": "a", "port": 1, "segment": "web", "mac": "02-00-00-00-00-0A"}, True),
    ("ServerSpec", {"platform": "a", "port": 1, "segment": "web", "rate": "fast"}, False),
    ("ServerSpec", {"platform": "a", "port": 0, "segment": "web"}, False),
    ("ServerSpec", {"platform": "A", "port": 1, "segment": "web"}, False),
    ("ServerSpec", {"platform": "a", "port": 1, "segment": "web", "colour": "red"}, False),
    ("ServerSpec", {"platform": "a", "port": 1}, False),
    ("SegmentSpec", {}, True),
    ("SegmentSpec", {"subnet": "10.3.0.0/24", "gateway": None}, True),
    ("SegmentSpec", {"subnet": 10}, False),
    ("PlatformSpec", {"dpid": "0x1f", "undeclared": "learn"}, True),
    ("PlatformSpec", {"dpid": 5, "undeclared": {"mode": "learn", "segment": "web", "age": "5 min"}}, True),
    ("PlatformSpec", {"dpid": 5, "trunks": {"east": {"port": 20, "rate": None}}}, True),
    ("PlatformSpec", {"dpid": 5, "trunks": {"east": 20}}, False),
    ("PlatformSpec", {"dpid": -5}, False),
    ("LinkSpec", ["a.east", "b.west"], True),
    ("LinkSpec", {"ends": ["a.east", "b.west"], "cost": None}, True),
    ("LinkSpec", {"ends": ["a.east"]}, False),
    ("ReservationSpec", {"from": "a", "to": "b", "rate": "10 Mbit/s"}, True),
    ("ReservationSpec", {"from": "a", "to": "b", "rate": 10_000_000, "lease": "1 h", "burst": "64 kB"}, True),
    ("ReservationSpec", {"from": "a", "to": "b", "rate": "10 Mbit/s", "match": {"ip_proto": "tcp", "dscp": 46}}, True),
    ("ReservationSpec", {"source": "a", "target": "b", "rate": "10 Mbit/s"}, False),
    ("ReservationSpec", {"from": "a", "to": "b"}, False),
    ("ReservationSpec", {"from": "a", "to": "b", "rate": "10 Mbit/s", "priority": 8}, False),
    ("UplinkSpec", {"platform": "a", "port": 9, "segment": "web", "rate": None}, True),
    ("UplinkSpec", {"platform": "a", "segment": "web"}, False),
    ("Override", {"state": "drain"}, True),
    ("Override", {"state": "off"}, False),
]


@pytest.mark.parametrize(("model", "value", "good"), SPECS, ids=repr)
def test_what_is_taken_is_described_as_people_write_it(api: Api, model: str, value: Any, good: bool) -> None:
    assert described(api.router).fits({"$ref": INPUT.format(model)}, value) == good


def test_specs_that_get_shows_are_described_as_what_put_takes(api: Api) -> None:
    for kind in KINDS:
        schema = {"$ref": INPUT.format(kind.spec.__name__)}
        items = api.get(f"/api/v1/{kind.plural}")["items"]
        assert items
        assert all(described(api.router).fits(schema, item["spec"]) for item in items)


def test_every_problem_of_the_list_is_in_the_description(api: Api) -> None:
    problem = api.get("/openapi.json")["components"]["schemas"]["Problem"]
    assert set(problem["properties"]["reason"]["enum"]) == {reason.word for reason in Reason}


def test_an_answer_that_is_not_described_is_found(api: Api) -> None:
    with pytest.raises(AssertionError, match="is not as described"):
        described(api.router).check("GET", "/api/v1/servers/web1", 200, "application/json", b'{"name": "web1"}')
    with pytest.raises(AssertionError, match="418 is not described"):
        described(api.router).check("GET", "/api/v1/servers/web1", 418, "application/json", b"{}")
