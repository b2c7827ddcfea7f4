"""Changes over the API of a real controller: they reach real switches, and what was answered outlives its death."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from lab import Lab

from controller.model.document import DocumentError
from controller.model.spec import ServerSpec
from tests.waiting import wait_until

DOCUMENT = """
fabric: apichanges
segments: {web: {subnet: 10.1.0.0/24}}
platforms:
  ac1:
    dpid: 0xac01
    servers: {web1: {port: 1, segment: web, ip: 10.1.0.11, mac: "02:00:00:ac:01:01"}}
    trunks: {east: {port: 20}}
  ac2:
    dpid: 0xac02
    servers: {web2: {port: 1, segment: web, ip: 10.1.0.12, mac: "02:00:00:ac:02:01"}}
    trunks: {west: {port: 20}}
links: [[ac1.east, ac2.west]]
"""
LINK = "ac1.east--ac2.west"
NEW = {"platform": "ac2", "port": 2, "segment": "web", "ip": "10.1.0.13", "mac": "02:00:00:ac:02:02"}
DEATHS = 5


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(DOCUMENT) as lab:
        yield lab


def ask(lab: Lab, method: str, path: str, body: Any = None) -> requests.Response:
    return requests.request(method, f"{lab.fabric_api.base}/api/v1/{path}", json=body, timeout=30)


def reaches(lab: Lab, source: str, address: str) -> bool:
    return "1 received" in lab.host(source).cmd(f"ping -c1 -W1 {address}")


def test_a_server_that_is_put_is_reached_when_the_answer_comes_and_not_any_more_when_it_is_deleted(lab: Lab) -> None:
    lab.add_server("web3", ServerSpec.model_validate(NEW))
    assert not reaches(lab, "web1", NEW["ip"])
    answer = ask(lab, "PUT", "servers/web3?wait=20s", NEW)
    assert (answer.status_code, answer.json()["converged"]) == (201, True), answer.text
    assert reaches(lab, "web1", NEW["ip"])
    lab.kill_controller()
    lab.start_controller()
    lab.wait_converged()
    assert ask(lab, "GET", "servers/web3").json()["origin"] == "api"
    assert ask(lab, "DELETE", "servers/web3?wait=20s").status_code == 200
    assert not reaches(lab, "web1", NEW["ip"])


def test_a_link_that_is_shut_carries_nothing_until_it_is_opened(lab: Lab) -> None:
    assert ask(lab, "PUT", f"links/{LINK}/admin?wait=20s", {"state": "down"}).status_code == 200
    assert not reaches(lab, "web1", "10.1.0.12")
    assert ask(lab, "GET", f"links/{LINK}").json()["status"]["empty"]
    assert ask(lab, "PUT", f"links/{LINK}/admin?wait=20s", {"state": "up"}).status_code == 200
    wait_until(lambda: reaches(lab, "web1", "10.1.0.12"), 10, "the link does not carry again")


def test_what_was_answered_before_a_sudden_death_is_there_after_it(lab: Lab) -> None:
    chance, made, revisions = random.Random(1), set(), [0]
    for death in range(DEATHS):
        putting = threading.Thread(target=put_until_dead, args=(lab, f"d{death}", made, revisions))
        putting.start()
        putting.join(chance.uniform(0.3, 1.5))
        lab.kill_controller()
        putting.join()
        lab.start_controller()
        fabric = lab.wait_converged()
        there = {item["name"] for item in ask(lab, "GET", "segments").json()["items"]}
        assert made <= there
        assert fabric["status"]["revision"] >= revisions[-1]
    assert len(made) > DEATHS
    assert len(set(revisions)) == len(revisions), "a revision stands for two changes"


def put_until_dead(lab: Lab, prefix: str, made: set[str], revisions: list[int]) -> None:
    number = 0
    while True:
        name = f"{prefix}-{number}"
        try:
            answer = ask(lab, "PUT", f"segments/{name}", {})
        except requests.RequestException:
            return
        assert answer.status_code == 201, answer.text
        made.add(name)
        revisions.append(answer.json()["revision"])
        number += 1


def test_a_hangup_has_the_file_read_and_a_bad_one_is_an_alarm(lab: Lab) -> None:
    with pytest.raises(DocumentError):
        lab.rewrite(DOCUMENT.replace("10.1.0.12", "10.9.0.12"))
    wait_until(lambda: alarms(lab, "document"), 10, "no alarm tells of the bad document")
    lab.rewrite(DOCUMENT.replace("10.1.0.12", "10.1.0.99"))
    wait_until(lambda: not alarms(lab, "document"), 10, "the alarm of the document stays")
    assert ask(lab, "GET", "servers/web2").json()["spec"]["ip"] == ["10.1.0.99"]


def alarms(lab: Lab, kind: str) -> list[Any]:
    return [alarm for alarm in lab.api("/fabric")["status"]["alarms"] if alarm["kind"] == kind]
