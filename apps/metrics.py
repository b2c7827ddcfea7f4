"""The controller's metrics in Prometheus' text format; what the numbers mean is in `controller.views.metrics`."""

from __future__ import annotations

import platform as interpreter
import time
from collections.abc import Iterator
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from ryu.lib import hub

from controller.control import Control
from controller.rules.tables import Reason
from controller.views.metrics import METRICS
from controller.views.reading import Reading
from controller.views.sampled import Metric

TEXT: Final = "text/plain;version=0.0.4"
"""The media type of the format."""
_LOOK_EVERY_S: Final = 0.1
_SLICE: Final = 500
"""Samples that are written before others have their turn."""
_LATENCIES_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_FAMILIES: Final[dict[str, type[GaugeMetricFamily | CounterMetricFamily]]] = {
    "gauge": GaugeMetricFamily,
    "counter": CounterMetricFamily,
}

disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """Everything measured of one controller; adapters report what only they see."""

    def __init__(self, control: Control) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Fabric(control))
        ProcessCollector(registry=self.registry)
        build = Info("backplane_build", "What runs", registry=self.registry)
        build.info({name: version(name) for name in ("backplane", "ryu")} | {"python": interpreter.python_version()})
        self._packet_ins = Counter(
            "backplane_packet_ins", "Packets sent to the controller", ("platform", "reason"), registry=self.registry
        )
        self._flow_mods = self._histogram(
            "backplane_flow_mod_latency_seconds", "From a step being sent until its barrier came back", "platform"
        )
        self._stalls = self._histogram("backplane_event_loop_stall_seconds", "How late the event loop woke a sleeper")
        self._convergence = self._histogram("backplane_convergence_seconds", "From a change until all was as wanted")
        control.chronicle.convergence.observer = self._convergence.observe

    def _histogram(self, name: str, about: str, *labels: str) -> Histogram:
        return Histogram(name, about, labels, buckets=_LATENCIES_S, registry=self.registry)

    def packet_in(self, platform: str, reason: Reason | None) -> None:
        """A packet came to the controller; None: no rule of ours sent it."""
        self._packet_ins.labels(platform, reason.name.lower() if reason else "other").inc()

    def step_confirmed(self, platform: str, took_s: float) -> None:
        """A switch has confirmed a step."""
        self._flow_mods.labels(platform).observe(took_s)

    def watch_loop(self) -> None:
        """Measure for ever how late a sleeper is woken: what held the loop up held up every switch."""
        while True:
            due = time.monotonic() + _LOOK_EVERY_S
            hub.sleep(_LOOK_EVERY_S)
            self._stalls.observe(max(0.0, time.monotonic() - due))

    def scrape(self) -> bytes:
        """All metrics, as text; switches have their turn meanwhile."""
        parts = []
        for family in self.registry.collect():
            for part in _in_slices(family):
                parts.append(part)
                hub.sleep(0)
        return b"".join(parts)


class _Fabric(Collector):
    """Reads the fabric when it is asked, a family at a time."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def describe(self) -> Iterator[Family]:
        """The families without samples."""
        return (_family(metric) for metric in METRICS)

    def collect(self) -> Iterator[Family]:
        """The families with the samples of now."""
        for metric in METRICS:
            family = _family(metric)
            for labels, value in metric.read(Reading(self._control)):
                family.add_metric(labels, value)
            yield family


def _family(metric: Metric) -> GaugeMetricFamily | CounterMetricFamily:
    return _FAMILIES[metric.kind](metric.name, metric.about, labels=metric.labels)


class _One(Collector):
    """A family by itself, for the library's writer."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterator[Family]:
        """The one."""
        yield self._family


def _in_slices(family: Family) -> Iterator[bytes]:
    """A family's text; only the first part has the lines that say what it is."""
    samples = family.samples
    for start in range(0, max(len(samples), 1), _SLICE):
        family.samples = samples[start : start + _SLICE]
        text = generate_latest(_One(family))
        yield text if start == 0 else b"".join(line for line in text.splitlines(True) if not line.startswith(b"#"))
