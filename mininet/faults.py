"""What can happen to a lab's cables and shared switches: no carrier, silence, silence one way, no power."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Literal, get_args

from commands import CommandFailed, ip, run
from datapath import PlatformSwitch, set_interface
from wiring import Wiring

How = Literal["carrier", "silent", "one-way"]
"""`carrier`: both ends see that the cable is out; `silent`: both still have carrier, and nothing passes; `one-way`:
the same from the link's first end to its second alone."""

_NOTHING_PASSES = "tbf rate 8bit burst 10 limit 1"
"""A queue that no frame fits in."""
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
        _silence(self._mute(name))

    def mend_link(self, name: str) -> None:
        """Let it work again, at its rate; raises `KeyError` for one that works."""
        muted = list(self._mute(name))
        if self._links.pop(name) == "carrier":
            set_interface(self._ends(name)[0], up=True)
        for interface in muted:
            run("tc", *f"qdisc del dev {interface} root".split())
        if muted:
            self._wiring.shape_link(name)

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

    def restore_platform(self, name: str) -> None:
        """Give it power again: an empty bridge with the same dpid and ports that looks for its controller."""
        self._dark.remove(name)
        switch = self._wiring.switches[name]
        switch.start()
        _clear(switch)
        cut = {self._ends(link)[0] for link, how in self._links.items() if how == "carrier"}
        ip([f"link set {interface} up" for interface in _interfaces(switch) if interface not in cut])
        self._wiring.shape_platform(name)
        _silence({each for link in self._links for each in self._mute(link)}.intersection(_interfaces(switch)))


def _silence(interfaces: Iterable[str]) -> None:
    for interface in interfaces:
        run("tc", *f"qdisc replace dev {interface} root {_NOTHING_PASSES}".split())


def _clear(switch: PlatformSwitch) -> None:
    """Take off the rates of its ports, where Open vSwitch has not done so."""
    for interface in _interfaces(switch):
        with contextlib.suppress(CommandFailed):  # there are none
            run("tc", *f"qdisc del dev {interface} root".split())


def _interfaces(switch: PlatformSwitch) -> list[str]:
    """Those of its ports, the highest numbers first: by custom, the trunks."""
    numbered = [(number, intf.name) for intf, number in switch.ports.items() if number]
    return [name for _number, name in sorted(numbered, reverse=True)]
