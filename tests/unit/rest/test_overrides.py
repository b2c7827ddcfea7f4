"""Drained and shut links and platforms over the API, and answers that wait for the switches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ryu.lib import hub

from tests.unit.rest.conftest import Api
from tests.unit.rest.fabrics import EAST_A, EAST_B, SPUR, settle
from tests.unit.rest.written import Written

RING = ("c1.east--c2.west", "c2.east--c3.west", "c1.west--c3.east")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Written]:
    written = Written(tmp_path / "state")
    trunks = {"east": {"port": 20}, "west": {"port": 21}}
    servers = {
        f"s{n}": {"port": 1, "segment": "web", "mac": f"02:00:00:00:00:0{n}", "ip": f"10.1.0.{n}"} for n in (1, 2)
    }
    platforms: dict[str, Any] = {f"c{n}": {"dpid": n, "trunks": trunks} for n in (1, 2, 3)}
    for number, name in enumerate(servers, start=1):
        platforms[f"c{number}"]["servers"] = {name: servers[name]}
    links = [link.split("--") for link in RING]
    written.api.put("document", {"segments": {"web": {}}, "platforms": platforms, "links": links})
    written.settle()
    yield written
    written.state.close()


def status(api: Api, path: str) -> Any:
    return api.get(f"/api/v1/{path}")["status"]


def test_what_nobody_overrides_is_up_and_never_said_to_be_empty(lab: Written) -> None:
    assert lab.api.get(f"/api/v1/links/{RING[0]}/admin") == {"state": "up"}
    for path in (f"links/{RING[0]}", "platforms/c3"):
        found = status(lab.api, path)
        assert (found["admin"], found["empty"], found["in_use_by"]) == ("up", False, [])


def test_a_drained_link_is_empty_when_nothing_goes_over_it_and_the_switches_have_confirmed(lab: Written) -> None:
    path = f"links/{RING[0]}"
    answer = lab.api.put(f"{path}/admin", {"state": "drain"})
    assert (answer["state"], answer["converged"]) == ("drain", False)
    assert answer["revision"] == status(lab.api, "fabric")["revision"]
    found = status(lab.api, path)
    assert (found["state"], found["empty"], found["in_use_by"]) == ("drained", False, ["old_rules"])
    lab.settle()
    assert (status(lab.api, path)["empty"], status(lab.api, path)["in_use_by"]) == (True, ["bypasses"])
    hops = lab.api.get("/api/v1/paths?from=s1&to=s2")["hops"]
    assert [hop["link"] for hop in hops] == [RING[2], RING[1]]
    lab.api.put(f"{path}/admin", {"state": "down"})
    lab.settle()
    assert (status(lab.api, path)["state"], status(lab.api, path)["empty"]) == ("drained", True)
    lab.api.put(f"{path}/admin", {"state": "up"})
    lab.settle()
    assert status(lab.api, path)["state"] == "up"
    assert len(lab.api.get("/api/v1/paths?from=s1&to=s2")["hops"]) == 1


def test_a_drained_platform_is_empty_when_it_has_no_servers_and_nothing_passes_it(lab: Written) -> None:
    lab.api.put(f"links/{RING[0]}/admin", {"state": "down"})
    lab.settle()
    lab.api.put("platforms/c3/admin", {"state": "drain"})
    lab.settle()
    found = status(lab.api, "platforms/c3")
    assert (found["empty"], found["in_use_by"]) == (False, ["paths", "trees"])
    assert status(lab.api, f"links/{RING[1]}")["admin"] == "drain"
    lab.api.put(f"links/{RING[0]}/admin", {"state": "up"})
    lab.settle()
    assert status(lab.api, "platforms/c3")["in_use_by"] == ["bypasses"]
    lab.api.put("platforms/c3/admin", {"state": "down"})
    lab.settle()
    assert status(lab.api, "platforms/c3")["empty"]
    assert "servers" in put_and_settle(lab, "platforms/c1", "drain")["in_use_by"]


def put_and_settle(lab: Written, path: str, state: str) -> Any:
    lab.api.put(f"{path}/admin", {"state": state})
    lab.settle()
    return status(lab.api, path)


def test_what_the_file_owns_can_be_overridden(api: Api) -> None:
    api.put(f"links/{EAST_A}/admin", {"state": "drain"})
    settle(api.control)
    assert status(api, f"links/{EAST_A}")["state"] == "drained"
    assert [hop["link"] for hop in api.get("/api/v1/paths?from=web1&to=web2")["hops"]] == [EAST_B]
    assert [item["name"] for item in api.get("/api/v1/links?state=drained")["items"]] == [EAST_A]


def test_a_link_that_has_no_other_way_is_drained_and_still_used(api: Api) -> None:
    api.put(f"links/{SPUR}/admin", {"state": "drain"})
    settle(api.control)
    assert "paths" in status(api, f"links/{SPUR}")["in_use_by"]
    assert api.get("/api/v1/paths?from=web3&to=web1")["hops"]


def test_an_override_outlives_a_restart_and_its_resource(lab: Written) -> None:
    lab.api.put(f"links/{RING[0]}/admin", {"state": "drain"})
    again = lab.restarted()
    assert again.rows("admin") == {f"links/{RING[0]}": "drain"}
    assert again.api.get(f"/api/v1/links/{RING[0]}/admin") == {"state": "drain"}
    again.api.delete(f"links/{RING[0]}")
    assert again.api.get(f"/api/v1/links/{RING[0]}/admin") == {"state": "drain"}
    again.api.put(f"links/{RING[0]}/admin", {"state": "up"})
    assert again.api.refused("GET", f"links/{RING[0]}/admin")[0] == 404
    again.state.close()


@pytest.mark.parametrize(
    ("path", "body", "status", "reason"),
    [
        ("links/a.b--c.d/admin", {"state": "up"}, 404, "unknown_name"),
        ("platforms/c9/admin", {"state": "up"}, 404, "unknown_name"),
        ("platforms/c1/admin", {"state": "off"}, 422, "invalid_spec"),
        ("platforms/c1/admin", {"state": ["up"]}, 422, "invalid_spec"),
        ("platforms/c1/admin", {}, 422, "invalid_spec"),
        ("platforms/c1/admin", "drain", 422, "invalid_spec"),
    ],
)
def test_a_wrong_override_says_so(lab: Written, path: str, body: Any, status: int, reason: str) -> None:
    assert lab.api.refused("PUT", path, body)[:2] == (status, reason)


def test_if_match_guards_an_override_and_it_is_part_of_what_is_asked_for(lab: Written) -> None:
    path = "platforms/c1"
    tag, own = (lab.api.ask(f"/api/v1/{at}").headers["ETag"] for at in (f"{path}/admin", path))
    lab.api.put(f"{path}/admin", {"state": "drain"}, If_Match=tag)
    assert lab.api.refused("PUT", f"{path}/admin", {"state": "up"}, If_Match=tag)[0] == 412
    spec = lab.api.get(f"/api/v1/{path}")["spec"]
    assert lab.api.refused("PUT", path, spec, If_Match=own)[0] == 412


# Waiting


def test_a_change_that_waits_is_answered_when_the_switches_have_it(lab: Written) -> None:
    with lab.running():
        made = lab.api.put("segments/more?wait=20s", {}, 201)
        assert (made["converged"], made["pending"]) == (True, [])
        moved = {**lab.api.get("/api/v1/servers/s2")["spec"], "port": 2}
        assert lab.api.put("servers/s2?wait=20s", moved)["converged"]
        assert lab.api.put("platforms/c3/admin?wait=20s", {"state": "drain"})["converged"]
        assert lab.api.delete("segments/more?wait=20s")["converged"]
    held = {key for rules in lab.virtual.rules().values() for key in rules}
    assert held == {key for switch in lab.control.reconciler.switches.values() for key in switch.wanted}


def test_a_change_that_switches_do_not_confirm_in_time_is_202_with_what_is_pending(lab: Written) -> None:
    answer = lab.api.put("segments/more?wait=1s", {}, 202)
    assert not answer["converged"]
    assert [pending["platform"] for pending in answer["pending"]] == ["c1", "c2", "c3"]
    assert all(pending["rules"]["missing"] > 0 for pending in answer["pending"])
    assert lab.rows("made")["segments/more"] == {}


def test_others_are_answered_while_one_waits(lab: Written) -> None:
    done: list[str] = []
    waiting = hub.spawn(lambda: done.append(lab.api.put("segments/more?wait=1s", {}, 202)["name"]))
    while "more" not in lab.control.fabric.declared.segments:
        hub.sleep(0)
    assert lab.api.get("/api/v1/segments/more")["origin"] == "api"
    assert done == []
    waiting.wait()
    assert done == ["more"]


@pytest.mark.parametrize("wait", ["0s", "2h", "soon", "-1"])
def test_a_wait_that_makes_no_sense_is_400_and_nothing_is_done(lab: Written, wait: str) -> None:
    for method, path in (("PUT", "segments/more"), ("DELETE", "servers/s1"), ("PUT", "platforms/c1/admin")):
        assert lab.api.refused(method, f"{path}?wait={wait}", {"state": "up"})[:2] == (400, "not_readable")
    assert lab.api.get("/api/v1/servers/s1")["origin"] == "api"
