"""The command `backplane` beside real bridges: what it shows and changes is so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import ip
from lab import Lab

from tests.unit.cli.conftest import Shell
from tests.unit.cli.test_events_command import follow, said_of
from tests.waiting import wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "two-chassis.yaml"
LINK = "chassis1.east1--chassis2.west1"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(EXAMPLE.read_text()) as built:
        yield built


@pytest.fixture
def backplane(lab: Lab) -> Shell:
    assert lab.controller is not None
    return Shell(f"http://127.0.0.1:{lab.controller.api_port}")


def test_a_fabric_at_work_is_well(backplane: Shell) -> None:
    said = backplane("status")
    assert said.code == 0, said.out + said.err
    assert "  platforms  2 connected" in said.lines
    servers = backplane("get", "servers", "--state", "present", "--json").json["items"]
    assert len(servers) == 8


def test_the_doctor_finds_the_lab_s_bridges_and_their_controller(lab: Lab, backplane: Shell) -> None:
    assert lab.controller is not None
    found = backplane("doctor", "--openflow-port", str(lab.controller.openflow_port), "--json").json
    results = {item["about"]: (item["result"], item["found"]) for item in found}
    assert results["API"][0] == results["OpenFlow"][0] == "ok"
    for port in (lab.controller.openflow_port, lab.controller.api_port):
        held = next(found for about, found in results.items() if about.startswith(f"port {port} "))
        assert held == ("ok", f"held by ryu-manager (process {lab.controller.pid})")
    bridges = {lab.switch(platform).bridge for platform in ("chassis1", "chassis2")}
    # Open vSwitch notes some seconds late that a bridge is connected.
    wait_until(lambda: bridges <= well_bridges(backplane), 20, f"{bridges} are not said to be well")


def well_bridges(backplane: Shell) -> set[str]:
    found = backplane("doctor", "--json").json
    well = [item["found"] for item in found if (item["about"], item["result"]) == ("bridges", "ok")]
    return {name for text in well for name in text.partition(": ")[2].split(", ")}


def test_paths_and_traces_agree_with_the_bridges(backplane: Shell) -> None:
    assert backplane("paths", "web1", "web3").code == 0
    arrives = backplane("trace", "--from", "web1", "--to", "web3", "-p", "tcp", "--check", "ovs")
    assert arrives.code == 0, arrives.out
    assert "The bridges themselves  agree" in arrives.lines
    dropped = backplane("trace", "--from", "web1", "--to", "db3", "--check", "ovs", "--json")
    assert (dropped.code, dropped.json["reason"]) == (1, "other_segment")
    assert dropped.json["check"]["result"] == "agree"


def test_what_is_planned_and_applied_is_what_servers_see(lab: Lab, backplane: Shell, tmp_path: Path) -> None:
    file = tmp_path / "new.yaml"
    assert lab.file is not None
    file.write_text(lab.file.read_text().replace("10.1.0.13", "10.1.0.99"))
    before = flows(lab)
    plan = backplane("plan", "-f", str(file), "--json")
    assert (plan.code, plan.json["resources"]["changed"]) == (0, ["servers/web3"])
    assert flows(lab) == before
    lab.file.write_text(file.read_text())
    assert backplane("reload", "--wait", "10s").code == 0
    deltas = {name: plan.json["switches"][name]["flows"] for name in before}
    planned = {name: len(before[name]) + delta["added"] - delta["deleted"] for name, delta in deltas.items()}
    assert {name: len(found) for name, found in flows(lab).items()} == planned
    lab.host("web3").cmd("ip addr add 10.1.0.99/24 dev $(ls /sys/class/net | grep -v lo | head -1)")
    assert " 0% packet loss" in lab.host("web1").cmd("ping -c1 -W5 10.1.0.99")


def flows(lab: Lab) -> dict[str, list[str]]:
    """The flow entries of each bridge, without their counters."""
    return {
        name: sorted(line.partition("actions=")[2] + line.partition("priority=")[2] for line in entries(lab, name))
        for name in lab.document.platforms
    }


def entries(lab: Lab, platform: str) -> list[str]:
    return [line for line in lab.switch(platform).dpctl("dump-flows", "--no-stats").splitlines() if "cookie=" in line]


def test_a_cable_that_is_cut_shows_in_events_links_and_status(lab: Lab, backplane: Shell) -> None:
    cable = lab.interface("chassis1", 21)
    with follow(backplane.api, "--last", "1", "--kind", "link", "--json") as process:
        out, _ = said_of(process)
        assert out.readline()  # it listens from here on
        ip([f"link set {cable} down"])
        try:
            told = json.loads(out.readline())
            assert (told["name"], told["what"]) == (LINK, "down")
            assert backplane("get", "links", "--state", "down", "--json").json["items"][0]["name"] == LINK
            assert {"1 up", "1 down"} <= set(backplane("status").lines[3].partition("links      ")[2].split(", "))
        finally:
            ip([f"link set {cable} up"])
        assert "up" in (json.loads(line)["what"] for line in iter(out.readline, ""))
    wait_until(lambda: backplane("status").code == 0, 30, "the fabric is not well again")


def test_a_link_is_drained_without_loss_and_comes_back(lab: Lab, backplane: Shell) -> None:
    ping = lab.host("web1").popen(["ping", "-i0.01", "-c300", "-W5", "10.1.0.14"])
    assert backplane("drain", "link", LINK, "--wait", "10s").code == 0
    assert backplane("get", "link", LINK, "--json").json["status"]["state"] == "drained"
    assert backplane("undrain", "link", LINK, "--wait", "10s").code == 0
    said = ping.communicate(timeout=60)[0].decode()
    came = {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl", said)}
    assert sorted(set(range(1, 301)) - came) == []


def test_without_a_controller_the_exit_status_says_so(lab: Lab, backplane: Shell) -> None:
    lab.kill_controller()
    said = backplane("status")
    assert said.code == 3
    assert "cannot be reached: Connection refused" in said.err
    lab.start_controller()
    lab.wait_converged()
    assert backplane("status").code == 0
