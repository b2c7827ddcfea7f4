"""Open vSwitch bridges as Mininet switches: kernel or userspace datapath, with as many ports as wanted."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from commands import CommandFailed, ip, run, vsctl
from mininet.node import OVSSwitch
from shaping import limit_port


@cache
def kernel_datapath() -> bool:
    """Whether this kernel has a usable `openvswitch` module; without it bridges run in userspace (`netdev`)."""
    return _succeeds("ovs-dpctl", "dump-dps") or (
        _succeeds("modprobe", "openvswitch") and _succeeds("ovs-dpctl", "dump-dps")
    )


def _succeeds(*command: str) -> bool:
    try:
        run(*command)
    except CommandFailed:
        return False
    return True


class PlatformSwitch(OVSSwitch):
    """A platform's shared switch: a node named as the platform, on a bridge with a name of the lab's."""

    def __init__(self, name: str, bridge: str, dpid: int, target: str | None = None, **params: Any) -> None:
        """`target`: the controller (``tcp:127.0.0.1:6653``); None: plain NORMAL switching."""
        self.bridge, self.target = bridge, target
        self.tags: dict[int, int] = {}
        """VLAN of the access ports, by port number; 0: untagged frames alone."""
        self.rates: dict[int, int] = {}
        """What ports may send at most, bit/s, by port number."""
        self.settings: tuple[str, ...] = ()
        """More columns of the bridge's record: ``rstp_enable=true``."""
        datapath = "kernel" if kernel_datapath() else "user"
        super().__init__(name, dpid=f"{dpid:016x}", datapath=datapath, protocols="OpenFlow13", **params)

    def port_name(self, number: int) -> str:
        """The interface of a port, on this machine."""
        return f"{self.bridge}-{number}"

    def start(self, _controllers: Any = ()) -> None:
        """Make the bridge with all its ports in one transaction."""
        vsctl(*self._create_controller(), "--", "add-br", self.bridge, "--", *self._bridge_settings(), *self._ports())

    def _create_controller(self) -> Iterator[str]:
        if self.target:
            yield from ("--id=@c", "create", "Controller", f'target="{self.target}"', "max_backoff=1000")

    def _bridge_settings(self) -> Iterator[str]:
        yield from ("set", "Bridge", self.bridge, "protocols=OpenFlow13")
        yield from (f"other_config:datapath-id={self.dpid}", "other_config:disable-in-band=true")
        yield f"other_config:dp-desc={self.name}"
        yield from ("controller=@c", "fail_mode=secure") if self.target else ("fail_mode=standalone",)
        if self.datapath == "user":
            yield "datapath_type=netdev"
        yield from self.settings

    def _ports(self) -> Iterator[str]:
        for intf in self.intfList():
            if self.ports[intf]:  # 0 is the loopback of the node itself
                yield from self._add_port(intf.name, self.ports[intf])

    def _add_port(self, interface: str, number: int) -> Iterator[str]:
        tag = (f"tag={self.tags[number]}",) if number in self.tags else ()
        yield from ("--", "add-port", self.bridge, interface, *tag)
        yield from ("--", "set", "Interface", interface, f"ofport_request={number}")
        if number in self.rates:
            yield from limit_port(interface, number, self.rates[number])

    def attach(self, intf: Any) -> None:
        """Plug a cable in while the switch runs."""
        vsctl(*self._add_port(str(intf), self.ports[intf]))

    def detach(self, intf: Any) -> None:
        """Unplug a cable while the switch runs."""
        vsctl("--if-exists", "del-port", self.bridge, str(intf))

    def dpctl(self, *args: str) -> str:
        """Run `ovs-ofctl COMMAND` on the bridge (the CLI's `dpctl`)."""
        return run("ovs-ofctl", "-O", "OpenFlow13", args[0], self.bridge, *args[1:])

    def connected(self) -> bool:
        """Whether the controller has the bridge; a bridge without one has all it wants."""
        if not self.target:
            return True
        controller = vsctl("get", "Bridge", self.bridge, "controller").strip().strip("[]")
        return vsctl("get", "Controller", controller, "is_connected").strip() == "true"

    def connect_to(self, target: str) -> None:
        """Point the bridge to another controller, without a moment in which it has none."""
        if self.target:
            record = vsctl("get", "Bridge", self.bridge, "controller").strip().strip("[]")
            vsctl("set", "Controller", record, f'target="{target}"')

    def stop(self, deleteIntfs: bool = True) -> None:  # noqa: N803 (Mininet's own name)
        """Remove the bridge; with it go its ports' records, and their interfaces where asked."""
        self.remove_bridge()
        super(OVSSwitch, self).stop(deleteIntfs)

    def remove_bridge(self) -> None:
        """Remove the bridge alone."""
        vsctl("--if-exists", "del-br", self.bridge)


def set_interface(name: str, up: bool) -> None:
    """Set an interface of this machine up or down."""
    ip([f"link set {name} {'up' if up else 'down'}"])
