"""Keeps the bridges as the rules need them: a greenlet each, which looks again from time to time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ryu.lib import hub

from apps.ovsdb.client import LOCAL, Database, OvsdbError
from apps.ovsdb.queue_keeper import QueueKeeper
from apps.ovsdb.rows import Found, change_operations, mark_operations, read_bridge, unmark_operations
from controller.bridge_settings import (
    SERVER_MTU,
    Change,
    Seen,
    Trunk,
    by_hand,
    complaint,
    is_narrowed,
    last_changes,
    server_mtu,
    undo_changes,
    wanted_changes,
)
from controller.model.alarms import Alarms
from controller.queues import Mechanism, PortQueues

LOG = logging.getLogger("backplane.ovsdb")
ALARM: Final = "bridge_settings"
Report: TypeAlias = Callable[[str, Collection[int] | None, Mapping[PortQueues, Mechanism]], None]
Sentence: TypeAlias = Callable[[str, str], None]
"""Told of a platform, in words."""
_AGAIN_S: Final = 4.0
_SOON_S: Final = 0.5
"""While BFD is beginning on a trunk."""
_APPLIED_WITHIN_S: Final = 3.0
_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Target:
    """A bridge to keep right: where its database is (None: the local one), its trunks, the queues of its ports."""

    dpid: int
    bridge: str
    address: str | None = None
    trunks: tuple[Trunk, ...] = ()
    queues: tuple[PortQueues, ...] = ()

    @property
    def database(self) -> str:
        """The address of its database."""
        return self.address or LOCAL

    @property
    def is_here(self) -> bool:
        """Whether its database, and so its devices, are of this machine."""
        return self.database.startswith("unix:")

    @property
    def numbers(self) -> frozenset[int]:
        """The port numbers of its trunks."""
        return frozenset(trunk.number for trunk in self.trunks)

    @property
    def bfd_ms(self) -> dict[int, int]:
        """How often BFD is to tell on a trunk that it lives, by port number; 0: not at all."""
        return {trunk.number: trunk.bfd_ms for trunk in self.trunks if trunk.bfd_ms is not None}

    def unheard(self, heard: Collection[int]) -> bool:
        """Whether BFD has yet to hear the other end of a trunk."""
        return any(interval and number not in heard for number, interval in self.bfd_ms.items())


def _nobody(*_told: object) -> None:
    """Nobody wants to know."""


def _read(database: Database, target: Target) -> Found:
    return read_bridge(database, target.bridge, target.dpid)


class Bridges:
    """The bridges in our care. What is not right and cannot be made so is an alarm until it is.

    `report` is told of each look: the platform, the ports where BFD hears the other end (None: no database), and how
    what is reserved is kept at its ports.
    Told in a sentence: `tampered`, of what was right and is not any more though nothing else is wanted; `left`, of a
    bridge that was let go and could not be put back as it was.
    """

    def __init__(
        self, alarms: Alarms, report: Report = _nobody, tampered: Sentence = _nobody, left: Sentence = _nobody
    ) -> None:
        self._alarms, self._report, self._tampered, self._left = alarms, report, tampered, left
        self._queues = QueueKeeper(alarms, tampered)
        self._right: dict[str, tuple[Target, int]] = {}
        """For what (the trunks, the largest MTU) all of a bridge was right when it was looked at last."""
        self._targets: dict[str, Target] = {}
        self._mtus: dict[str, int] = {}
        self._wake: dict[str, hub.Event] = {}
        self._keepers: dict[str, Any] = {}

    def prepare(self, platform: str, target: Target) -> None:
        """Keep a bridge right from now on; answers at once. Call it again when its trunks have changed."""
        if self._targets.get(platform) == target:
            return
        self._targets[platform] = target
        self._wake.setdefault(platform, hub.Event()).set()
        if platform not in self._keepers:
            self._keepers[platform] = hub.spawn(self._keep, platform)

    def forget(self, platform: str) -> None:
        """Care for a bridge no more, and leave it as it is."""
        keeper = self._keepers.pop(platform, None)
        if keeper is not None:
            hub.kill(keeper)
        self._targets.pop(platform, None)
        self._mtus.pop(platform, None)
        self._right.pop(platform, None)
        self._wake.pop(platform, None)
        self._alarms.clear(ALARM, platform)
        self._queues.forget(platform)

    def let_go(self, platform: str) -> None:
        """Put a bridge back as it was before us, meanwhile: it is not ours any more."""
        target = self._targets.get(platform)
        if target is not None:
            hub.spawn(self._let_go, platform, target)

    def _let_go(self, platform: str, target: Target) -> None:
        problem = self.release(platform, target)
        if problem:
            LOG.warning("%s", problem)
            self._left(platform, problem)
        else:
            LOG.info("%s: the settings of bridge %s are as they were before", platform, target.bridge)

    def release(self, platform: str, target: Target) -> str | None:
        """Put a bridge back as it was before us; waits. None, or why it could not be done and how to by hand."""
        self.forget(platform)
        others = any(other.database == target.database for other in self._targets.values())
        try:
            with Database(target.database) as database:
                return self._put_back(platform, target, database, others)
        except OvsdbError as problem:
            return f"{platform}: {problem}; its settings stay as they are"

    def _put_back(self, platform: str, target: Target, database: Database, others: bool) -> str | None:
        self._queues.release(database, target.bridge)
        found = _read(database, target)
        changes = undo_changes(found.seen, others)
        database.transact(*change_operations(found, changes))
        narrowed = _in_time(lambda: is_narrowed(_read(database, target).seen))
        found = _read(database, target)
        last = change_operations(found, last_changes(found.seen))
        database.transact(*last, *unmark_operations(found, others))
        return None if narrowed else f"{platform}: a device kept its MTU. To set it by hand: {by_hand(changes)}"

    def _keep(self, platform: str) -> None:
        while True:
            self._wake[platform].clear()
            heard: Collection[int] = ()
            try:
                heard = self._look(platform, self._targets[platform])
            except Exception:
                LOG.exception("%s: the bridge's settings could not be looked at", platform)
                self._alarms.raise_(ALARM, platform, f"{platform}: its settings could not be looked at: see the log")
            self._wake[platform].wait(_SOON_S if self._targets[platform].unheard(heard) else _AGAIN_S)

    def _look(self, platform: str, target: Target) -> Collection[int]:
        """One look; answers the ports where BFD hears the other end."""
        problem: str | None
        heard: frozenset[int] | None = None
        kept: Mapping[PortQueues, Mechanism] = {}
        try:
            with Database(target.database) as database:
                problem, left, seen = self._set_right(platform, target, database)
                heard = frozenset(port.number for port in seen.interfaces if port.heard)
                kept = self._queues.keep(platform, database, target.bridge, target.is_here, target.queues)
        except OvsdbError as error:
            assumed = Seen.nothing(target.bridge, {trunk.number: trunk.name for trunk in target.trunks})
            problem, left = str(error), wanted_changes(assumed, target.numbers, self._largest_mtu)
        self._report(platform, heard, kept)
        if problem:
            self._alarms.raise_(ALARM, platform, complaint(platform, problem, left))
        else:
            self._alarms.clear(ALARM, platform)
        return heard or ()

    def _set_right(
        self, platform: str, target: Target, database: Database
    ) -> tuple[str | None, Sequence[Change], Seen]:
        """What is wrong, what is left to do about it, and what was seen."""
        found = _read(database, target)
        self._note_mtu(platform, server_mtu(found.seen, target.numbers))
        changes, wanted = self._wanted(found, target), (target, self._largest_mtu)
        was_right = self._right.pop(platform, None) == wanted
        if changes:
            self._say(platform, by_hand(changes), was_right)
            database.transact(*change_operations(found, changes), *mark_operations(found, changes))
        if not changes or _in_time(lambda: not self._wanted(_read(database, target), target)):
            self._right[platform] = wanted
            return None, (), found.seen
        return "the bridge has not taken over a setting", self._wanted(_read(database, target), target), found.seen

    def _say(self, platform: str, command: str, was_right: bool) -> None:
        LOG.info("%s: %s", platform, command)
        if was_right:
            what = "a setting of its bridge was changed back by somebody else: it is made again"
            self._tampered(platform, f"{platform}: {what} ({command})")

    def _wanted(self, found: Found, target: Target) -> Sequence[Change]:
        return wanted_changes(found.seen, target.numbers, self._largest_mtu, target.bfd_ms)

    @property
    def _largest_mtu(self) -> int:
        return max([SERVER_MTU, *self._mtus.values()])

    def _note_mtu(self, platform: str, mtu: int) -> None:
        """A server's larger MTU matters to the trunks of every platform."""
        before = self._largest_mtu
        self._mtus[platform] = mtu
        if self._largest_mtu > before:
            for name, wake in self._wake.items():
                if name != platform:
                    wake.set()


def _in_time(condition: Callable[[], bool]) -> bool:
    """Whether something becomes true in the time that a switch may take; other greenlets run meanwhile."""
    deadline = time.monotonic() + _APPLIED_WITHIN_S
    while not condition():
        if time.monotonic() >= deadline:
            return False
        hub.sleep(_POLL_S)
    return True
