"""Keeps the queues of a bridge's ports: classes through its database, and where the datapath does not put frames into
them, the device itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from ryu.lib import hub

from apps.ovsdb.classifier import CannotClassify, classes_of, filters_of, is_here, set_filters, set_leaves
from apps.ovsdb.client import Database, OvsdbError
from apps.ovsdb.queues import SeenPort, clear_operations, is_right, queue_operations, read_ports
from controller.model.alarms import Alarms
from controller.queues import Mechanism, PortQueues, Queue

ALARM: Final = "queues"
Sentence: TypeAlias = Callable[[str, str], None]
"""Told of a platform, in words."""
_USERSPACE: Final = "netdev"
_TAKEN_OVER_WITHIN_S: Final = 3.0
_POLL_S: Final = 0.05
_WITHOUT: Final = "what is reserved is metered where it enters, and not kept when a port is overloaded"


class QueueKeeper:
    """What a device was told last is remembered, and told again where it is not so any more.

    `tampered` is told of queues that were right, and are not any more though the same is wanted.
    """

    def __init__(self, alarms: Alarms, tampered: Sentence) -> None:
        self._alarms, self._tampered = alarms, tampered
        self._right: dict[str, tuple[PortQueues, ...]] = {}
        self._told: dict[str, tuple[PortQueues, str]] = {}
        """By device: its queues, and the filters as they were shown then."""
        self._lengths: dict[str, tuple[Queue, ...]] = {}
        """By device: the queues that were given their length."""

    def forget(self, platform: str) -> None:
        """A bridge is not looked after any more."""
        self._right.pop(platform, None)
        self._alarms.clear(ALARM, platform)

    def keep(
        self, platform: str, database: Database, bridge: str, local: bool, wanted: tuple[PortQueues, ...]
    ) -> Mapping[PortQueues, Mechanism]:
        """Make the queues of a bridge as they are wanted; answers how what is reserved is kept at each port."""
        try:
            return self._keep(platform, database, bridge, local, wanted)
        except OvsdbError as problem:
            self._raise(platform, str(problem))
            return {}

    def _keep(
        self, platform: str, database: Database, bridge: str, local: bool, wanted: tuple[PortQueues, ...]
    ) -> Mapping[PortQueues, Mechanism]:
        kind, ports = read_ports(database, bridge)
        marks = kind == _USERSPACE and local
        problems: dict[str, str] = {}
        lost = [queues for queues in wanted if marks and self._is_lost(queues, ports.get(queues.name), problems)]
        operations = queue_operations(ports, wanted)
        if self._right.pop(platform, None) == wanted and (operations or lost):
            self._tampered(platform, f"{platform}: queues were changed by somebody else: they are made again")
        if lost:
            database.transact(*clear_operations(ports[queues.name] for queues in lost))
            database.reconfigured(_TAKEN_OVER_WITHIN_S)
            operations = queue_operations(read_ports(database, bridge)[1], wanted)
        if operations:
            database.transact(*operations)
            database.reconfigured(_TAKEN_OVER_WITHIN_S)
            _, ports = read_ports(database, bridge)
        self._forget_devices(ports.keys() - {queues.name for queues in wanted})
        found = {queues: self._kept(queues, ports.get(queues.name), kind, marks, problems) for queues in wanted}
        self._complain(platform, kind, local, wanted, problems)
        if not problems:
            self._right[platform] = wanted
        return found

    def release(self, database: Database, bridge: str) -> None:
        """Take all our queues from a bridge's ports; raises `OvsdbError`."""
        _, ports = read_ports(database, bridge)
        operations = queue_operations(ports, ())
        if operations:
            database.transact(*operations)
        self._forget_devices(ports)

    def _forget_devices(self, devices: Iterable[str]) -> None:
        for device in devices:
            self._told.pop(device, None)
            self._lengths.pop(device, None)

    def _is_lost(self, queues: PortQueues, port: SeenPort | None, problems: dict[str, str]) -> bool:
        """Whether a device has lost queues that it had. One that has them is told its filters first: a queue that is
        to go can only go when no filter names it."""
        if port is None or port.own is None or not is_here(queues.name):
            return False
        if not port.queues.keys() <= classes_of(queues.name):
            self._forget_devices([queues.name])
            return True
        self._try(queues, problems, lambda: self._tell_filters(queues))
        return False

    def _kept(
        self, queues: PortQueues, port: SeenPort | None, kind: str, marks: bool, problems: dict[str, str]
    ) -> Mechanism:
        if port is None or not is_right(port, queues):
            return "police"
        if kind != _USERSPACE:
            return "queue"
        is_told = marks and is_here(queues.name) and self._try(queues, problems, lambda: self._tell(queues))
        return "mark" if is_told else "police"

    def _try(self, queues: PortQueues, problems: dict[str, str], act: Callable[[], None]) -> bool:
        try:
            act()
        except CannotClassify as problem:
            problems[queues.name] = str(problem)
            return False
        return True

    def _tell(self, queues: PortQueues) -> None:
        if self._lengths.get(queues.name) != queues.queues:
            _wait_for_classes(queues)
            set_leaves(queues)
            self._lengths[queues.name] = queues.queues
        if self._told.get(queues.name, (None,))[0] != queues:
            self._tell_filters(queues)

    def _tell_filters(self, queues: PortQueues) -> None:
        told = self._told.get(queues.name)
        if told is not None and told[0] == queues and told[1] == filters_of(queues.name):
            return
        set_filters(queues)
        self._told[queues.name] = (queues, filters_of(queues.name))

    def _complain(
        self, platform: str, kind: str, local: bool, wanted: tuple[PortQueues, ...], problems: Mapping[str, str]
    ) -> None:
        texts = [f"{device}: {problem}" for device, problem in problems.items()]
        if wanted and kind == _USERSPACE and not local:
            texts = ["its datapath is userspace and its machine another: frames cannot be put into queues there"]
        if texts:
            self._raise(platform, "; ".join(texts))
        else:
            self._alarms.clear(ALARM, platform)

    def _raise(self, platform: str, problem: str) -> None:
        self._alarms.raise_(ALARM, platform, f"{platform}: {problem}. Until then, {_WITHOUT}")


def _wait_for_classes(queues: PortQueues) -> None:
    """Open vSwitch makes them when it has heard of them."""
    wanted, deadline = {queue.number for queue in queues.queues}, time.monotonic() + _TAKEN_OVER_WITHIN_S
    while not wanted <= classes_of(queues.name):
        if time.monotonic() >= deadline:
            raise CannotClassify("Open vSwitch has not made its classes")
        hub.sleep(_POLL_S)
