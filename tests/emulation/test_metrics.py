"""A real controller, watched by a real Prometheus, and followed by its events."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from lab import Lab

from tests.waiting import wait_until

TEXT = """
fabric: watched
segments:
  web: {subnet: 10.1.0.0/24}
platforms:
  chassis1:
    dpid: 0x51
    servers: {web1: {port: 1, segment: web, ip: 10.1.0.11, mac: "02:00:00:00:01:01"}}
    trunks: {east: {port: 20, rate: 1 Gbit/s}}
  chassis2:
    dpid: 0x52
    servers: {web2: {port: 1, segment: web, ip: 10.1.0.12, mac: "02:00:00:00:02:01"}}
    trunks: {west: {port: 20, rate: 1 Gbit/s}}
links:
  - [chassis1.east, chassis2.west]
"""
LINK = "chassis1.east--chassis2.west"
CONFIG = """
scrape_configs:
  - job_name: backplane
    scrape_interval: 1s
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
IN_TIME_S = 30.0
ANSWER_S = 10.0
PINGS = 20


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(TEXT) as built:
        yield built


class Prometheus:
    """Asks a Prometheus."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1/query"

    def ask(self, query: str) -> dict[tuple[str, ...], float]:
        """The values of now by the labels that the query leaves, sorted by their names; empty while it starts."""
        try:
            answer = requests.get(self._url, params={"query": query}, timeout=ANSWER_S)
        except requests.ConnectionError:
            return {}
        if answer.status_code == 503:
            return {}
        assert answer.status_code == 200, answer.text
        found = answer.json()["data"]["result"]
        return {_labels(one["metric"]): float(one["value"][1]) for one in found}


def _labels(metric: dict[str, str]) -> tuple[str, ...]:
    return tuple(value for name, value in sorted(metric.items()) if name not in ("__name__", "instance", "job"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def watching(lab: Lab, folder: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the lab's controller every second."""
    assert lab.controller
    (folder / "prometheus.yml").write_text(CONFIG.format(port=lab.controller.api_port))
    port = _free_port()
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["prometheus", *options, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log
        )
        try:
            yield Prometheus(port)
        finally:
            process.terminate()
            process.wait(ANSWER_S)


@pytest.fixture(scope="module")
def prometheus(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with watching(lab, tmp_path_factory.mktemp("prometheus")) as asked:
        yield asked


def scrape(lab: Lab) -> str:
    answer = requests.get(f"{lab.fabric_api.base}/metrics", timeout=ANSWER_S)
    assert answer.status_code == 200
    return answer.text


# Metrics


def test_promtool_has_nothing_to_say_of_a_running_fabric(lab: Lab) -> None:
    wait_until(lambda: "backplane_port_receive_bytes_total{" in scrape(lab), IN_TIME_S, "no port was counted")
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=scrape(lab), capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_prometheus_scrapes_the_controller(lab: Lab, prometheus: Prometheus) -> None:
    wait_until(lambda: prometheus.ask("up") == {(): 1.0}, IN_TIME_S, "Prometheus did not scrape")
    assert prometheus.ask("backplane_platform_connected") == {("chassis1",): 1, ("chassis2",): 1}
    assert prometheus.ask('backplane_link_state{state="up"}') == {(LINK, "up"): 1}
    assert prometheus.ask('backplane_rules{state!="proper"} > 0') == {}
    assert prometheus.ask('backplane_packet_ins_total{reason="discovery"} > 0').keys() == {
        ("chassis1", "discovery"),
        ("chassis2", "discovery"),
    }
    for histogram in ("flow_mod_latency", "convergence", "event_loop_stall"):
        assert prometheus.ask(f"sum(backplane_{histogram}_seconds_count) > 0"), histogram


def test_the_traffic_of_a_port_is_what_was_sent(lab: Lab, prometheus: Prometheus) -> None:
    query = 'backplane_port_receive_packets_total{platform="chassis1", port="1"}'
    before = wait_until(lambda: prometheus.ask(query), IN_TIME_S, "the port was not counted")
    assert f"{PINGS} received" in lab.host("web1").cmd(f"ping -c{PINGS} -i0.01 -s1000 10.1.0.12")
    at = ("chassis1", "1")
    counted = wait_until(
        lambda: (now := prometheus.ask(query).get(at, 0) - before[at]) >= PINGS and now, IN_TIME_S, "no ping counted"
    )
    assert counted < PINGS + 50


def test_the_questions_of_the_page_have_answers(lab: Lab, prometheus: Prometheus) -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    load, reserved, alerts = re.findall(r"```promql\n(.*?)```", page, re.DOTALL)
    asked = wait_until(lambda: prometheus.ask(load), IN_TIME_S, "the load of the link was not known")
    assert asked.keys() == {(LINK, "chassis1", "20"), (LINK, "chassis2", "20")}
    for question in re.split(r"\n(?=\S)", reserved.strip()):
        assert prometheus.ask(question) == {}, question  # nothing is reserved here
    for alert in alerts.splitlines():
        if "stall" not in alert:  # how busy the machine is, is not ours to say
            assert prometheus.ask(alert) == {}, alert


# Events


class Follower:
    """Reads a stream of events."""

    def __init__(self, lab: Lab, **headers: str) -> None:
        url = f"{lab.fabric_api.base}/api/v1/events"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        asked = {"Accept": "text/event-stream", **named}
        self.answer = requests.get(url, headers=asked, stream=True, timeout=IN_TIME_S)
        assert self.answer.status_code == 200
        self._lines = self.answer.iter_lines(chunk_size=1, decode_unicode=True)
        next(self._lines)

    def next(self) -> tuple[str, Any]:
        """The next event's kind and data."""
        kind = next(line for line in self._lines if line.startswith("event: ")).removeprefix("event: ")
        data = next(line for line in self._lines if line.startswith("data: ")).removeprefix("data: ")
        return kind, json.loads(data)

    def until(self, *wanted: str) -> list[Any]:
        """All up to the event of this kind, name and what."""
        seen = []
        while not seen or (seen[-1]["kind"], seen[-1]["name"], seen[-1]["what"]) != wanted:
            kind, data = self.next()
            assert kind == data["kind"]
            seen.append(data)
        return seen


def test_a_cut_and_mended_link_is_told_while_it_happens(lab: Lab) -> None:
    follower = Follower(lab)
    lab.set_link(LINK, up=False)
    down = follower.until("link", LINK, "down")
    told = {event["what"] for event in down if event["kind"] == "port"}
    assert told & {"down", "unheard"}, told  # whichever the switch notices first: no carrier, or no BFD
    lab.set_link(LINK, up=True)
    up = follower.until("link", LINK, "up")
    ids = [event["id"] for event in (*down, *up)]
    assert ids == sorted(set(ids))
    again = Follower(lab, Last_Event_ID=str(down[-1]["id"]))
    assert [again.next()[1]["id"] for _ in up] == [event["id"] for event in up]


def test_after_a_restart_a_follower_is_told_to_begin_anew_and_ids_go_on(lab: Lab) -> None:
    last = lab.api("/events?follow=false")["last"]
    lab.kill_controller()
    lab.start_controller()
    lab.wait_converged()
    follower = Follower(lab, Last_Event_ID=str(last))
    kind, reset = follower.next()
    assert (kind, reset["lost_after"]) == ("reset", last)
    assert all(event["id"] > last for event in follower.until("platform", "chassis1", "connected"))
