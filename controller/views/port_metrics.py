"""What is measured of ports: traffic as the switches count it, and what was dropped there.

Only ports of connected switches are given: a counter that nobody reads any more must not look like silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter

from controller.model.topology import End, Port
from controller.rules.rules import PortStats
from controller.views.reading import Reading
from controller.views.sampled import Metric, Samples, gauge, total


def _ports(reading: Reading) -> Iterator[tuple[End, Port, tuple[str, str]]]:
    for end, port in reading.fabric.wiring.ports.items():
        if end[0] in reading.control.connected:
            yield end, port, (end[0], str(end[1]))


def _info(reading: Reading) -> Samples:
    for end, port, labels in _ports(reading):
        yield (*labels, port.name, reading.link_at.get(end, "")), 1


def _up(reading: Reading) -> Samples:
    for _, port, labels in _ports(reading):
        yield labels, port.up


def _violations(reading: Reading) -> Samples:
    for end, _, labels in _ports(reading):
        yield labels, reading.control.activity.violations.get(end, 0)


def _storms(reading: Reading) -> Samples:
    for end, _, labels in _ports(reading):
        yield labels, reading.control.activity.storms.get(end, 0)


def _counter(name: str) -> Callable[[Reading], Samples]:
    count: Callable[[PortStats], int] = attrgetter(name)

    def read(reading: Reading) -> Samples:
        for end, _, labels in _ports(reading):
            stats = reading.control.activity.ports.get(end)
            if stats is not None:
                yield labels, count(stats)

    return read


_LABELS = ("platform", "port")
PORT_METRICS: tuple[Metric, ...] = (
    gauge("port_info", "1 for each port, with its name and the link it is an end of", _info, *_LABELS, "name", "link"),
    gauge("port_up", "1: the port is there and has carrier", _up, *_LABELS),
    total("port_receive_bytes", "Bytes that came in by a port", _counter("rx_bytes"), *_LABELS),
    total("port_transmit_bytes", "Bytes that went out by a port", _counter("tx_bytes"), *_LABELS),
    total("port_receive_packets", "Packets that came in by a port", _counter("rx_packets"), *_LABELS),
    total("port_transmit_packets", "Packets that went out by a port", _counter("tx_packets"), *_LABELS),
    total("port_receive_dropped", "Incoming packets that the port dropped", _counter("rx_dropped"), *_LABELS),
    total("port_transmit_dropped", "Outgoing packets that the port dropped", _counter("tx_dropped"), *_LABELS),
    total("port_receive_errors", "Incoming packets with an error", _counter("rx_errors"), *_LABELS),
    total("port_transmit_errors", "Outgoing packets with an error", _counter("tx_errors"), *_LABELS),
    total("port_violations", "Packets that the guard dropped: the sender is not who it says", _violations, *_LABELS),
    total("port_storm_dropped", "Packets not flooded because the port sent too many", _storms, *_LABELS),
)
