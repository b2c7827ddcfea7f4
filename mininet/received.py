"""What arrives at servers: layer-2 bytes at their cards, without FCS."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from addressing import CARD

if TYPE_CHECKING:
    from lab import Lab


def received_bytes(lab: Lab, server: str) -> int:
    """Layer-2 bytes that a server's card has received so far, without FCS."""
    table = Path(f"/proc/{lab.host(server).pid}/net/dev").read_text()
    return int(table.partition(f"{CARD}:")[2].split()[0])


@dataclass(frozen=True)
class Sample:
    """Bytes received so far, by server; a monotonic time."""

    at: float
    octets: dict[str, int]


class Recorder:
    """Notes what servers have received, once each `interval_s`, while the body runs."""

    def __init__(self, lab: Lab, servers: Collection[str], interval_s: float = 0.1) -> None:
        self._lab, self._servers, self._interval_s = lab, tuple(servers), interval_s
        self.samples: list[Sample] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._record, daemon=True)

    def __enter__(self) -> Recorder:
        self._note()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._note()

    def _record(self) -> None:
        due = self.began + self._interval_s
        while not self._over.wait(max(due - time.monotonic(), 0)):
            self._note()
            due = max(due + self._interval_s, time.monotonic())

    def _note(self) -> None:
        octets = {server: received_bytes(self._lab, server) for server in self._servers}
        self.samples.append(Sample(time.monotonic(), octets))

    @property
    def began(self) -> float:
        """When the first sample was taken."""
        return self.samples[0].at

    @property
    def ended(self) -> float:
        """When the last one was taken."""
        return self.samples[-1].at

    def mean_bps(self, start: float, end: float) -> dict[str, float]:
        """What each server received between the samples nearest to two times, layer-2 bit/s."""
        one, other = (min(self.samples, key=lambda sample: abs(sample.at - at)) for at in (start, end))
        return {server: _bps(one, other, server) for server in self._servers}

    def series(self, server: str) -> list[tuple[float, float]]:
        """Each sample's time, and what the server received since the one before, layer-2 bit/s; the last sample, which
        is taken whenever all is over, only where it tells of half an interval at least."""
        pairs = list(pairwise(self.samples))
        if pairs and pairs[-1][1].at - pairs[-1][0].at < self._interval_s / 2:
            pairs.pop()
        return [(other.at, _bps(one, other, server)) for one, other in pairs]


def _bps(one: Sample, other: Sample, server: str) -> float:
    passed = other.at - one.at
    return 8 * (other.octets[server] - one.octets[server]) / passed if passed else 0.0
