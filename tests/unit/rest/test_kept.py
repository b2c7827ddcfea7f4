"""What was answered is kept: over restarts and crashes, and beside a file that has changed since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.rest.test_edits import C1, C2, LINK, MADE, WEB1
from tests.unit.rest.written import Written

FILE = """
segments: {web: {subnet: 10.1.0.0/24}}
platforms:
  c1: {dpid: 1, trunks: {east: {port: 20}, west: {port: 21}}}
  c2: {dpid: 2, trunks: {east: {port: 20}, west: {port: 21}}}
"""


def make(lab: Written) -> None:
    for path, spec in MADE.items():
        lab.api.put(path, spec, 200 if path.startswith("platforms") else 201)


def document(lab: Written) -> bytes:
    return bytes(lab.api.ask("/api/v1/document").body)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lab.yaml"
    path.write_text(FILE)
    return path


def test_what_was_answered_is_there_after_a_crash_at_that_moment(tmp_path: Path) -> None:
    lab = Written(tmp_path / "state")
    make(lab)
    lab.api.put(f"links/{LINK}/admin", {"state": "drain"})
    revision = lab.api.delete("servers/web1")["revision"]
    before = document(lab)
    again = lab.crashed(tmp_path / "crashed")
    assert document(again) == before
    assert again.api.get(f"/api/v1/links/{LINK}")["status"]["admin"] == "drain"
    assert again.api.get("/api/v1/fabric")["status"]["revision"] == revision
    again.state.close()


def test_a_restart_finds_everything_and_sends_the_switches_nothing(tmp_path: Path) -> None:
    lab = Written(tmp_path / "state")
    make(lab)
    lab.settle()
    before, written = document(lab), [switch.written for switch in lab.virtual.switches.values()]
    again = lab.restarted()
    assert document(again) == before
    assert [switch.written for switch in again.virtual.switches.values()] == written
    again.state.close()


def test_what_cannot_be_written_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Written(tmp_path / "state")
    lab.api.put("segments/web", {}, 201)
    lab.settle()
    before, rows = document(lab), lab.rows("made")
    monkeypatch.setattr("apps.state._WRITTEN_WITHIN_S", 0.05)
    monkeypatch.setattr("apps.store._commit", fail)
    for method, path, body in (
        ("PUT", "segments/more", {}),
        ("PUT", "segments/web", {"subnet": "10.1.0.0/24"}),
        ("DELETE", "segments/web", None),
        ("PUT", "platforms/c1/admin", {"state": "down"}),
    ):
        assert lab.api.refused(method, path, body)[:2] == (503, "not_written")
        assert document(lab) == before
    monkeypatch.undo()
    revision = lab.api.put("segments/last", {}, 201)["revision"]
    assert set(lab.rows("made")) == {*rows, "segments/last"}
    assert lab.rows("fabric")["revision"] == revision
    lab.state.close()


def fail(*_: Any) -> None:
    raise OSError("no space left on device")


def test_too_many_changes_at_a_time_are_429(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Written(tmp_path / "state")
    monkeypatch.setattr("apps.changes.MOST_WAITING", 0)
    assert lab.api.refused("PUT", "segments/web", {})[:2] == (429, "too_busy")
    assert lab.api.ask("/api/v1/segments/web", "PUT", {}).headers["Retry-After"] == "1"
    lab.state.close()


# Beside a file


def test_the_file_and_the_api_make_one_fabric_and_each_keeps_its_own(tmp_path: Path, file: Path) -> None:
    lab = Written(tmp_path / "state", file)
    lab.api.put("servers/web1", WEB1, 201)
    lab.api.put(f"links/{LINK}", {"ends": ["c1.east", "c2.west"]}, 201)
    origins = {item["name"]: item["origin"] for kind in ("platforms", "servers", "links") for item in items(lab, kind)}
    assert origins == {"c1": "file", "c2": "file", "web1": "api", LINK: "api"}
    assert lab.api.get("/api/v1/fabric")["origin"] == "file"
    again = lab.restarted()
    assert document(again) == document(lab)
    again.state.close()


def items(lab: Written, kind: str) -> list[Any]:
    return list(lab.api.get(f"/api/v1/{kind}")["items"])


@pytest.mark.parametrize("restart", [False, True])
def test_what_a_new_file_does_not_go_with_is_inactive(tmp_path: Path, file: Path, restart: bool) -> None:
    lab = Written(tmp_path / "state", file)
    lab.api.put("servers/web1", WEB1, 201)
    lab.api.put(f"links/{LINK}", {"ends": ["c1.east", "c2.west"]}, 201)
    file.write_text(FILE.replace("c1: {dpid: 1", "x1: {dpid: 11"))
    lab = take_file(lab, restart)
    server = lab.api.get("/api/v1/servers/web1")
    assert (server["origin"], server["status"]["state"]) == ("api", "inactive")
    assert server["spec"]["mac"] == WEB1["mac"]
    assert server["status"]["reasons"] == ["platform: there is no platform 'c1'"]
    assert [alarm["kind"] for alarm in server["status"]["alarms"]] == ["inactive"]
    assert [item["name"] for item in items(lab, "links?state=inactive&platform=c1")] == [LINK]
    lab.api.delete(f"links/{LINK}")
    file.write_text(FILE)
    lab = take_file(lab, restart)
    assert lab.api.get("/api/v1/servers/web1")["status"]["state"] != "inactive"
    assert items(lab, "links") == []
    lab.state.close()


def take_file(lab: Written, restart: bool) -> Written:
    if restart:
        return lab.restarted()
    lab.api.ask("/api/v1/document/reload", "POST")
    return lab


@pytest.mark.parametrize("kind", ["segments", "platforms", "servers", "links"])
def test_every_kind_can_be_inactive_replaced_and_deleted(tmp_path: Path, file: Path, kind: str) -> None:
    specs: dict[str, Any] = {
        "segments/more": {"subnet": "10.7.0.0/24", "gateway": "10.7.0.1"},
        "platforms/c9": {"dpid": 9},
        "servers/web1": WEB1,
        f"links/{LINK}": {"ends": ["c1.east", "c2.west"]},
    }
    lab = Written(tmp_path / "state", file)
    for path, spec in specs.items():
        lab.api.put(path, spec, 201)
    text = FILE.replace("web: {subnet: 10.1.0.0/24}", "mine: {subnet: 10.7.0.0/25, gateway: 10.7.0.2}")
    file.write_text(text.replace("c1: {dpid: 1", "x1: {dpid: 11").replace("c2: {dpid: 2", "x2: {dpid: 9"))
    lab = lab.restarted()
    path = next(path for path in specs if path.startswith(kind))
    found = lab.api.get(f"/api/v1/{path}")
    assert (found["origin"], found["status"]["state"]) == ("api", "inactive")
    assert lab.api.refused("PUT", path, {**found["spec"], **changed(kind)})[1] == "invalid_spec"
    lab.api.delete(path)
    assert lab.api.refused("GET", path)[0] == 404
    lab.state.close()


def changed(kind: str) -> dict[str, Any]:
    return {
        "segments": {"subnet": ["10.7.0.0/23"]},
        "platforms": {"ovsdb": "tcp:127.0.0.1:6640"},
        "servers": {"storm": 5},
        "links": {"cost": 5},
    }[kind]


def test_a_name_that_the_file_has_too_is_the_files_and_the_apis_copy_can_be_taken_away(
    tmp_path: Path, file: Path
) -> None:
    lab = Written(tmp_path / "state", file)
    lab.api.put("segments/more", {"subnet": "10.7.0.0/24"}, 201)
    file.write_text(FILE.replace("segments: {", "segments: {more: {subnet: 10.8.0.0/24}, "))
    lab = lab.restarted()
    found = lab.api.get("/api/v1/segments/more")
    assert (found["origin"], found["spec"]["subnet"]) == ("file", ["10.8.0.0/24"])
    assert [alarm["kind"] for alarm in found["status"]["alarms"]] == ["inactive"]
    assert lab.api.refused("PUT", "segments/more", {})[1] == "file_owns"
    lab.api.delete("segments/more")
    assert lab.api.get("/api/v1/segments/more")["status"]["alarms"] == []
    assert lab.api.refused("DELETE", "segments/more")[1] == "file_owns"
    lab.state.close()


def test_platforms_of_the_api_stay_when_the_file_says_more(tmp_path: Path, file: Path) -> None:
    lab = Written(tmp_path / "state")
    lab.api.put("document", {"platforms": {"c1": C1, "c3": {"dpid": 3}}, "fabric": "old"})
    lab.state.close()
    lab = Written(tmp_path / "state", file, lab.virtual)
    assert lab.api.get("/api/v1/fabric")["name"] == "fabric"
    assert lab.api.get("/api/v1/fabric")["status"]["alarms"][0]["subject"] == "platforms/c1"
    assert {item["name"]: item["origin"] for item in items(lab, "platforms")} == {
        "c1": "file",
        "c2": "file",
        "c3": "api",
    }
    assert lab.api.get("/api/v1/platforms/c2")["spec"]["dpid"] == C2["dpid"]
    lab.state.close()
