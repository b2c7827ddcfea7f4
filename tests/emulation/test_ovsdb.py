"""The settings of real bridges, of an Open vSwitch of the tests' own: some settings are global."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ryu.lib import hub

from apps.ovsdb import Bridges, Target
from controller.bridge_settings import Trunk
from controller.model.alarms import Alarms
from tests import waiting

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
IN_TIME_S = 15.0
DPID = 0xB90


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().strip('"')


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Other greenlets run meanwhile."""
    waiting.wait_until(condition, IN_TIME_S, what, pause=hub.sleep)


class OpenVSwitch:
    """`ovs-vsctl` on one database."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ctl(self, *arguments: str) -> str:
        return run("ovs-vsctl", f"--db={self.address}", "--timeout=10", *arguments)

    def limit(self) -> str:
        return self.ctl("--if-exists", "get", "Open_vSwitch", ".", "other_config:vlan-limit")

    def add_bridge(self, name: str, dpid: int, *ports: str, kind: str = "dummy") -> None:
        """A bridge that connects to nobody, with ports numbered from 1."""
        settings = (f"datapath_type={kind}", f"other-config:datapath-id={dpid:016x}")
        self.ctl("add-br", name, "--", "set", "Bridge", name, *settings)
        for number, port in enumerate(ports, start=1):
            extra = ["type=dummy"] if kind == "dummy" else []
            self.ctl("add-port", name, port, "--", "set", "Interface", port, f"ofport_request={number}", *extra)

    def mtu(self, port: str) -> str:
        return self.ctl("get", "Interface", port, "mtu")


@contextmanager
def open_vswitch(folder: Path, *options: str, within: tuple[str, ...] = ()) -> Iterator[OpenVSwitch]:
    """An Open vSwitch of its own, which touches neither the system's nor the kernel's datapaths."""
    database, address = folder / "conf.db", f"unix:{folder}/db.sock"
    run("ovsdb-tool", "create", str(database), SCHEMA)
    places = {f"OVS_{name}DIR": str(folder) for name in ("RUN", "LOG", "DB", "SYSCONF")}
    server = ["ovsdb-server", f"--remote=p{address}", f"--unixctl={folder}/db.ctl", str(database)]
    switch = [*within, "ovs-vswitchd", *options, "--disable-system", f"--unixctl={folder}/switch.ctl", address]
    running: list[subprocess.Popen[bytes]] = []
    try:
        for command, ready in ((server, "db.sock"), (switch, "switch.ctl")):
            quiet = subprocess.DEVNULL
            running.append(subprocess.Popen(command, env={**os.environ, **places}, stdout=quiet, stderr=quiet))
            wait_until((folder / ready).exists, f"{command[0]} did not start")
        run("ovs-vsctl", f"--db={address}", "--no-wait", "init")
        yield OpenVSwitch(address)
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait()


@pytest.fixture(scope="module")
def daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenVSwitch]:
    """An Open vSwitch whose ports are no devices."""
    with open_vswitch(tmp_path_factory.mktemp("bpo"), "--enable-dummy=override") as running:
        yield running


@pytest.fixture
def switch(daemons: OpenVSwitch) -> Iterator[OpenVSwitch]:
    """That Open vSwitch with a bridge `bpo0` as nobody has prepared it: port 1 a trunk, port 2 a server's."""
    daemons.add_bridge("bpo0", DPID, "bpo0-east", "bpo0-web")
    yield daemons
    for bridge in daemons.ctl("list-br").split():
        daemons.ctl("del-br", bridge)
    daemons.ctl("clear", "Open_vSwitch", ".", "other_config", "--", "clear", "Open_vSwitch", ".", "external_ids")


@pytest.fixture
def alarms() -> Alarms:
    return Alarms()


@pytest.fixture
def bridges(alarms: Alarms) -> Iterator[Bridges]:
    bridges = Bridges(alarms)
    yield bridges
    for platform in ("chassis1", "chassis2"):
        bridges.forget(platform)


def target(address: str, dpid: int = DPID, bridge: str = "bpo0") -> Target:
    return Target(dpid, bridge, address, (Trunk(1, f"{bridge}-east"),))


def only_message(alarms: Alarms) -> str:
    (alarm,) = alarms.standing()
    assert (alarm.kind, alarm.subject) == ("bridge_settings", "chassis1")
    return alarm.message


def test_a_bridge_is_given_all_that_it_must_have(switch: OpenVSwitch, bridges: Bridges, alarms: Alarms) -> None:
    bridges.prepare("chassis1", target(switch.address))
    wait_until(lambda: switch.mtu("bpo0-east") == "1508", "the trunk's MTU was not raised")
    assert switch.limit() == "2"
    assert switch.ctl("get-fail-mode", "bpo0") == "secure"
    assert switch.mtu("bpo0-web") == "1500"
    assert alarms.standing() == ()


def test_a_server_with_large_packets_widens_the_trunks_of_every_platform(switch: OpenVSwitch, bridges: Bridges) -> None:
    switch.add_bridge("bpo1", DPID + 1, "bpo1-east", "bpo1-web")
    bridges.prepare("chassis1", target(switch.address))
    wait_until(lambda: switch.mtu("bpo0-east") == "1508", "the trunk's MTU was not raised")
    switch.ctl("set", "Interface", "bpo1-web", "mtu_request=9000")
    wait_until(lambda: switch.mtu("bpo1-web") == "9000", "the server's MTU was not set")
    bridges.prepare("chassis2", target(switch.address, DPID + 1, "bpo1"))
    wait_until(lambda: switch.mtu("bpo1-east") == "9008", "its own trunk was not widened")
    wait_until(lambda: switch.mtu("bpo0-east") == "9008", "the other platform's trunk was not widened")


def test_what_is_right_already_is_not_written(switch: OpenVSwitch, bridges: Bridges) -> None:
    switch.ctl("set", "Open_vSwitch", ".", "other_config:vlan-limit=0", "--", "set-fail-mode", "bpo0", "secure")
    bridges.prepare("chassis1", target(switch.address))
    wait_until(lambda: switch.mtu("bpo0-east") == "1508", "the trunk's MTU was not raised")
    assert switch.limit() == "0"
    assert switch.ctl("get", "Open_vSwitch", ".", "external_ids") == "{}"
    assert switch.ctl("get", "Bridge", "bpo0", "external_ids") == "{}"


def test_a_trunk_that_is_declared_later_is_widened_too(switch: OpenVSwitch, bridges: Bridges) -> None:
    bridges.prepare("chassis1", Target(DPID, "bpo0", switch.address))
    wait_until(lambda: switch.ctl("get-fail-mode", "bpo0") == "secure", "the bridge was not prepared")
    bridges.prepare("chassis1", target(switch.address))
    wait_until(lambda: switch.mtu("bpo0-east") == "1508", "the trunk's MTU was not raised")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("set-fail-mode", "bpo0", "standalone"), "set-fail-mode bpo0 secure"),
        (("remove", "Open_vSwitch", ".", "other_config", "vlan-limit"), "set Open_vSwitch . other_config:vlan-limit=2"),
        (("set", "Interface", "bpo0-east", "mtu_request=1400"), "set Interface bpo0-east mtu_request=1508"),
    ],
)
def test_a_setting_that_somebody_changes_back_is_made_again_and_told(
    switch: OpenVSwitch, alarms: Alarms, change: tuple[str, ...], told: str
) -> None:
    looks: list[str] = []
    heard: list[str] = []
    bridges = Bridges(alarms, lambda platform, *_: looks.append(platform), lambda _, text: heard.append(text))

    def is_right() -> bool:
        made = switch.limit(), switch.mtu("bpo0-east"), switch.ctl("get-fail-mode", "bpo0")
        return made == ("2", "1508", "secure")

    bridges.prepare("chassis1", target(switch.address))
    try:
        wait_until(lambda: bool(looks), "the bridge is not looked at")
        assert is_right()
        switch.ctl(*change)
        wait_until(lambda: bool(heard), "nobody tells of it")
        wait_until(is_right, "it is not made again")
        (text,) = heard
        assert text == (
            f"chassis1: a setting of its bridge was changed back by somebody else: it is made again (ovs-vsctl {told})"
        )
    finally:
        bridges.forget("chassis1")


def test_letting_go_puts_everything_back(switch: OpenVSwitch, bridges: Bridges) -> None:
    switch.ctl("set-fail-mode", "bpo0", "standalone")
    bridges.prepare("chassis1", target(switch.address))
    wait_until(lambda: switch.mtu("bpo0-east") == "1508", "the trunk's MTU was not raised")
    assert bridges.release("chassis1", target(switch.address)) is None
    wait_until(lambda: switch.mtu("bpo0-east") == "1500", "the trunk's MTU was not put back")
    assert switch.limit() == ""
    assert switch.ctl("get-fail-mode", "bpo0") == "standalone"
    for table, row in (("Open_vSwitch", "."), ("Bridge", "bpo0"), ("Interface", "bpo0-east")):
        assert switch.ctl("get", table, row, "external_ids") == "{}"


def test_another_controller_lets_go_as_well_as_the_one_that_prepared(switch: OpenVSwitch, bridges: Bridges) -> None:
    bridges.prepare("chassis1", target(switch.address))
    wait_until(lambda: switch.mtu("bpo0-east") == "1508", "the trunk's MTU was not raised")
    bridges.forget("chassis1")
    assert Bridges(Alarms()).release("chassis1", target(switch.address)) is None
    assert switch.ctl("get-fail-mode", "bpo0") == ""
    assert switch.limit() == ""


def test_the_limit_that_bridges_share_goes_back_with_the_last_of_them(switch: OpenVSwitch, bridges: Bridges) -> None:
    switch.add_bridge("bpo1", DPID + 1, "bpo1-east", "bpo1-web")
    other = target(switch.address, DPID + 1, "bpo1")
    bridges.prepare("chassis1", target(switch.address))
    bridges.prepare("chassis2", other)
    for port in ("bpo0-east", "bpo1-east"):
        wait_until(lambda port=port: switch.mtu(port) == "1508", "the trunk's MTU was not raised")
    assert bridges.release("chassis1", target(switch.address)) is None
    assert switch.limit() == "2"
    assert bridges.release("chassis2", other) is None
    assert switch.limit() == ""


def test_a_bridge_that_is_not_there_is_an_alarm_until_it_is(
    switch: OpenVSwitch, bridges: Bridges, alarms: Alarms
) -> None:
    late = target(switch.address, DPID + 7, "bpo7")
    bridges.prepare("chassis1", late)
    wait_until(lambda: bool(alarms.standing()), "no alarm was raised")
    assert f"datapath_id={DPID + 7:016x}" in only_message(alarms)
    switch.add_bridge("bpo7", DPID + 7, "bpo7-east")
    bridges.prepare("chassis1", Target(late.dpid, late.bridge, late.address, ()))
    wait_until(lambda: not alarms.standing(), "the alarm was not cleared")


@pytest.mark.parametrize("address", ["unix:/nonexistent/db.sock", "tcp:127.0.0.1:{closed}", "nonsense", "tcp:"])
def test_a_database_that_cannot_be_reached_is_an_alarm_that_says_what_to_do(
    address: str, bridges: Bridges, alarms: Alarms
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = address.format(closed=taken.getsockname()[1])
        bridges.prepare("chassis1", target(address))
        wait_until(lambda: bool(alarms.standing()), "no alarm was raised")
    message = only_message(alarms)
    assert address in message
    assert "cannot be reached" in message
    assert "bypass" in message
    assert (
        "ovs-vsctl set Open_vSwitch . other_config:vlan-limit=2 -- set-fail-mode bpo0 secure"
        " -- set Interface bpo0-east mtu_request=1508" in message
    )


def test_letting_go_of_what_cannot_be_reached_says_so(bridges: Bridges) -> None:
    assert "cannot be reached" in (bridges.release("chassis1", target("unix:/nonexistent/db.sock")) or "")


def test_a_database_that_never_answers_holds_nobody_up() -> None:
    program = """
        import socket, time
        from ryu.lib import hub
        hub.patch()
        from apps.ovsdb import Bridges, Target
        from controller.model.alarms import Alarms
        mute = hub.listen(("127.0.0.1", 0))
        alarms = Alarms()
        Bridges(alarms).prepare("chassis1", Target(1, "br1", "tcp:127.0.0.1:%d" % mute.getsockname()[1]))
        longest, last = 0.0, time.monotonic()
        while not alarms.standing():
            hub.sleep(0.01)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        print(longest)
        print(alarms.standing()[0].message)
    """
    code = textwrap.dedent(program).replace("hub.listen", "__import__('eventlet').listen")
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    longest, message = done.stdout.splitlines()
    assert "did not answer" in message
    assert float(longest) < 1


@pytest.fixture
def real(tmp_path: Path) -> Iterator[OpenVSwitch]:
    """A bridge `bpoR` on devices, in a namespace `bpoR`: port 1 is a trunk, its cable ends at `bpoR-peer`."""
    run("ip", "netns", "add", "bpoR")
    try:
        run("ip", "-n", "bpoR", "link", "add", "bpoR-east", "up", "type", "veth", "peer", "name", "bpoR-peer")
        run("ip", "-n", "bpoR", "link", "set", "bpoR-peer", "up")
        with open_vswitch(tmp_path, within=("ip", "netns", "exec", "bpoR")) as running:
            running.add_bridge("bpoR", DPID, "bpoR-east", kind="netdev")
            yield running
    finally:
        run("ip", "netns", "del", "bpoR")


def device_mtu(device: str) -> int:
    (link,) = json.loads(run("ip", "-n", "bpoR", "-json", "link", "show", device))
    return int(link["mtu"])


def test_a_real_device_is_widened_and_put_back(real: OpenVSwitch, bridges: Bridges, alarms: Alarms) -> None:
    wanted = target(real.address, bridge="bpoR")
    bridges.prepare("chassis1", wanted)
    wait_until(lambda: device_mtu("bpoR-east") == 1508, "the device's MTU was not raised")
    assert alarms.standing() == ()
    assert bridges.release("chassis1", wanted) is None
    assert device_mtu("bpoR-east") == 1500
    assert real.ctl("get", "Interface", "bpoR-east", "mtu_request") == "[]"


def test_a_device_that_refuses_the_mtu_is_an_alarm(real: OpenVSwitch, bridges: Bridges, alarms: Alarms) -> None:
    run("ip", "-n", "bpoR", "link", "set", "bpoR-peer", "mtu", "65535")
    real.ctl("add-port", "bpoR", "bpoR-peer")
    wait_until(lambda: real.mtu("bpoR-peer") == "65535", "the server's MTU was not seen")
    bridges.prepare("chassis1", target(real.address, bridge="bpoR"))
    wait_until(lambda: bool(alarms.standing()), "no alarm was raised")
    assert "set Interface bpoR-east mtu_request=65543" in only_message(alarms)
