"""What can happen to a lab's cables and shared switches: no carrier, silence, silence one way, no power."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, get_args

from commands import CommandFailed, ip, run, vsctl
from datapath import PlatformSwitch, set_interface
from wiring import Wiring

How = Literal["carrier", "silent", "one-way"]
"""`carrier`: both ends see that the cable is out; `silent`: both still have carrier, and nothing passes; `one-way`:
the same from the link's first end to its second alone."""

_SILENCE = (
    "qdisc add dev {0} clsact",
    "filter add dev {0} egress protocol all u32 match u32 0 0 action mirred egress redirect dev {1}",
)
_SINK = "sink"
"""Added to the lab's prefix: an interface that is down, where frames end that are to go nowhere."""
_NOWHERE = "tcp:127.0.0.1:1"
"""Where no controller listens; a bridge without any controller would drop its rules."""


class Faults:
    """Makes faults, one at a time or several, and mends them."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._links: dict[str, How] = {}
        self._dark: set[str] = set()

    def fail_link(self, name: str, how: How) -> None:
        """Let a link that works fail; raises `ValueError` for one that has failed, and for another way to fail."""
        if name in self._links or how not in get_args(How):
            found = f"'{how}'" if name not in self._links else f"it has failed already ({self._links[name]})"
            raise ValueError(f"link {name}: {found}: expected a link that works, and {', '.join(get_args(How))}")
        self._links[name] = how
        if how == "carrier":
            set_interface(self._ends(name)[0], up=False)
        self._silence(self._mute(name))

    def mend_link(self, name: str) -> None:
        """Let it work again; raises `KeyError` for one that works."""
        muted = list(self._mute(name))
        if self._links.pop(name) == "carrier":
            set_interface(self._ends(name)[0], up=True)
        _tc(f"qdisc del dev {interface} clsact" for interface in muted)

    def _ends(self, name: str) -> tuple[str, str]:
        """Its interfaces, in the order of the link's ends."""
        cable = self._wiring.cables[name]
        return cable.intf1.name, cable.intf2.name

    def _mute(self, name: str) -> Iterator[str]:
        """The interfaces that keep what they are to send."""
        one, other = self._ends(name)
        yield from {"carrier": (), "silent": (one, other), "one-way": (one,)}[self._links[name]]

    def fail_platform(self, name: str) -> None:
        """Cut a shared switch's power: its ports lose carrier at both ends, its connection ends, its rules are gone.

        Its own last words are not heard: the connection ends first. Its servers stay, and have no carrier.
        """
        if name in self._dark:
            raise ValueError(f"platform {name} has no power already")
        self._dark.add(name)
        switch = self._wiring.switches[name]
        switch.connect_to(_NOWHERE)
        ip([f"link set {interface} down" for interface in _interfaces(switch)])
        switch.remove_bridge()
        _clear(switch)

    def restore_platform(self, name: str) -> None:
        """Give it power again: an empty bridge with the same dpid and ports that looks for its controller."""
        self._dark.remove(name)
        switch = self._wiring.switches[name]
        switch.start()
        cut = {self._ends(link)[0] for link, how in self._links.items() if how == "carrier"}
        ip([f"link set {interface} up" for interface in _interfaces(switch) if interface not in cut])
        self._silence({each for link in self._links for each in self._mute(link)}.intersection(_interfaces(switch)))

    def _silence(self, interfaces: Iterable[str]) -> None:
        """Frames end before they come to the queues, which stay as they are, whoever has made them."""
        muted = list(interfaces)
        for interface in muted:
            _settle(interface)
        if muted:
            sink = self._sink()
            _tc(line.format(interface, sink) for interface in muted for line in _SILENCE)

    def _sink(self) -> str:
        name = self._wiring.names.prefix + _SINK
        if not Path("/sys/class/net", name).exists():
            ip([f"link add name {name} type veth peer name {name}2"])
        return name


def _settle(interface: str) -> None:
    """Let Open vSwitch look at an interface now: when it first does so after carrier came or went, it takes off what
    stands before the queues."""
    vsctl("--if-exists", "set", "Interface", interface, f"external_ids:lab-looked-at={time.monotonic_ns()}")


def _tc(lines: Iterable[str]) -> None:
    run("tc", "-batch", "-", stdin="".join(f"{line}\n" for line in lines))


def _clear(switch: PlatformSwitch) -> None:
    """Take away the queues of its ports, where Open vSwitch has not done so."""
    for interface in _interfaces(switch):
        with contextlib.suppress(CommandFailed):  # there are none
            run("tc", *f"qdisc del dev {interface} root".split())


def _interfaces(switch: PlatformSwitch) -> list[str]:
    """Those of its ports, the highest numbers first: by custom, the trunks."""
    numbered = [(number, intf.name) for intf, number in switch.ports.items() if number]
    return [name for _number, name in sorted(numbered, reverse=True)]
