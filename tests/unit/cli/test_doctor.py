"""What `backplane doctor` finds of a machine and a controller, and what it says to do."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.cli import doctor
from apps.cli.check_machine import check_bridges, check_datapath, check_open_vswitch
from apps.cli.check_ports import holder_of, listening
from apps.cli.vsctl import Bridge, OpenVSwitch, plain, read_tables
from tests.unit.cli.conftest import EXAMPLE, Shell, Stub

RIGHT = Bridge("br0", "netdev", "secure", ("OpenFlow13",), (("tcp:127.0.0.1:6653", True),))
SWITCH = OpenVSwitch(True, version="3.1.0", vlan_limit="2", bridges=(RIGHT,))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[[OpenVSwitch], None]:
    """Say what Open vSwitch of this machine is like."""
    return lambda switch: monkeypatch.setattr(doctor, "find_open_vswitch", lambda: switch)


def results(switch: OpenVSwitch, has_kernel: bool = False) -> list[tuple[str, str, str]]:
    return [(found.about, found.result, found.todo) for found in check_bridges(switch, has_kernel)]


def test_a_bridge_that_is_set_up_is_well() -> None:
    assert results(SWITCH) == [("bridges", "ok", "")]


@pytest.mark.parametrize(
    ("differs", "todo"),
    [
        ({"datapath": ""}, "ovs-vsctl set bridge br0 datapath_type=netdev"),
        ({"protocols": ("OpenFlow10",)}, "ovs-vsctl set bridge br0 protocols=OpenFlow13"),
        ({"fail_mode": ""}, "ovs-vsctl set-fail-mode br0 secure"),
        ({"controllers": (("tcp:192.0.2.1:6653", False),)}, "ovs-vsctl set-controller br0 tcp:HOST:6653"),
    ],
)
def test_what_a_bridge_lacks_is_told_with_the_command_that_mends_it(differs: dict[str, Any], todo: str) -> None:
    (found,) = results(replace(SWITCH, bridges=(replace(RIGHT, **differs),)))
    assert found[:2] == ("bridge br0", "fail")
    assert todo in found[2]


def test_a_bridge_needs_no_protocols_named_and_may_use_the_kernel() -> None:
    free = replace(RIGHT, protocols=(), datapath="system")
    assert results(replace(SWITCH, bridges=(free,)), has_kernel=True) == [("bridges", "ok", "")]


def test_one_tag_is_too_few_where_a_bridge_is_controlled() -> None:
    one = replace(SWITCH, vlan_limit="1")
    assert ("VLAN tags", "fail", "ovs-vsctl set Open_vSwitch . other_config:vlan-limit=2") in results(one)
    alone = replace(one, bridges=(replace(RIGHT, controllers=()),))
    assert [found[:2] for found in results(alone)] == [("bridges", "note")]


def test_a_machine_without_open_vswitch_matters_where_the_controller_is() -> None:
    missing = OpenVSwitch(installed=False)
    assert [found.result for found in check_open_vswitch(missing, needed=True)] == ["note"]
    assert list(check_open_vswitch(missing, needed=False)) == []
    silent = OpenVSwitch(True, problem="no such file")
    assert [found.result for found in check_open_vswitch(silent, needed=True)] == ["fail"]


def test_a_kernel_without_the_module_is_told_what_bridges_need() -> None:
    (found,) = check_datapath(has_kernel=False)
    assert (found.result, "datapath_type=netdev" in found.todo) == ("note", True)


def test_rows_of_the_database_are_read() -> None:
    number = "0f"
    bridge = {
        "name": "br0",
        "datapath_type": "netdev",
        "fail_mode": plain(["set", []]),
        "protocols": plain(["set", ["OpenFlow10", "OpenFlow13"]]),
        "controller": plain(["uuid", number]),
    }
    machine = {"ovs_version": "3.1.0", "other_config": plain(["map", [["vlan-limit", "0"]]])}
    controllers = [{"_uuid": plain(["uuid", number]), "target": "tcp:127.0.0.1:6653", "is_connected": True}]
    read = read_tables(machine, [bridge], controllers)
    assert (read.version, read.vlan_limit) == ("3.1.0", "0")
    assert read.bridges == (Bridge("br0", "netdev", "", ("OpenFlow10", "OpenFlow13"), (("tcp:127.0.0.1:6653", True),)),)


def test_who_holds_a_port_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]
        assert holder_of(listening()[port]).endswith(f"(process {os.getpid()})")
    assert port not in listening()


def test_nothing_runs(machine: Callable[[OpenVSwitch], None]) -> None:
    machine(SWITCH)
    said = Shell("http://127.0.0.1:1")("doctor")
    assert said.code == 1
    assert said.lines[0].startswith("✗ API: the API at http://127.0.0.1:1 cannot be reached")
    assert "ryu-manager apps.backplane" in said.lines[1]
    assert said.lines[-1] == "1 thing to mend."


def test_a_port_that_somebody_else_holds_is_named(machine: Callable[[OpenVSwitch], None], stub: Stub) -> None:
    machine(SWITCH)
    stub.answers["GET /api/v1/fabric"] = (200, "<h1>Welcome</h1>")
    found = {item["about"]: item for item in stub.shell("doctor", "--json").json}
    port = next(item for about, item in found.items() if about.endswith("(API)"))
    assert (port["result"], f"process {os.getpid()}" in port["found"]) == ("fail", True)
    assert "--wsapi-port" in port["todo"]


def test_a_token_is_asked_for(machine: Callable[[OpenVSwitch], None], stub: Stub, tmp_path: Path) -> None:
    machine(SWITCH)
    stub.problem("GET /api/v1/fabric", 401, "unauthorised", "a token is needed")
    file = tmp_path / "token"
    file.write_text("ops.s3cret")
    file.chmod(0o644)
    said = stub.shell("--token-file", str(file), "doctor")
    assert said.code == 1
    assert f"chmod 600 {file}" in said.out
    assert "--token-file" in said.out
    assert "s3cret" not in said.out


def test_a_document_is_read_and_judged(machine: Callable[[OpenVSwitch], None], seen: Shell, tmp_path: Path) -> None:
    machine(SWITCH)

    def document(file: Path) -> tuple[str, str]:
        found = next(
            item for item in seen("doctor", "--document", str(file), "--json").json if item["about"] == "document"
        )
        return found["result"], found["found"]

    assert document(EXAMPLE) == ("ok", f"{EXAMPLE} can be read, and would be accepted")
    bad = tmp_path / "bad.yaml"
    bad.write_text("fabric: 7\n")
    assert document(bad)[0] == "fail"
    assert document(tmp_path / "none.yaml") == (
        "fail",
        f"{tmp_path}/none.yaml cannot be read: No such file or directory",
    )
