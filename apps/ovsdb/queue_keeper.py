"""Keeps the queues of a bridge's ports: classes through its database, and where the datapath does not put frames into
them, the device itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from ryu.lib import hub

from apps.ovsdb.classifier import CannotClassify, classes_of, filters_of, is_here, set_filters, set_leaves
from apps.ovsdb.client import Database, OvsdbError
from apps.ovsdb.queues import SeenPort, is_right, queue_operations, read_ports
from controller.model.alarms import Alarms
from controller.queues import Mechanism, PortQueues

LOG = logging.getLogger("backplane.ovsdb")
ALARM: Final = "queues"
_USERSPACE: Final = "netdev"
_CLASSES_WITHIN_S: Final = 3.0
_POLL_S: Final = 0.05


class QueueKeeper:
    """What a device was told last is remembered, and told again where it is not so any more."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._told: dict[str, tuple[PortQueues, str]] = {}
        """By device: its queues, and the filters as they were shown then."""

    def forget(self, platform: str) -> None:
        """A bridge is not looked after any more."""
        self._alarms.clear(ALARM, platform)

    def keep(
        self, platform: str, database: Database, bridge: str, local: bool, wanted: tuple[PortQueues, ...]
    ) -> Mapping[int, Mechanism]:
        """Make the queues of a bridge as they are wanted; answers how what is reserved is kept at each port.

        Raises `OvsdbError`.
        """
        kind, ports = read_ports(database, bridge)
        marks = kind == _USERSPACE and local
        for queues in wanted if marks else ():
            if (port := ports.get(queues.name)) and port.own and is_here(queues.name):
                self._tell_filters(queues)
        operations = queue_operations(ports, wanted)
        if operations:
            database.transact(*operations)
            _, ports = read_ports(database, bridge)
        for name in self._told.keys() & ports.keys() - {queues.name for queues in wanted}:
            del self._told[name]
        found: dict[int, Mechanism] = {}
        problems = []
        for queues in wanted:
            try:
                found[queues.number] = self._kept(queues, ports.get(queues.name), kind, marks)
            except CannotClassify as problem:
                found[queues.number] = "police"
                problems.append(f"{queues.name}: {problem}")
        self._complain(platform, kind, local, wanted, problems)
        return found

    def release(self, database: Database, bridge: str) -> None:
        """Take all our queues from a bridge's ports; raises `OvsdbError`."""
        _, ports = read_ports(database, bridge)
        operations = queue_operations(ports, ())
        if operations:
            database.transact(*operations)

    def _kept(self, queues: PortQueues, port: SeenPort | None, kind: str, marks: bool) -> Mechanism:
        if not is_right(port, queues):
            return "police"
        if kind != _USERSPACE:
            return "queue"
        if not marks or not is_here(queues.name):
            return "police"
        told = self._told.get(queues.name)
        if told is None or told[0].queues != queues.queues:
            _wait_for_classes(queues)
            set_leaves(queues)
        self._tell_filters(queues)
        return "mark"

    def _tell_filters(self, queues: PortQueues) -> None:
        told = self._told.get(queues.name)
        if told is not None and told[0] == queues and told[1] == filters_of(queues.name):
            return
        set_filters(queues)
        self._told[queues.name] = (queues, filters_of(queues.name))

    def _complain(
        self, platform: str, kind: str, local: bool, wanted: tuple[PortQueues, ...], problems: list[str]
    ) -> None:
        if wanted and kind == _USERSPACE and not local:
            problems = ["its datapath is userspace and its machine another: frames cannot be put into queues there"]
        if problems:
            without = "what is reserved is metered where it enters, and not kept when a trunk is overloaded"
            self._alarms.raise_(ALARM, platform, f"{platform}: {'; '.join(problems)}. Until then, {without}")
        else:
            self._alarms.clear(ALARM, platform)


def _wait_for_classes(queues: PortQueues) -> None:
    """Open vSwitch makes them when it has heard of them."""
    wanted, deadline = {queue.number for queue in queues.queues}, time.monotonic() + _CLASSES_WITHIN_S
    while not wanted <= classes_of(queues.name):
        if time.monotonic() >= deadline:
            raise CannotClassify("Open vSwitch has not made its classes")
        hub.sleep(_POLL_S)
