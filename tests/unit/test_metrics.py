"""What is measured, as Prometheus reads it."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import eventlet
import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from webob import Request

from apps import metrics as written
from apps.metrics import Metrics
from apps.rest.http import Router
from apps.rest.metrics import metrics_route
from controller.compile.reservations import end_key, reservation_meter
from controller.control import Control
from controller.rules.rules import Counted, Installed, PortStats
from controller.rules.tables import MeterKind, Reason, meter_number
from tests.unit.rest.fabrics import EAST_A, SPUR, declared_fabric, port, running_fabric, settle
from tests.waiting import wait_until

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
SUFFIXES = ("_bucket", "_count", "_sum")
PROMETHEUS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
STATS = PortStats(1, 11, 12, 1100, 1200, 1, 2, 3, 4)


class Scraped:
    """One scrape, by name and labels."""

    def __init__(self, metrics: Metrics) -> None:
        self.text = metrics.scrape().decode()
        families = text_string_to_metric_families(self.text)
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def get(self, name: str, /, **labels: str) -> float | None:
        return self.samples.get((f"backplane_{name}", frozenset(labels.items())))

    def of(self, name: str) -> dict[tuple[str, ...], float]:
        """All samples of a metric by the values of their labels, sorted by label."""
        found = ((labels, value) for (of, labels), value in self.samples.items() if of == f"backplane_{name}")
        return {tuple(value for _, value in sorted(labels)): value for labels, value in found}


def scrape(control: Control) -> Scraped:
    return Scraped(Metrics(control))


# The fabric


def test_platforms_links_and_servers_are_counted_by_state() -> None:
    control = running_fabric()
    control.switch_gone("remote")
    control.port_changed("chassis1", port("chassis1", 20, up=False))
    control.refresh()
    seen = scrape(control)
    assert seen.of("platform_connected") == {("chassis1",): 1, ("chassis2",): 1, ("chassis3",): 1, ("remote",): 0}
    assert seen.get("link_state", link=EAST_A, state="down") == 1
    assert seen.get("link_state", link=EAST_A, state="up") == 0
    assert seen.get("link_state", link=SPUR, state="up") == 1
    assert [seen.get("servers", state=state) for state in ("present", "silent", "unreachable")] == [3, 1, 0]


def test_a_links_capacity_is_in_bytes() -> None:
    seen = scrape(running_fabric())
    assert seen.get("link_capacity_bytes_per_second", link=EAST_A) == 1e9 / 8
    assert seen.get("link_capacity_bytes_per_second", link=SPUR) is None


def test_rules_are_counted_as_wanted_against_installed() -> None:
    control = running_fabric()
    before = scrape(control)
    assert before.get("converged") == 1
    proper = before.get("rules", platform="chassis1", state="proper")
    assert proper is not None
    assert proper > 0
    control.set_document(None)
    control.refresh()
    after = scrape(control)
    assert after.get("converged") == 0
    assert after.get("revision") == (before.get("revision") or 0) + 1
    assert (after.get("rules", platform="chassis1", state="excess") or 0) > 0


def test_a_refused_rule_is_counted() -> None:
    control = declared_fabric()
    control.switch_connected(1, "chassis1", [port("chassis1", 1)])
    control.switch_read("chassis1", Installed({}, {}, {}), 0.0)
    (batch,) = control.next_step(0.0).values()
    key = batch.upserts[0][0].rule.key
    control.step_confirmed("chassis1", {key: "no room"}, 0.0)
    seen = scrape(control)
    assert seen.get("rules", platform="chassis1", state="refused") == 1
    assert seen.get("alarms", kind="refused_rule") == 1


def test_ports_show_what_their_switch_counted() -> None:
    control = running_fabric()
    control.counted("chassis1", Counted({}, {meter_number(MeterKind.STORM, 1): 7}, {1: STATS}), 0.0)
    seen = scrape(control)
    at = {"platform": "chassis1", "port": "1"}
    assert seen.get("port_receive_packets_total", **at) == 11
    assert seen.get("port_transmit_packets_total", **at) == 12
    assert seen.get("port_receive_bytes_total", **at) == 1100
    assert seen.get("port_transmit_bytes_total", **at) == 1200
    assert seen.get("port_receive_dropped_total", **at) == 1
    assert seen.get("port_transmit_dropped_total", **at) == 2
    assert seen.get("port_receive_errors_total", **at) == 3
    assert seen.get("port_transmit_errors_total", **at) == 4
    assert seen.get("port_storm_dropped_total", **at) == 7
    assert seen.get("port_up", **at) == 1
    assert seen.get("port_info", platform="chassis1", port="20", name="chassis1-p20", link=EAST_A) == 1


def test_a_port_nobody_reads_any_more_is_not_shown_as_silent() -> None:
    control = running_fabric()
    control.counted("remote", Counted({}, {}, {1: STATS}), 0.0)
    assert scrape(control).get("port_receive_bytes_total", platform="remote", port="1") == 1100
    control.switch_gone("remote")
    assert scrape(control).get("port_receive_bytes_total", platform="remote", port="1") is None


def test_alarms_are_counted_by_kind_and_stay_at_0_when_they_are_over() -> None:
    control = running_fabric()
    control.alarms.raise_("state", "/var", "the disk is full")
    assert scrape(control).get("store_problem") == 1
    control.alarms.clear("state", "/var")
    seen = scrape(control)
    assert (seen.get("alarms", kind="state"), seen.get("alarms_raised_total", kind="state")) == (0, 1)
    assert seen.get("store_problem") == 0


def test_no_label_is_what_a_server_sends() -> None:
    text = scrape(running_fabric()).text
    assert not re.search(r"\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b|\b10\.\d+\.\d+\.\d+\b", text)


# Reservations


def count_copy(control: Control, packets: int, dropped: int, now: float) -> None:
    """The switches tell of the document's reservation: so many packets of 1,000 bytes arrived, so many were dropped."""
    ((direction, _),) = control.granted["copy"]
    last, meter = end_key(direction), reservation_meter(direction.label)
    assert last
    here = Counted({}, {meter: dropped}, octets_off={meter: dropped * 1000})
    there = Counted({last: packets}, {}, octets={last: packets * 1004})
    control.measuring.counted("chassis1", here, now)
    control.measuring.counted("chassis2", there, now)


def test_a_reservation_shows_what_it_asked_for_has_and_gets_in_bytes() -> None:
    control = running_fabric()
    for now, packets, dropped in ((0.0, 1000, 10), (2.0, 21000, 60)):
        count_copy(control, packets, dropped, now)
    seen = scrape(control)
    for what, rate_bps in (("asked", 200e6), ("floor", 50e6), ("granted", 200e6)):
        assert seen.get(f"reservation_{what}_bytes_per_second", reservation="copy") == rate_bps / 8, what
    way = {"reservation": "copy", "direction": "there"}
    assert seen.get("reservation_measured_bytes_per_second", **way) == 10_000 * 1000
    assert seen.get("reservation_policed_bytes_per_second", **way) == 25 * 1000
    assert seen.get("reservation_policed_packets_total", **way) == 60
    assert {key: value for key, value in seen.of("reservation_state").items() if value} == {("copy", "granted"): 1}
    reserved = seen.of("link_reserved_bytes_per_second")
    assert {key: value for key, value in reserved.items() if value} == {("chassis1", EAST_A): 200e6 / 8}


# What adapters report


def test_packet_ins_and_steps_and_convergence() -> None:
    control = running_fabric()
    metrics = Metrics(control)
    for reason in (Reason.DISCOVERY, Reason.DISCOVERY, None):
        metrics.packet_in("chassis1", reason)
    metrics.step_confirmed("chassis1", 0.02)
    control.tick(10.0)
    control.set_document(None)
    control.tick(11.0)
    settle(control)
    control.tick(11.4)
    seen = Scraped(metrics)
    assert seen.of("packet_ins_total") == {("chassis1", "discovery"): 2, ("chassis1", "other"): 1}
    assert seen.get("flow_mod_latency_seconds_bucket", platform="chassis1", le="0.025") == 1
    assert seen.get("flow_mod_latency_seconds_bucket", platform="chassis1", le="0.01") == 0
    assert seen.get("convergence_seconds_count") == 1
    assert seen.get("convergence_seconds_sum") == pytest.approx(0.4)


def test_a_loop_that_is_held_up_is_seen() -> None:
    metrics = Metrics(declared_fabric())
    watcher = eventlet.spawn(metrics.watch_loop)
    try:
        eventlet.sleep(0)
        hold_up_s = 0.3
        time.sleep(hold_up_s)  # the fault itself, not a wait
        wait_until(
            lambda: (Scraped(metrics).get("event_loop_stall_seconds_sum") or 0) > hold_up_s / 2,
            5.0,
            "the stall was not seen",
            eventlet.sleep,
        )
    finally:
        watcher.kill()


# The text


def test_a_scrape_in_slices_is_what_the_library_writes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written, "_SLICE", 3)
    metrics = Metrics(running_fabric())
    assert _without_process(metrics.scrape()) == _without_process(generate_latest(metrics.registry))


def _without_process(text: bytes) -> list[bytes]:
    return [line for line in text.splitlines() if b"process_" not in line]


def test_others_have_their_turn_during_a_large_scrape() -> None:
    control = running_fabric()
    for number in range(30, 2030):
        control.port_changed("chassis1", replace(port("chassis1", number), name=f"p{number}"))
    turns: list[float] = []

    def other() -> Iterator[None]:
        while True:
            turns.append(time.monotonic())
            eventlet.sleep(0)
            yield

    worker = eventlet.spawn(lambda: list(other()))
    eventlet.sleep(0)
    before = len(turns)
    size = len(Metrics(control).scrape())
    worker.kill()
    assert size > 100_000
    assert len(turns) - before > 2 * 4  # four metrics of 2,000 ports each, 500 at a time


@pytest.mark.parametrize("accept", [PROMETHEUS, "*/*", "text/plain"])
def test_prometheus_gets_the_format_that_it_knows(accept: str) -> None:
    router = Router([metrics_route(Metrics(running_fabric()))])
    answer = router(Request.blank("/metrics", headers={"Accept": accept}))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain;version=0.0.4; charset=utf-8"
    assert b"\nbackplane_revision 1.0\n" in answer.body


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (script/setup)")
def test_promtool_has_nothing_to_say() -> None:
    control = running_fabric()
    metrics = Metrics(control)
    _touch_everything(control, metrics)
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=metrics.scrape(), capture_output=True, check=False, timeout=60
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def _touch_everything(control: Control, metrics: Metrics) -> None:
    """So that every metric has a sample."""
    control.counted("chassis1", Counted({}, {}, {1: STATS}), 0.0)
    count_copy(control, 1, 1, 0.0)
    control.alarms.raise_("bridge", "chassis1", "look here")
    audit = control.auditing.begin("chassis1")
    assert audit
    control.audited("chassis1", audit)
    metrics.packet_in("chassis1", Reason.MAC)
    metrics.step_confirmed("chassis1", 0.1)


# The page


def test_every_metric_is_on_the_page_and_nothing_else_is() -> None:
    control = running_fabric()
    metrics = Metrics(control)
    _touch_everything(control, metrics)
    given = {_stem(name) for name, _ in Scraped(metrics).samples}
    listed = set(re.findall(r"^\| `(\w+)` \|", DOCS.read_text(), re.MULTILINE))
    assert listed == given


def _stem(name: str) -> str:
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)
