"""Sends probes when they are due, and hands what is heard to `controller`."""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TypeAlias

from controller.control import Control
from controller.discovery.frames import Probe, Refusal, ReplayGuard, build_probe, read_probe
from controller.discovery.prober import Kind, Order, Prober
from controller.model.topology import End, Port

LOG = logging.getLogger("backplane.discovery")
Send: TypeAlias = Callable[[str, list[tuple[int, bytes]], Callable[[], None]], None]
_FRESH_S = 5.0


class Discovery:
    """The probes of all connected switches; `counter` is higher than that of any probe sent before.

    `send` gives frames to ports of a platform and calls back when the switch has confirmed them.
    """

    def __init__(self, control: Control, key: bytes, counter: int, send: Send) -> None:
        self._control, self._key, self._send = control, key, send
        self._counter = counter
        self._guard = ReplayGuard(counter)
        self._mark = (time.monotonic(), counter)
        self._prober = Prober()
        self._ports: dict[End, Port] = {}
        self.refused: Counter[tuple[End, Refusal]] = Counter()

    def port(self, platform: str, port: Port) -> None:
        """A port is there, or has changed."""
        end = (platform, port.number)
        before = self._ports.get(end)
        self._ports[end] = port
        if not port.up:
            self._stop(end)
        elif before is None or not before.up:
            self._start(end)

    def port_gone(self, platform: str, number: int) -> None:
        """A port was taken away."""
        self._ports.pop((platform, number), None)
        self._stop((platform, number))

    def switch_gone(self, platform: str) -> None:
        """Nothing can be sent there any more."""
        for end in [end for end in self._ports if end[0] == platform]:
            self.port_gone(*end)

    def platform_changed(self, platform: str) -> None:
        """What ports are for may have changed with the document."""
        for end, port in self._ports.items():
            if end[0] == platform and port.up:
                self._start(end)

    def heard(self, at: End, frame: bytes) -> None:
        """A frame of discovery came in; what is not a fresh probe of ours is refused and counted."""
        if at not in self._prober:
            return
        probe = self._read(frame)
        if isinstance(probe, Refusal):
            self._refuse(at, probe)
            return
        sender = self._control.fabric.by_dpid.get(probe.dpid)
        if sender is not None:
            self._prober.seen(at, (sender, probe.port_no), time.monotonic())
            self._control.probe_heard(at, probe.dpid, probe.port_no)

    def tick(self, now: float) -> None:
        """Send what is due."""
        self._age(now)
        orders: defaultdict[str, list[Order]] = defaultdict(list)
        for order in self._prober.due(now, self._control.takes_probes):
            orders[order.end[0]].append(order)
        for platform, due in orders.items():
            self._probe(platform, due)
        self._control.discovering = self._prober.undecided

    def _start(self, end: End) -> None:
        kind = self._kind(end)
        if kind is None:
            self._stop(end)
        else:
            self._prober.port_up(end, kind, time.monotonic())

    def _stop(self, end: End) -> None:
        self._prober.port_down(end)
        self._control.alarms.clear("forged_probe", _name(end))

    def _kind(self, end: End) -> Kind | None:
        declared = self._control.fabric.declared
        if declared.is_host_port(end):
            return None
        if end in declared.trunks:
            return Kind.TRUNK
        return Kind.UNDECLARED if declared.undeclared(end[0]).mode == "learn" else None

    def _probe(self, platform: str, orders: list[Order]) -> None:
        frames = [(order.end[1], self._frame(order.end)) for order in orders]
        self._send(platform, frames, lambda: self._sent(orders))

    def _frame(self, end: End) -> bytes:
        platform, number = end
        self._counter += 1
        return build_probe(self._key, self._control.connected[platform], number, self._counter, self._ports[end].mac)

    def _sent(self, orders: list[Order]) -> None:
        for order in orders:
            self._prober.sent(order, time.monotonic())
            if self._prober.is_silent(order.end):
                self._control.port_silent(order.end)

    def _read(self, frame: bytes) -> Probe | Refusal:
        probe = read_probe(self._key, frame)
        if isinstance(probe, Probe) and not self._guard.accept(probe):
            return Refusal.REPLAYED
        return probe

    def _refuse(self, at: End, why: Refusal) -> None:
        self.refused[at, why] += 1
        LOG.debug("%s port %d: a discovery frame was refused: %s", *at, why.value)
        if why is Refusal.FORGED:
            message = f"{_name(at)}: a discovery frame was refused: {why.value}; another controller, or a forgery"
            self._control.alarms.raise_("forged_probe", _name(at), message)

    def _age(self, now: float) -> None:
        """A probe that was recorded some seconds ago is worth nothing, even if nobody else heard it."""
        since, counter = self._mark
        if now - since >= _FRESH_S:
            self._guard.refuse_below(counter)
            self._mark = (now, self._counter)


def _name(end: End) -> str:
    return f"{end[0]} port {end[1]}"
