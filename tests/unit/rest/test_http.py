"""How the API speaks HTTP: every wrong request has its status and a problem that says what is wrong."""

from __future__ import annotations

import json
import logging

import pytest
from webob import Request

from apps.rest.http import MAX_BODY_BYTES, Router
from apps.rest.probes import probe_routes
from tests.unit.rest.conftest import Api


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v1", "/api/v1/", "/api/v1/servers/", "//", "/api/v1/servers/a/b", "/%0a"]
)
def test_an_unknown_path_is_404(api: Api, path: str) -> None:
    problem = api.problem(path)
    assert (problem["status"], problem["reason"]) == (404, "unknown_path")


def test_an_unknown_path_is_answered_with_the_one_that_was_probably_meant(api: Api) -> None:
    assert "did you mean '/api/v1/servers'?" in api.problem("/api/v1/server")["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/v1/servers", "GET, HEAD"),
        ("POST", "/api/v1/servers/web1", "DELETE, GET, HEAD, PUT"),
        ("DELETE", "/api/v1/links/a.b--c.d/admin", "GET, HEAD, PUT"),
        ("GET", "/api/v1/document/reload", "POST"),
        ("HEAD", "/api/v1/document/reload", "POST"),
        ("PATCH", "/healthz", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_405_and_tells_the_right_ones(api: Api, method: str, path: str, allowed: str) -> None:
    response = api.ask(path, method)
    assert (response.status_code, response.headers["Allow"]) == (405, allowed)
    assert response.content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("servers?segmnet=web", "unknown query parameter 'segmnet': expected state, platform, segment"),
        ("servers?state=asleep", "expected one of present, silent, unreachable, conflict, inactive"),
        ("links?state=present", "expected one of up, down, half, miswired, drained, inactive"),
        ("servers/web1?x=1", "unknown query parameter 'x': expected none"),
        ("document?format=xml", "expected one of yaml, json"),
    ],
)
def test_a_query_that_makes_no_sense_is_400_and_says_what_was_expected(api: Api, query: str, said: str) -> None:
    problem = api.problem(f"/api/v1/{query}")
    assert (problem["status"], problem["reason"]) == (400, "not_readable")
    assert said in problem["detail"]


@pytest.mark.parametrize("path", ["/%ff", "/api/v1/servers?segment=%ff"])
def test_bytes_that_are_no_text_are_400(api: Api, path: str) -> None:
    assert api.problem(path)["status"] == 400


@pytest.mark.parametrize(
    ("path", "accept"), [("/api/v1/servers", "text/html"), ("/api/v1/document", "image/png, text/plain;q=0.5")]
)
def test_an_accept_that_cannot_be_met_is_406(api: Api, path: str, accept: str) -> None:
    problem = api.problem(path, Accept=accept)
    assert (problem["status"], problem["reason"]) == (406, "not_acceptable")


@pytest.mark.parametrize("accept", ["*/*", "application/*", "application/json;q=0.1", "not a media type"])
def test_an_accept_that_can_be_met_is_met(api: Api, accept: str) -> None:
    assert api.ask("/api/v1/servers", Accept=accept).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Length": str(MAX_BODY_BYTES + 1)}, 413),
        ({"Content_Length": "many"}, 400),
        ({"Transfer_Encoding": "chunked"}, 411),
    ],
)
def test_a_body_must_be_announced_and_not_too_large(api: Api, headers: dict[str, str], status: int) -> None:
    assert api.problem("/api/v1/document/reload", "POST", **headers)["status"] == status


def test_head_is_get_without_the_body(api: Api) -> None:
    head, get = api.ask("/api/v1/servers", "HEAD"), api.ask("/api/v1/servers")
    assert (head.status_code, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(get.body))
    assert head.headers["ETag"] == get.headers["ETag"]


def test_what_a_client_has_already_is_304_until_it_changes(api: Api) -> None:
    tag = api.ask("/api/v1/fabric").headers["ETag"]
    again = api.ask("/api/v1/fabric", If_None_Match=tag)
    assert (again.status_code, again.body, again.headers["ETag"]) == (304, b"", tag)
    api.control.alarms.raise_("conflict", "web1", "web1 moved")
    changed = api.ask("/api/v1/fabric", If_None_Match=tag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


def test_an_error_of_ours_is_500_logged_and_not_shown(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(api.control, "reconciler")
    with caplog.at_level(logging.ERROR):
        response = api.ask("/api/v1/platforms")
    assert (response.status_code, response.content_type) == (500, "application/problem+json")
    assert b"reconciler" not in response.body
    assert b"Traceback" not in response.body
    assert "reconciler" in caplog.text


# Probes


def probes(*reasons: str) -> Router:
    return Router(tuple(probe_routes(lambda: reasons)))


def test_a_controller_that_answers_is_alive_though_not_ready() -> None:
    assert probes("no switch can connect")(Request.blank("/healthz")).status_code == 200


def test_a_controller_that_is_not_ready_says_why() -> None:
    response = probes("one", "two")(Request.blank("/readyz"))
    assert response.status_code == 503
    assert json.loads(response.body)["reasons"] == ["one", "two"]


def test_a_controller_is_ready_when_nothing_is_in_the_way() -> None:
    assert probes()(Request.blank("/readyz")).status_code == 200
