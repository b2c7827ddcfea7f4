"""One switch's connection: what it holds is read, steps are written, barriers and errors come back.

Nothing here waits in a handler: a writer greenlet sends, and replies are matched by transaction number.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

from ryu.lib import hub

from apps.openflow import decode, encode
from controller.rules.reconciler import Batch
from controller.rules.rules import Counted, Group, Installed, Meter, PortStats, Rule, RuleKey
from controller.rules.tables import COUNTED, COUNTED_RATES

LOG = logging.getLogger("backplane.switch")
Upsert: TypeAlias = tuple[Rule, int, bool]
_SLICE: Final = 1000
"""Rules that are encoded and written at a time."""


@dataclass(slots=True)
class _Counting:
    """Counters while the replies come in."""

    packets: dict[RuleKey, int] = field(default_factory=dict)
    octets: dict[RuleKey, int] = field(default_factory=dict)
    metered_off: dict[int, int] = field(default_factory=dict)
    octets_off: dict[int, int] = field(default_factory=dict)


class Switch:
    """Wraps Ryu's datapath; `on_read` and `on_confirmed` are called from the event loop."""

    def __init__(
        self,
        datapath: Any,
        platform: str,
        on_read: Callable[[Switch, Installed], None],
        on_confirmed: Callable[[Switch, Mapping[RuleKey, str]], None],
    ) -> None:
        self.datapath, self.platform = datapath, platform
        self._on_read, self._on_confirmed = on_read, on_confirmed
        self._cookies: dict[RuleKey, int] = {}
        self._counting: dict[int, _Counting] = {}
        self._auditing: dict[int, list[bytes]] = {}
        self._ports: dict[int, PortStats] = {}
        self._groups: dict[int, Group] = {}
        self._meters: dict[int, Meter] = {}
        self._sent: dict[int, RuleKey] = {}
        self._refused: dict[RuleKey, str] = {}
        self._barriers: dict[int, Callable[[], None]] = {}
        self._outbox: hub.Queue = hub.Queue()
        self._writer = hub.spawn(self._write)

    @property
    def dpid(self) -> int:
        """The datapath's number."""
        return int(self.datapath.id)

    # Out

    def read_rules(self) -> None:
        """Ask for all flow entries, groups and meters; `on_read` is called when all is there."""
        self._cookies.clear()
        self._groups.clear()
        self._meters.clear()
        requests = (encode.flow_stats_request, encode.group_desc_request, encode.meter_config_request)
        for request in requests:
            self.write(request(self._xid()))
        self.barrier(self._read)

    def read_counters(self, done: Callable[[Switch, Counted], None]) -> None:
        """Ask for the counters that tell who speaks, what is dropped and what passes each port."""
        self._ports.clear()
        self.write(encode.port_stats_request(self._xid()))
        self._count(COUNTED, done)

    def read_rates(self, done: Callable[[Switch, Counted], None]) -> None:
        """Ask for the counters that tell what reservations get."""
        self._count(COUNTED_RATES, done)

    def _count(self, which: Iterable[tuple[int | None, int, int]], done: Callable[[Switch, Counted], None]) -> None:
        counting = _Counting()
        for table, cookie, mask in which:
            xid = self._xid()
            self._counting[xid] = counting
            self.write(encode.flow_stats_request(xid, table, cookie, mask))
        xid = self._xid()
        self._counting[xid] = counting
        self.write(encode.meter_stats_request(xid))
        self.barrier(lambda: self._counted(counting, done))

    def read_for_audit(self, done: Callable[[list[bytes]], None]) -> None:
        """Ask for all groups, meters and flow entries; `done` is given the replies, undecoded, when all are there.

        Groups first: a group that is deleted takes its flow entries along, and is missed together with them.
        """
        parts: list[bytes] = []
        for request in (encode.group_desc_request, encode.meter_config_request, encode.flow_stats_request):
            xid = self._xid()
            self._auditing[xid] = parts
            self.write(request(xid))
        self.barrier(lambda: self._audited(parts, done))

    def close_unless_alive(self, within_s: float) -> None:
        """Close the connection where the switch does not answer in time."""
        alive: list[bool] = []
        self.barrier(lambda: alive.append(True))
        hub.spawn_after(within_s, lambda: alive or self.datapath.close())

    def send(self, batch: Batch) -> None:
        """Carry out one step; `on_confirmed` is called when the switch has.

        Slice by slice, each encoded when its turn to be written comes: the switch works meanwhile, and no
        other switch waits for a large step.
        """
        self._sent, self._refused = {}, {}
        upserts = [(wanted.rule, wanted.cookie, new) for wanted, new in batch.upserts]
        for start in range(0, len(upserts), _SLICE):
            self._outbox.put(partial(self._encode, upserts[start : start + _SLICE], ()))
        if batch.deletes:
            self._outbox.put(partial(self._encode, (), batch.deletes))
        self.barrier(self._confirmed)

    def _encode(self, upserts: Sequence[Upsert], deletes: Sequence[RuleKey]) -> bytes:
        try:
            buffer, sent = encode.encode_batch(upserts, deletes, self._xids(len(upserts) + len(deletes)))
        except ValueError as problem:
            return self._without_faulty(upserts, deletes, problem)
        self._sent |= sent
        return buffer

    def _without_faulty(self, upserts: Sequence[Upsert], deletes: Sequence[RuleKey], problem: ValueError) -> bytes:
        """A rule that cannot be encoded is refused like one that the switch refuses; the others go out."""
        if len(upserts) + len(deletes) == 1:
            self._refused[upserts[0][0].key if upserts else deletes[0]] = str(problem)
            return b""
        put_in = (self._encode([upsert], ()) for upsert in upserts)
        taken_out = (self._encode((), [key]) for key in deletes)
        return b"".join((*put_in, *taken_out))

    def packets_out(self, frames: Iterable[tuple[int, bytes]], done: Callable[[], None]) -> None:
        """Send frames of our own, each out of a port; `done` is called when the switch has."""
        self.write(b"".join(encode.frame_out(port, frame, self._xid()) for port, frame in frames))
        self.barrier(done)

    def barrier(self, done: Callable[[], None]) -> None:
        """Call `done` when the switch has processed all that was sent before."""
        xid = self._xid()
        self._barriers[xid] = done
        self.write(encode.barrier_request(xid))

    def write(self, buffer: bytes) -> None:
        """Queue bytes for the switch; never waits."""
        self._outbox.put(buffer)

    def close(self) -> None:
        """The connection is gone."""
        hub.kill(self._writer)

    def _write(self) -> None:
        while True:
            item = self._outbox.get()
            self.datapath.send(item if isinstance(item, bytes) else item())
            hub.sleep(0)

    def _xid(self) -> int:
        return self._xids(1)

    def _xids(self, count: int) -> int:
        """The first of a run of transaction numbers that no other message uses."""
        first: int = (self.datapath.xid + 1) & 0xFFFFFFFF
        if first + count >= 0xFFFFFFFF:
            first = 1
        self.datapath.xid = first + count
        return first

    # In

    def barrier_reply(self, xid: int) -> None:
        """A barrier came back."""
        done = self._barriers.pop(xid, None)
        if done is not None:
            done()

    def error(self, message: bytes) -> str | None:
        """An error; it is noted for the rule that it is about, or returned as text."""
        kind, code, xid, _ = decode.error(message)
        text = decode.error_text(kind, code)
        key = self._sent.get(xid)
        if key is None:
            return text
        self._refused[key] = text
        return None

    def flow_stats(self, message: bytes, xid: int) -> None:
        """A part of the flow entries, or of their counters."""
        if self._is_audited(message, xid):
            return
        counting = self._counting.get(xid)
        for entry in decode.flow_stats(message):
            if counting is None:
                self._cookies[entry.key] = entry.cookie
            else:
                counting.packets[entry.key], counting.octets[entry.key] = entry.packets, entry.octets

    def group_desc(self, message: bytes, xid: int) -> None:
        """A part of the groups."""
        if not self._is_audited(message, xid):
            self._groups.update((group.number, group) for group in decode.group_desc(message))

    def meter_config(self, message: bytes, xid: int) -> None:
        """A part of the meters."""
        if not self._is_audited(message, xid):
            self._meters.update((meter.number, meter) for meter in decode.meter_config(message))

    def _is_audited(self, message: bytes, xid: int) -> bool:
        """Whether a reply is part of an audit; it is kept for it as it is."""
        parts = self._auditing.get(xid)
        if parts is not None:
            parts.append(message)
        return parts is not None

    def meter_stats(self, message: bytes, xid: int) -> None:
        """A part of the meters' counters."""
        counting = self._counting.get(xid)
        if counting is None:
            return
        for meter in decode.meter_stats(message):
            counting.metered_off[meter.number] = meter.band_packets
            counting.octets_off[meter.number] = meter.band_bytes

    def port_stats(self, message: bytes) -> None:
        """A part of the ports' counters."""
        self._ports.update((stats.port, stats) for stats in decode.port_stats(message))

    def _counted(self, counting: _Counting, done: Callable[[Switch, Counted], None]) -> None:
        self._counting = {xid: into for xid, into in self._counting.items() if into is not counting}
        found = Counted(counting.packets, counting.metered_off, dict(self._ports), counting.octets, counting.octets_off)
        done(self, found)

    def _audited(self, parts: list[bytes], done: Callable[[list[bytes]], None]) -> None:
        self._auditing = {xid: into for xid, into in self._auditing.items() if into is not parts}
        done(parts)

    def _read(self) -> None:
        self._on_read(self, Installed(dict(self._cookies), dict(self._groups), dict(self._meters)))

    def _confirmed(self) -> None:
        self._on_confirmed(self, self._refused)
