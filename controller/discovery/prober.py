"""When to send which probe: quick until a port is understood, then at a steady pace.

A port's next probe waits until its last one is confirmed as sent, so probing slows down by itself where a
switch or the controller is busy. Times are seconds of one monotonic clock, passed in.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import Final, NamedTuple, TypeAlias

from controller.model.topology import End

SILENT_AFTER: Final = 3
"""Probes confirmed as sent, with nothing heard, after which a port has no peer."""
QUICK_S: Final = 0.1
STEADY_S: Final = 1.0
SLOW_S: Final = 5.0
QUICK_PROBES: Final = 20
"""After so many quick probes without success the pace halves each time, down to the steady one."""
_DOUBLINGS: Final = 10
CONFIRM_WITHIN_S: Final = 1.0
"""A probe that is not confirmed by then is sent again."""
READY_AGAIN_S: Final = 0.05
"""When to ask again whether a port can take probes."""
PROBES_PER_S: Final = 1000
BURST: Final = 50


class Kind(Enum):
    """What the document says of a port."""

    TRUNK = "trunk"
    UNDECLARED = "undeclared"


class Order(NamedTuple):
    """One probe to send; `number` ties the confirmation to it."""

    end: End
    number: int


_Slot: TypeAlias = tuple[float, int, End]


@dataclass(slots=True)
class _Port:
    kind: Kind
    slot: int = 0
    """The number of its one valid place in a queue."""
    flying: int | None = None
    """The probe whose confirmation is awaited."""
    confirmed: int = 0
    hears: bool = False
    reaches: bool = False
    """A probe of it has arrived somewhere."""

    @property
    def silent(self) -> bool:
        apart = not self.hears and not self.reaches
        return self.kind is Kind.UNDECLARED and apart and self.confirmed >= SILENT_AFTER

    @property
    def undecided(self) -> bool:
        """It was not probed often enough to tell whether something is there."""
        return not self.reaches and self.confirmed < SILENT_AFTER

    @property
    def quick(self) -> bool:
        return not self.reaches and not self.silent and self.confirmed < QUICK_PROBES

    @property
    def pace_s(self) -> float:
        if self.silent:
            return SLOW_S
        if self.reaches:
            return STEADY_S
        if self.quick:
            return QUICK_S
        return min(QUICK_S * 2.0 ** min(self.confirmed - QUICK_PROBES, _DOUBLINGS), STEADY_S)


@dataclass(slots=True)
class _Budget:
    """A token bucket, so that many ports that come up at once do not flood their switches."""

    tokens: float = BURST
    updated: float = field(default=float("-inf"))

    def refill(self, now: float) -> None:
        self.tokens = min(BURST, self.tokens + (now - self.updated) * PROBES_PER_S)
        self.updated = now

    def take(self) -> bool:
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Prober:
    """The ports that are probed. Ports not yet understood go before those that are only watched."""

    def __init__(self) -> None:
        self._ports: dict[End, _Port] = {}
        self._quick: list[_Slot] = []
        self._watched: list[_Slot] = []
        self._numbers = count(1)
        self._budget = _Budget()
        self._undecided: set[End] = set()

    def __contains__(self, end: End) -> bool:
        return end in self._ports

    def port_up(self, end: End, kind: Kind, now: float) -> None:
        """Probe a port from now on; one that is probed already as the same kind goes on as it is."""
        known = self._ports.get(end)
        if known is None or known.kind is not kind:
            self._ports[end] = _Port(kind)
            self._undecided.add(end)
            self._plan(end, now)

    def port_down(self, end: End) -> None:
        """Probe it no more, and forget what was found there."""
        self._ports.pop(end, None)

    def seen(self, at: End, sender: End, now: float) -> None:
        """A genuine probe of `sender` came in `at`; where the sender does not hear `at` yet, that is probed at once."""
        peer, port = self._ports.get(sender), self._ports.get(at)
        if peer is not None:
            peer.reaches = True
        if port is None:
            return
        if not port.hears:
            port.hears, port.confirmed = True, 0
        if peer is not None and not peer.hears:
            port.flying = None
            self._plan(at, now)

    @property
    def undecided(self) -> bool:
        """Whether there are ports that discovery has not had its say on."""
        self._undecided = {end for end in self._undecided if end in self._ports and self._ports[end].undecided}
        return bool(self._undecided)

    def due(self, now: float, ready: Callable[[End], bool]) -> list[Order]:
        """The probes to send now, at most `BURST`; a port that is not `ready` to hear an answer waits."""
        self._budget.refill(now)
        return [*self._take(self._quick, now, ready), *self._take(self._watched, now, ready)]

    def sent(self, order: Order, now: float) -> None:
        """The switch has confirmed a probe; what was ordered before a port went down does not count."""
        port = self._ports.get(order.end)
        if port is not None and port.flying == order.number:
            port.flying = None
            port.confirmed += 1
            self._plan(order.end, now + port.pace_s)

    def is_silent(self, end: End) -> bool:
        """Whether an undeclared port was probed often enough, with nothing heard from either side."""
        port = self._ports.get(end)
        return port is not None and port.silent

    def _plan(self, end: End, at: float) -> int:
        """Give a port its one place in a queue; an earlier one is void."""
        port = self._ports[end]
        port.slot = next(self._numbers)
        heapq.heappush(self._quick if port.quick else self._watched, (at, port.slot, end))
        return port.slot

    def _take(self, queue: list[_Slot], now: float, ready: Callable[[End], bool]) -> list[Order]:
        orders: list[Order] = []
        while queue and queue[0][0] <= now:
            _, number, end = queue[0]
            port = self._ports.get(end)
            if port is None or port.slot != number:
                heapq.heappop(queue)
            elif not ready(end):
                heapq.heappop(queue)
                self._plan(end, now + READY_AGAIN_S)
            elif self._budget.take():
                heapq.heappop(queue)
                port.flying = self._plan(end, now + CONFIRM_WITHIN_S)
                orders.append(Order(end, port.flying))
            else:
                break
        return orders
