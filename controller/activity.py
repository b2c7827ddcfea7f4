"""Who speaks and who is silent, read from the counters of the switches: no rule has a timeout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.compile.base import drop_keys
from controller.compile.ports import violation_key
from controller.compile.servers import sender_of
from controller.model.fabric import Fabric
from controller.model.topology import End
from controller.rules.rules import Counted, PortStats
from controller.rules.tables import MeterKind, metered


@dataclass(slots=True)
class _Seen:
    packets: int
    at: float


class Activity:
    """The last counters of every server and port; times are seconds of one monotonic clock.

    Drops are counted since the switch has had the rule that counts them.
    """

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self._seen: dict[str, _Seen] = {}
        self.violations: dict[End, int] = {}
        """Packets that the guard dropped, by port."""
        self.storms: dict[End, int] = {}
        """Flooded packets beyond a port's limit."""
        self.ports: dict[End, PortStats] = {}
        """What passed each port."""
        self.drops: dict[str, dict[str, int]] = {}
        """Packets that nobody wants, by platform and cause."""

    def counted(self, platform: str, counted: Counted, now: float) -> None:
        """Take over the counters of one switch."""
        self._seen = {name: seen for name, seen in self._seen.items() if name in self._fabric.servers}
        for key, count in counted.packets.items():
            sender = sender_of(key)
            if sender is not None:
                self._spoke((platform, sender[0]), sender[1], count, now)
        for at, number in self._fabric.wiring.ports:
            if at == platform and (count := counted.packets.get(violation_key(number), -1)) >= 0:
                self.violations[at, number] = count
        for number, count in counted.metered_off.items():
            kind, port = metered(number)
            if kind == MeterKind.STORM:
                self.storms[platform, port] = count
        self.ports.update(((platform, number), stats) for number, stats in counted.ports.items())
        self.drops[platform] = {cause: counted.packets.get(key, 0) for cause, key in drop_keys().items()}

    def silent_s(self, name: str, now: float) -> float | None:
        """For how long a server has sent nothing, seconds; None where it is not known."""
        seen = self._seen.get(name)
        return now - seen.at if seen else None

    def expired(self, platform: str, now: float) -> Iterator[str]:
        """Learned servers of a platform, just counted, that have been silent for longer than its limit.

        Those of a platform that cannot be asked are not silent: they are kept until it is back.
        """
        limit = self._fabric.declared.undeclared(platform).age
        for name, server in tuple(self._fabric.servers.items()):
            silent = self.silent_s(name, now)
            if server.platform == platform and not server.declared and silent is not None and silent > limit:
                del self._seen[name]
                yield name

    def _spoke(self, end: End, mac: int, packets: int, now: float) -> None:
        for server in self._fabric.directory.at(end):
            if server.mac == mac:
                self._note(server.name, packets, now)

    def _note(self, name: str, packets: int, now: float) -> None:
        seen = self._seen.setdefault(name, _Seen(packets, now))
        if seen.packets != packets:
            self._seen[name] = _Seen(packets, now)
