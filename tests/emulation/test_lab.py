"""The lab builds what the document says, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from experiments import reachability, throughput
from fabric_api import FabricApi, NotReady, wait_converged
from lab import Lab
from shaping import card_commands
from wiring import Wiring

from controller.model.document import parse_document
from controller.model.spec import Document, LinkSpec, TrunkSpec

ROOT = Path(__file__).resolve().parents[2]
LAB = [sys.executable, str(ROOT / "mininet" / "lab.py")]

TEXT = """
fabric: test
segments:
  web: {subnet: [10.1.0.0/24, "fd00:1::/64"], gateway: [10.1.0.1, "fd00:1::1"]}
  flat: {}
platforms:
  chassis1:
    dpid: 0x1a
    servers:
      web1: {port: 3, segment: web, ip: [10.1.0.11, "fd00:1::11"], mac: "02:00:00:00:01:01"}
      web2: {port: 7, segment: web, ip: 10.1.0.12}
      flat1: {port: 9, segment: flat, ip: 192.0.2.1}
    trunks:
      east: {port: 20}
      spare: {port: 21}
  chassis2:
    dpid: 2
    servers:
      web3: {port: 3, segment: web, ip: [10.1.0.13, "fd00:1::13"]}
      flat2: {port: 9, segment: flat, ip: 198.51.100.1}
    trunks:
      west: {port: 20}
      spare: {port: 21}
links:
  - [chassis1.east, chassis2.west]
"""
LINK = "chassis1.east--chassis2.west"


def document(text: str = TEXT) -> Document:
    return parse_document(text, "test.yaml")


def plain(text: str = TEXT) -> Lab:
    """The document on NORMAL bridges: the lab's own side, without a controller."""
    return Lab(document(text), normal=True)


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def interfaces(prefix: str) -> list[str]:
    return [name for _index, name in socket.if_nameindex() if name.startswith(prefix)]


def bridges(prefix: str) -> list[str]:
    return [name for name in output("ovs-vsctl", "list-br").split() if name.startswith(prefix)]


def reaches(lab: Lab, source: str, target: str) -> bool:
    lab.host(source).cmd("ip neigh flush all")  # what it has asked for in vain would be its answer for a while
    return "1 received" in lab.host(source).cmd(f"ping -c1 -W2 {lab.host(target).IP()}")


def carrier(interface: str) -> bool:
    shown = json.loads(output("ip", "-json", "link", "show", interface))[0]
    return {"UP", "LOWER_UP"} <= set(shown["flags"])


def passes(lab: Lab, source: str, interface: str) -> bool:
    """Whether a broadcast of a server's comes out at the far end of a link."""
    before = received(interface)
    lab.host(source).cmd("ping -b -c3 -i0.2 -W1 10.1.0.255")
    return received(interface) >= before + 3


def received(interface: str) -> int:
    shown = json.loads(output("ip", "-json", "-s", "link", "show", interface))[0]
    return int(shown["stats64"]["rx"]["packets"])


def ended(pid: int, patience_s: float = 5.0) -> bool:
    """Whether a process ends within this time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], patience_s)[0])
    finally:
        os.close(handle)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with plain() as built:
        yield built


# What is built


def test_servers_have_their_names_macs_and_addresses(lab: Lab) -> None:
    shown = json.loads(lab.host("web1").cmd("ip -json addr show eth0"))[0]
    addresses = {f"{a['local']}/{a['prefixlen']}" for a in shown["addr_info"] if a["scope"] == "global"}
    assert shown["address"] == "02:00:00:00:01:01"
    assert addresses == {"10.1.0.11/24", "fd00:1::11/64"}
    assert {host.name for host in lab.net.hosts} == {"web1", "web2", "web3", "flat1", "flat2"}


def test_a_server_without_a_declared_mac_has_the_same_each_time(lab: Lab) -> None:
    with plain() as again:
        assert again.host("web2").MAC() == lab.host("web2").MAC() != lab.host("web3").MAC()


def test_the_gateway_is_the_default_route_of_both_families(lab: Lab) -> None:
    routes = [json.loads(lab.host("web1").cmd(f"ip -{v} -json route show default"))[0] for v in (4, 6)]
    assert [route["gateway"] for route in routes] == ["10.1.0.1", "fd00:1::1"]


def test_servers_of_a_segment_without_subnet_are_on_one_wire(lab: Lab) -> None:
    assert reaches(lab, "flat1", "flat2")


def test_bridges_have_the_dpids_and_port_numbers_of_the_document(lab: Lab) -> None:
    shown = lab.switch("chassis1").dpctl("show")
    assert "dpid:000000000000001a" in shown
    for number in (3, 7, 9, 20):
        assert f"{number}({lab.interface('chassis1', number)})" in shown


def test_servers_reach_each_other_over_the_link(lab: Lab) -> None:
    assert reaches(lab, "web1", "web3")


def test_a_document_with_128_servers_on_a_platform_is_built_whole() -> None:
    servers = "".join(f"      s{n}: {{port: {n}, segment: web}}\n" for n in range(1, 129))
    text = f"segments:\n  web: {{}}\nplatforms:\n  big:\n    dpid: 1\n    servers:\n{servers}"
    with plain(text) as big:
        shown = big.switch("big").dpctl("show")
        assert all(f" {n}({big.interface('big', n)})" in shown for n in range(1, 129))


def test_two_labs_of_one_document_stand_side_by_side(lab: Lab) -> None:
    with plain() as other:
        assert reaches(other, "web1", "web2")
        assert reaches(lab, "web1", "web2")


# Tags and rates

TAGGED = """
segments: {red: {subnet: 10.1.0.0/24}, blue: {subnet: 10.1.1.0/24}}
platforms:
  one:
    dpid: 1
    servers:
      red1: {port: 1, segment: red, ip: 10.1.0.1, vlan: 100}
      blue1: {port: 1, segment: blue, ip: 10.1.1.1, vlan: 200}
      red2: {port: 2, segment: red, ip: 10.1.0.2, vlan: 100}
      blue2: {port: 2, segment: blue, ip: 10.1.1.2, vlan: 200}
      bare: {port: 3, segment: red, ip: 10.1.0.3}
"""


def test_tagged_servers_share_a_port_and_speak_with_their_tags() -> None:
    with plain(TAGGED) as tagged:
        assert reaches(tagged, "red1", "red2")
        assert reaches(tagged, "blue1", "blue2")
        assert not reaches(tagged, "red1", "bare")  # its frames are tagged, and nobody takes the tag off


def test_a_rate_is_kept_both_ways() -> None:
    with plain(TEXT.replace("ip: 10.1.0.12}", "ip: 10.1.0.12, rate: 50 Mbit/s}")) as limited:
        for source, target in (("web1", "web2"), ("web2", "web1")):
            assert 40e6 < throughput.tcp_bps(limited, source, target, 2) < 55e6


def test_a_rate_above_a_gigabit_is_applied() -> None:
    with plain(TEXT.replace("east: {port: 20}", "east: {port: 20, rate: 2500 Mbit/s}")) as limited:
        shown = output("tc", "class", "show", "dev", limited.interface("chassis1", 20))
        assert "rate 2500Mbit ceil 2500Mbit" in shown


def test_nothing_is_shaped_where_no_rate_is_declared(lab: Lab) -> None:
    assert "htb" not in output("tc", "qdisc", "show", "dev", lab.interface("chassis1", 20))


def test_a_burst_holds_a_millisecond_and_some_packets() -> None:
    assert card_commands("eth0", 10_000_000_000)[1][13:15] == ["burst", "1250000"]
    assert card_commands("eth0", 1_000_000)[1][13:15] == ["burst", "16000"]


# While it runs


def test_a_cut_link_carries_nothing_until_it_is_mended() -> None:
    with plain() as cut:
        cut.set_link(LINK, up=False)
        assert not reaches(cut, "web1", "web3")
        cut.set_link(LINK, up=True)
        assert reaches(cut, "web1", "web3")


@pytest.mark.parametrize(("how", "onward", "back"), [("silent", False, False), ("one-way", False, True)])
def test_a_link_fails_without_losing_carrier(how: Any, onward: bool, back: bool) -> None:
    with plain(TEXT.replace("east: {port: 20}", "east: {port: 20, rate: 2500 Mbit/s}")) as cut:
        cut.fail_link(LINK, how)
        ends = [cut.interface("chassis1", 20), cut.interface("chassis2", 20)]
        assert all(carrier(end) for end in ends)
        assert passes(cut, "web1", ends[1]) == onward
        assert passes(cut, "web3", ends[0]) == back
        cut.mend_link(LINK)
        assert reaches(cut, "web1", "web3")
        assert "rate 2500Mbit ceil 2500Mbit" in output("tc", "class", "show", "dev", ends[0])


def test_a_link_that_loses_carrier_loses_it_at_both_ends(lab: Lab) -> None:
    ends = [lab.interface("chassis1", 20), lab.interface("chassis2", 20)]
    lab.fail_link(LINK)
    assert not any(carrier(end) for end in ends)
    lab.mend_link(LINK)
    assert reaches(lab, "web1", "web3")


def test_a_link_fails_once_and_in_a_way_that_is_known(lab: Lab) -> None:
    with pytest.raises(ValueError, match=r"'slowly'.*carrier, silent, one-way"):
        lab.fail_link(LINK, "slowly")  # type: ignore[arg-type]
    lab.fail_link(LINK, "silent")
    with pytest.raises(ValueError, match="failed already"):
        lab.fail_link(LINK)
    lab.mend_link(LINK)


def test_a_platform_without_power_is_silent_and_comes_back_the_same() -> None:
    with plain(TEXT.replace("ip: 10.1.0.12}", "ip: 10.1.0.12, rate: 50 Mbit/s}")) as dark:
        dark.fail_platform("chassis1")
        assert dark.switch("chassis1").bridge not in bridges(dark.names.prefix)
        assert not carrier(dark.interface("chassis2", 20))
        assert not reaches(dark, "web1", "web2")
        dark.restore_platform("chassis1")
        shown = dark.switch("chassis1").dpctl("show")
        assert "dpid:000000000000001a" in shown
        assert all(f"{number}({dark.interface('chassis1', number)})" in shown for number in (3, 7, 9, 20))
        assert reaches(dark, "web1", "web2")
        assert reaches(dark, "web1", "web3")
        assert "rate 50Mbit" in output("tc", "class", "show", "dev", dark.interface("chassis1", 7))
    assert interfaces(dark.names.prefix) == bridges(dark.names.prefix) == []


def test_nothing_is_left_behind_by_faults() -> None:
    with plain() as broken:
        broken.fail_link(LINK, "silent")
        broken.fail_platform("chassis2")
    assert interfaces(broken.names.prefix) == bridges(broken.names.prefix) == []


def test_a_link_is_moved_to_other_trunks() -> None:
    with plain() as changed:
        changed.remove_link(LINK)
        assert not reaches(changed, "web1", "web3")
        changed.add_link(LinkSpec(ends=("chassis1.spare", "chassis2.spare")))
        assert reaches(changed, "web1", "web3")


def test_a_link_is_added_on_trunks_that_the_document_lacks() -> None:
    with plain() as changed:
        changed.remove_link(LINK)
        ends = ("chassis1.new", "chassis2.new")
        name = changed.add_link(LinkSpec(ends=ends), {end: TrunkSpec(port=30) for end in ends})
        assert name == "chassis1.new--chassis2.new"
        assert reaches(changed, "web1", "web3")


def test_a_server_is_added_moved_and_removed() -> None:
    with plain() as changed:
        spec = changed.document.servers["web2"]
        changed.remove_server("web2")
        assert "web2" not in changed.net
        changed.add_server("web2", spec)
        assert reaches(changed, "web3", "web2")
        changed.move_server("web2", "chassis2", 5)
        assert f" 5({changed.interface('chassis2', 5)})" in changed.switch("chassis2").dpctl("show")
        assert reaches(changed, "web3", "web2")


# What is left


def test_nothing_is_left_behind() -> None:
    with plain() as gone:
        prefix, folder, pids = gone.names.prefix, gone.folder, [host.pid for host in gone.net.hosts]
        left_running = gone.host("web1").popen(["sleep", "1000"])
        assert len(bridges(prefix)) == 2
    assert left_running.wait(5) < 0
    assert interfaces(prefix) == bridges(prefix) == []
    assert not folder.exists()
    assert all(ended(pid) for pid in pids)


def test_nothing_is_left_behind_by_a_user_who_fails() -> None:
    gone = plain()
    with pytest.raises(ZeroDivisionError), gone:
        raise ZeroDivisionError
    assert interfaces(gone.names.prefix) == bridges(gone.names.prefix) == []


def test_nothing_is_left_behind_when_building_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: Wiring) -> None:
        raise RuntimeError("no more")

    monkeypatch.setattr(Wiring, "shape_cards", fail)
    gone = plain()
    with pytest.raises(RuntimeError, match="no more"), gone:
        pass
    assert interfaces(gone.names.prefix) == bridges(gone.names.prefix) == []
    assert all(host.shell is None for host in gone.net.hosts)


# The experiments can tell good from bad


def test_reachability_finds_what_a_plain_bridge_mixes_up(lab: Lab, tmp_path: Path) -> None:
    result = tmp_path / "found.json"
    assert reachability.run(lab, ["--rounds", "1", "--json", str(result)]) == 1
    first = json.loads(result.read_text())["families"][0]
    assert first["lost"] == first["duplicates"] == 0
    assert {"web1", "flat2"} <= {crossing["to"] for crossing in first["crossed"]}


def test_reachability_is_content_with_one_segment_and_reports_times() -> None:
    with plain(
        TEXT.replace("segment: flat, ip: 192.0.2.1", "segment: web, ip: 10.1.0.21").replace(
            "segment: flat, ip: 198.51.100.1", "segment: web, ip: 10.1.0.22"
        )
    ) as one_segment:
        families, _ = reachability.measure(one_segment)
    assert [(f.version, len(f.within), f.good) for f in families] == [(4, 20, True), (6, 2, True)]
    assert all(found.first_ms is not None for family in families for found in family.within.values())


def test_reachability_names_what_is_lost() -> None:
    with plain() as cut:
        cut.set_link(LINK, up=False)
        families, endpoints = reachability.measure(cut, rounds=1, patience_s=0.5)
    names = [endpoint.name for endpoint in endpoints]
    lost = {(names[a], names[b]) for (a, b), found in families[0].within.items() if found.lost}
    assert ("web1", "web3") in lost
    assert ("web1", "web2") not in lost


# The command, beside a controller that is there already


class StubApi(BaseHTTPRequestHandler):
    """A controller's API that says what the test wants."""

    status: dict[str, Any] = {}

    def do_GET(self) -> None:
        body = json.dumps({"name": "stub", "status": self.status}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def api() -> Iterator[str]:
    StubApi.status = {"revision": 1, "converged": True, "absent": [], "alarms": []}
    server = HTTPServer(("127.0.0.1", 0), StubApi)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "fabric.yaml"
    path.write_text(TEXT)
    return str(path)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LAB, *arguments], capture_output=True, text=True, cwd=ROOT, check=False, timeout=60)


@pytest.mark.parametrize(("line", "status"), [("web1 ip -br addr show eth0", 0), ("web1 exit 7", 7)])
def test_run_ends_with_the_status_of_the_command(api: str, file: str, line: str, status: int) -> None:
    done = command(file, "--controller", "127.0.0.1:1", "--api", api, "--run", line)
    assert done.returncode == status, done.stdout + done.stderr
    assert status or "10.1.0.11/24" in done.stdout


def test_run_replaces_names_by_addresses(api: str, file: str) -> None:
    done = command(file, "--controller", "127.0.0.1:1", "--api", api, "--run", "web1 echo web3 web33")
    assert "10.1.0.13 web33" in done.stdout


def test_run_refuses_a_server_that_is_not_there(api: str, file: str) -> None:
    done = command(file, "--controller", "127.0.0.1:1", "--api", api, "--run", "nobody ls")
    assert done.returncode == 2
    assert "web1" in done.stdout


def test_a_fabric_that_does_not_converge_ends_with_what_is_missing(api: str, file: str) -> None:
    alarm = {"kind": "miswired", "subject": "x", "message": "chassis1.east is wired to itself"}
    StubApi.status = {"revision": 1, "converged": True, "absent": ["chassis2"], "alarms": [alarm]}
    done = command(file, "--controller", "127.0.0.1:1", "--api", api, "--timeout", "1", "--run", "web1 true")
    assert done.returncode == 1
    assert "absent: chassis2" in done.stdout
    assert "chassis1.east is wired to itself" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_bad_document_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(TEXT.replace("segment: web, ip: 10.1.0.12", "segment: nowhere, ip: 10.1.0.12"))
    done = command(str(path))
    assert done.returncode == 1
    assert "nowhere" in done.stdout
    assert "Traceback" not in done.stderr


def test_waiting_ends_at_once_when_the_controller_has_ended() -> None:
    with pytest.raises(NotReady, match="the controller has ended"):
        wait_converged(FabricApi("http://127.0.0.1:1"), 60, alive=lambda: False)


# With the controller


@pytest.fixture(scope="module")
def fabric() -> Iterator[Lab]:
    with Lab((ROOT / "examples" / "two-chassis.yaml").read_text()) as built:
        yield built


def good(lab: Lab) -> bool:
    families, _ = reachability.measure(lab, rounds=1)
    return len(families) == 2 and all(family.good for family in families)


def test_the_controller_makes_the_fabric_as_declared(fabric: Lab) -> None:
    assert good(fabric)
    assert fabric.api("/fabric")["name"] == "two-chassis"


def test_the_switches_carry_on_without_the_controller(fabric: Lab) -> None:
    fabric.kill_controller()
    assert good(fabric)
    fabric.start_controller()
    fabric.wait_converged()
    assert good(fabric)


def test_a_rewritten_document_is_taken_over(fabric: Lab) -> None:
    assert fabric.file is not None
    text = fabric.file.read_text()
    before = fabric.api("/fabric")["status"]["revision"]
    fabric.rewrite(text.replace("fabric: two-chassis", "fabric: renamed"))
    fabric.wait_converged(beyond=before)
    assert fabric.api("/fabric")["name"] == "renamed"
    fabric.rewrite(text)


def test_an_experiment_runs_by_its_name(tmp_path: Path) -> None:
    result = tmp_path / "found.json"
    done = command("examples/two-chassis.yaml", "--experiment", "reachability", "--json", str(result))
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(result.read_text())["good"]
