"""What is measured of the fabric: each metric's name, what it means, and how it is read when somebody asks.

Names follow Prometheus' convention: base units, ``_total`` for what only grows. Labels name platforms, ports and
links, whose number is bounded by the fabric, and never what a server sends.
"""

from __future__ import annotations

from collections import Counter
from typing import get_args

from controller.auditing import FOUND
from controller.model.links import LinkState
from controller.views.port_metrics import PORT_METRICS
from controller.views.rate_metrics import RATE_METRICS
from controller.views.reading import Reading
from controller.views.rules import count_rules
from controller.views.sampled import Metric, Samples, gauge, total
from controller.views.servers import ServerState, server_state


def _revision(reading: Reading) -> Samples:
    yield (), reading.fabric.revision


def _converged(reading: Reading) -> Samples:
    yield (), reading.control.converged


def _platforms(reading: Reading) -> Samples:
    for name in reading.fabric.platforms:
        yield (name,), name in reading.control.connected


def _servers(reading: Reading) -> Samples:
    counts = Counter(server_state(reading, server) for server in reading.fabric.servers.values())
    for state in get_args(ServerState):
        yield (state,), counts[state]


def _links(reading: Reading) -> Samples:
    for name, now in reading.routing.states.items():
        for state in LinkState:
            yield (name, state.value), now is state


def _capacities(reading: Reading) -> Samples:
    for name, link in reading.routing.known.items():
        rate_bps = reading.fabric.declared.link_rate(link)
        if rate_bps is not None:
            yield (name,), rate_bps / 8


def _rules(reading: Reading) -> Samples:
    for name in reading.control.connected:
        for state, count in count_rules(reading.control.reconciler.switches[name]):
            yield (name, state), count


def _unwanted(reading: Reading) -> Samples:
    for name in reading.control.connected:
        for cause, count in reading.control.activity.drops.get(name, {}).items():
            yield (name, cause), count


def _alarms(reading: Reading) -> Samples:
    standing = Counter(alarm.kind for alarm in reading.control.alarms.standing())
    for kind in reading.control.chronicle.alarms_raised:
        yield (kind,), standing[kind]


def _alarms_raised(reading: Reading) -> Samples:
    for kind, count in reading.control.chronicle.alarms_raised.items():
        yield (kind,), count


def _audits(reading: Reading) -> Samples:
    for name, result in reading.control.auditing.results.items():
        yield (name,), result.count


def _audited_at(reading: Reading) -> Samples:
    for name, result in reading.control.auditing.results.items():
        if result.at is not None:
            yield (name,), result.at


def _audit_findings(reading: Reading) -> Samples:
    for name, result in reading.control.auditing.results.items():
        for what in FOUND:
            yield (name, what), result.found[what]


def _store_problem(reading: Reading) -> Samples:
    yield (), any(alarm.kind == "state" for alarm in reading.control.alarms.standing())


METRICS: tuple[Metric, ...] = (
    gauge("revision", "The revision of what is wanted", _revision),
    gauge("converged", "1: every connected switch holds exactly what is wanted", _converged),
    gauge("platform_connected", "1: the platform's switch is connected", _platforms, "platform"),
    gauge("servers", "Servers by state", _servers, "state"),
    gauge("link_state", "1: the link is in this state", _links, "link", "state"),
    gauge("link_capacity_bytes_per_second", "What a link can carry each way, where declared", _capacities, "link"),
    gauge("rules", "Rules of a switch, wanted against installed", _rules, "platform", "state"),
    total("unwanted_packets_dropped", "Packets dropped because nobody wants them", _unwanted, "platform", "cause"),
    gauge("alarms", "Alarms that stand", _alarms, "kind"),
    total("alarms_raised", "Alarms raised since the controller started", _alarms_raised, "kind"),
    total("audits", "Audits of a switch since the controller started", _audits, "platform"),
    gauge("audit_timestamp_seconds", "When a switch was audited last, seconds since 1970", _audited_at, "platform"),
    total("audit_findings", "What audits have found changed by others", _audit_findings, "platform", "kind"),
    gauge("store_problem", "1: state cannot be kept at the moment", _store_problem),
    *PORT_METRICS,
    *RATE_METRICS,
)
"""In the order in which they are given out."""
