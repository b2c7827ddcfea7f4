"""Is Open vSwitch there, and are its bridges set up for Backplane?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from apps.cli.findings import Finding, fail, note, ok
from apps.cli.vsctl import Bridge, OpenVSwitch
from apps.cli.wording import counted

_PROTOCOL: Final = "OpenFlow13"
_KERNEL: Final = ("", "system")


def check_open_vswitch(switch: OpenVSwitch, needed: bool) -> Iterator[Finding]:
    """Installed and running; `needed`: the controller is here, so bridges probably are."""
    if not switch.installed:
        if needed:
            yield note("Open vSwitch", "not installed here", "apt-get install openvswitch-switch, if bridges are here")
    elif switch.problem:
        todo = "as root: sudo backplane doctor; or start it: /usr/share/openvswitch/scripts/ovs-ctl start"
        yield fail("Open vSwitch", f"installed, and its database cannot be asked: {switch.problem}", todo)
    else:
        yield ok("Open vSwitch", f"{switch.version or 'some version'} is running, its database answers")


def check_datapath(has_kernel: bool) -> Iterator[Finding]:
    """Whose datapath bridges can use."""
    if has_kernel:
        yield ok("datapath", "the kernel has the openvswitch module")
    else:
        todo = "give new bridges datapath_type=netdev (Mininet: datapath=user)"
        yield note("datapath", "the kernel's openvswitch module is not loaded: bridges work in userspace alone", todo)


def check_bridges(switch: OpenVSwitch, has_kernel: bool) -> Iterator[Finding]:
    """What each bridge needs."""
    if not switch.bridges:
        yield note("bridges", "there are none", "ovs-vsctl add-br, or a lab: mininet/lab.py examples/ring.yaml")
        return
    controlled = [bridge for bridge in switch.bridges if bridge.controllers]
    if controlled and switch.vlan_limit in ("", "1"):
        yield fail(
            "VLAN tags",
            "at most one is taken (vlan-limit): a bypass around a failed link drops its packets",
            "ovs-vsctl set Open_vSwitch . other_config:vlan-limit=2",
        )
    found = {bridge.name: list(_check_bridge(bridge, has_kernel)) for bridge in controlled}
    right = [name for name, findings in found.items() if not findings]
    if right:
        yield ok("bridges", f"{counted(len(right), 'bridge')} set up and connected: {', '.join(right)}")
    for findings in found.values():
        yield from findings
    yield from _check_alone(switch)


def _check_alone(switch: OpenVSwitch) -> Iterator[Finding]:
    alone = [bridge.name for bridge in switch.bridges if not bridge.controllers]
    if alone:
        todo = "to hand one over: ovs-vsctl set-controller BRIDGE tcp:127.0.0.1:6653"
        yield note("bridges", f"without a controller, so not Backplane's: {', '.join(alone)}", todo)


def _check_bridge(bridge: Bridge, has_kernel: bool) -> Iterator[Finding]:
    about, name = f"bridge {bridge.name}", bridge.name
    if bridge.datapath in _KERNEL and not has_kernel:
        found = "it asks for the kernel's datapath, which is not there: it forwards nothing"
        yield fail(about, found, f"ovs-vsctl set bridge {name} datapath_type=netdev")
    if bridge.protocols and _PROTOCOL not in bridge.protocols:
        found = f"it speaks {', '.join(bridge.protocols)}, and Backplane OpenFlow 1.3"
        yield fail(about, found, f"ovs-vsctl set bridge {name} protocols={_PROTOCOL}")
    if bridge.fail_mode != "secure":
        found = f"fail_mode is {bridge.fail_mode or 'not set'}: without the controller it forwards by itself"
        yield fail(about, found, f"ovs-vsctl set-fail-mode {name} secure")
    away = [target for target, connected in bridge.controllers if not connected]
    if len(away) == len(bridge.controllers):
        # Open vSwitch writes down whether it is connected some 5 s late.
        todo = f"look again in 5 s; another controller: ovs-vsctl set-controller {name} tcp:HOST:6653"
        yield fail(about, f"not connected to its controller {', '.join(away)}", todo)
