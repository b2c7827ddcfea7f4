"""What reservations really get: bytes and drops over a window, from the counters of the switches."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from controller.compile.reservations import DirectionInput, end_key, reservation_meter, steer_keys
from controller.pinning import Granted
from controller.rules.rules import Counted, RuleKey

WINDOW_S: Final = 10.0
"""Over how long rates are measured, seconds."""
_LABEL_BYTES: Final = 4


class Passed(NamedTuple):
    """Bytes and packets so far: what entered, what the meter dropped, what arrived at the last platform."""

    at: float
    octets: int
    packets: int


class Measured(NamedTuple):
    """One direction: what gets through and what is policed, layer-2 bit/s without labels, and all packets policed."""

    bps: int
    policed_bps: int
    policed_packets: int


@dataclass(slots=True)
class _Flow:
    """The counters of one direction under one label, in the window."""

    label: int
    through: deque[Passed]
    policed: deque[Passed]


class Measuring:
    """The last counters of every reservation; times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._flows: defaultdict[str, dict[int, _Flow]] = defaultdict(dict)
        self._at: defaultdict[str, list[tuple[str, int, DirectionInput]]] = defaultdict(list)
        """The directions whose counters a platform has."""

    def follow(self, granted: Granted) -> None:
        """Take over what is granted now."""
        self._at.clear()
        self._flows = defaultdict(dict, {name: flows for name, flows in self._flows.items() if name in granted})
        for name, directions in granted.items():
            for index, (direction, _) in enumerate(directions):
                for platform in {direction.platform, *(stage.platform for stage in direction.stages[-1:])}:
                    self._at[platform].append((name, index, direction))

    def counted(self, platform: str, counted: Counted, now: float) -> None:
        """Take over the counters of one switch."""
        for name, index, direction in self._at.get(platform, ()):
            self._take(self._flow(name, index, direction), direction, platform, counted, now)

    def of(self, name: str) -> tuple[Measured, ...]:
        """What each direction of a reservation gets; nothing where nothing was counted yet."""
        flows = self._flows.get(name, {})
        return tuple(_measured(flows[index]) for index in sorted(flows))

    def platforms(self) -> set[str]:
        """Platforms whose counters tell of a reservation."""
        return set(self._at)

    def _flow(self, name: str, index: int, direction: DirectionInput) -> _Flow:
        flow = self._flows[name].get(index)
        if flow is None or flow.label != direction.label:
            flow = self._flows[name][index] = _Flow(direction.label, deque(), deque())
        return flow

    def _take(self, flow: _Flow, direction: DirectionInput, platform: str, counted: Counted, now: float) -> None:
        last, meter = end_key(direction), reservation_meter(direction.label)
        if platform == direction.platform and meter in counted.metered_off:
            dropped = Passed(now, counted.octets_off.get(meter, 0), counted.metered_off[meter])
            _note(flow.policed, dropped)
            if last is None:
                octets, packets = (sum(found.get(key, 0) for key in steer_keys(direction)) for found in _both(counted))
                _note(flow.through, Passed(now, octets - dropped.octets, packets - dropped.packets))
        if last is not None and platform == direction.stages[-1].platform and last in counted.packets:
            packets = counted.packets[last]
            _note(flow.through, Passed(now, counted.octets.get(last, 0) - _LABEL_BYTES * packets, packets))


def _both(counted: Counted) -> tuple[Mapping[RuleKey, int], Mapping[RuleKey, int]]:
    return counted.octets, counted.packets


def _note(samples: deque[Passed], sample: Passed) -> None:
    """Counters that went back began anew."""
    if samples and sample.packets < samples[-1].packets:
        samples.clear()
    samples.append(sample)
    while len(samples) > 2 and samples[1].at <= sample.at - WINDOW_S:
        samples.popleft()


def _measured(flow: _Flow) -> Measured:
    return Measured(_bps(flow.through), _bps(flow.policed), flow.policed[-1].packets if flow.policed else 0)


def _bps(samples: deque[Passed]) -> int:
    if len(samples) < 2 or samples[-1].at <= samples[0].at:
        return 0
    return round((samples[-1].octets - samples[0].octets) * 8 / (samples[-1].at - samples[0].at))
