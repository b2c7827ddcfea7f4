"""POST /trace: what may be asked of it, how it is answered, and how it is compared with real bridges."""

from __future__ import annotations

import json
from typing import Any

import pytest
from webob import Request, Response

from apps.ovs_trace import NoAnswer, Ovs, check_trace
from controller.trace import read_question, trace
from tests.unit.rest.conftest import Api
from tests.unit.rest.fabrics import running_fabric


def post(api: Api, body: Any, query: str = "") -> Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request.blank(f"/api/v1/trace{query}", method="POST", body=data)
    request.headers["Content-Type"] = "application/json"
    return request.get_response(api.app)


def answer(api: Api, body: Any, query: str = "") -> Any:
    response = post(api, body, query)
    assert response.status_code == 200, response.text
    return json.loads(response.body)


def problem(api: Api, body: Any) -> Any:
    response = post(api, body)
    assert response.content_type == "application/problem+json"
    return json.loads(response.body)


def test_a_packet_is_followed_and_each_rule_is_given_its_line(api: Api) -> None:
    found = answer(api, {"from": "web1", "to": "web2", "protocol": "tcp", "dst_port": 80})
    assert (found["verdict"], found["reason"], found["check"]) == ("delivered", None, None)
    assert found["deliveries"][0]["servers"] == ["web2"]
    owner = found["visits"][0]["steps"][0]["owner"]
    assert api.source.file is not None
    row = next(n for n, text in enumerate(api.source.file.read_text().splitlines(), 1) if "web1:" in text)
    assert owner == {"kind": "server", "name": "web1", "place": "platforms.chassis1.servers.web1", "line": row}


def test_lines_are_those_of_the_file_as_it_is_now(api: Api) -> None:
    def line() -> int:
        found = answer(api, {"from": "web1", "to": "web2"})
        return int(found["visits"][0]["steps"][0]["owner"]["line"])

    before = line()
    assert api.source.file is not None
    api.source.file.write_text(f"# one more line\n{api.source.file.read_text()}")
    assert line() == before + 1


def test_without_a_file_there_are_no_lines(api: Api) -> None:
    api.source.file = None
    found = answer(api, {"from": "web1", "to": "web2"})
    assert found["visits"][0]["steps"][0]["owner"]["line"] is None


def test_a_packet_that_is_dropped_is_an_answer_too(api: Api) -> None:
    found = answer(api, {"from": "web1", "to": "db1", "protocol": "arp"})
    assert (found["verdict"], found["reason"]) == ("dropped", "other_segment")
    assert "segments are closed to each other" in found["message"]


def test_a_bad_question_is_422_with_every_place(api: Api) -> None:
    found = problem(api, {"from": "web1", "to": "web2", "protocol": "tpc", "dst_port": -1})
    assert (found["status"], found["reason"]) == (422, "invalid_question")
    assert [one["place"] for one in found["problems"]] == ["protocol", "dst_port"]
    assert "did you mean 'tcp'?" in found["problems"][0]["message"]


def test_an_unknown_server_is_404(api: Api) -> None:
    found = problem(api, {"from": "wep1", "to": "web2"})
    assert (found["status"], found["reason"]) == (404, "unknown_name")
    assert "did you mean 'web1'?" in found["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 50_000])
def test_a_body_that_is_no_json_is_400(api: Api, body: bytes) -> None:
    assert (problem(api, body)["status"], problem(api, body)["reason"]) == (400, "not_readable")


def test_a_question_that_is_too_long_is_413(api: Api) -> None:
    assert problem(api, b" " * 70_000)["status"] == 413


# Compared with bridges


def test_a_bridge_that_is_not_on_this_machine_is_not_compared(api: Api) -> None:
    found = answer(api, {"from": "web1", "to": "web2"}, "?check=ovs")
    assert found["verdict"] == "delivered"
    assert found["check"]["result"] == "not_available"
    assert {hop["result"] for hop in found["check"]["hops"]} == {"not_available"}
    assert all(hop["detail"] for hop in found["check"]["hops"])


SHOWN = "dummy@ovs-dummy: hit:0 missed:0\n  chassis1:\n    chassis1 65534/100: (dummy)\n    p1 1/1: (dummy)\n"


def compared(actions: str, dpid: int = 1) -> Any:
    """What is said of a broadcast from web1 when a bridge called chassis1 does these actions."""
    control = running_fabric()
    traced = trace(control, read_question({"from": "web1", "to": "ff:ff:ff:ff:ff:ff"}))
    replies = {"dpif/show": SHOWN + "    p20 20/7: (dummy)\n", "ofproto/trace": f"Datapath actions: {actions}\n"}
    dpids = {"chassis1": dpid}
    return check_trace(control, traced, Ovs(lambda method, *_: replies[method], dpids.get)).hops[0]


def test_a_bridge_that_does_something_else_differs() -> None:
    hop = compared("1")
    assert (hop.platform, hop.result, hop.found) == ("chassis1", "differs", ("port 1",))
    assert hop.expected != hop.found


def test_a_bridge_with_another_dpid_is_another_bridge() -> None:
    hop = compared("1", dpid=99)
    assert (hop.result, hop.found) == ("not_available", ())
    assert "no bridge chassis1 with that dpid" in hop.detail


def test_actions_that_are_not_known_are_no_difference() -> None:
    hop = compared("teleport(3)")
    assert hop.result == "not_available"
    assert "teleport" in hop.detail


def test_a_tool_that_fails_is_no_difference() -> None:
    def fails(*_: str) -> str:
        raise NoAnswer("ovs-appctl is not installed here")

    control = running_fabric()
    traced = trace(control, read_question({"from": "web1", "to": "web2"}))
    found = check_trace(control, traced, Ovs(fails, {"chassis1": 1, "chassis2": 2}.get))
    assert found.result == "not_available"
    assert {hop.detail for hop in found.hops} == {"ovs-appctl is not installed here"}
