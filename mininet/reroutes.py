"""A link fails under what is reserved: who loses what, by the fault and by the new path, and what each then has."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from received import Recorder
from steps import await_link, wait_for
from stream import Flow, Stream, StreamResult
from traffic import Load, Traffic

if TYPE_CHECKING:
    from lab import Lab

_BEFORE_S, _AFTER_S, _SETTLE_S = 2.0, 4.0, 3.0
_IN_FLIGHT_S = 0.02
"""What was sent so shortly before a fault may still have been on its way."""


@dataclass(frozen=True)
class Change:
    """A reservation has another grant or path; seconds since the recording began."""

    at_s: float
    name: str
    what: str
    granted_bps: int
    was_bps: int


@dataclass(frozen=True)
class Losses:
    """Datagrams that one flow of the probe lost, 1,000/s: until its traffic was negotiated anew, and after that."""

    flow: str
    passed_it: bool
    """Whether it passed what failed."""
    by_fault: int
    by_new_path: int
    by_return: int
    """From the mending on."""


@dataclass(frozen=True)
class Reroute:
    """One link cut and mended. Times are seconds since the recording began."""

    link: str
    cut_at_s: float
    negotiated_at_s: float
    mended_at_s: float
    ended_at_s: float
    granted_bps: dict[str, tuple[int, int, int]]
    """By reservation: before the cut, while the link was out, after its return."""
    changes: tuple[Change, ...]
    losses: tuple[Losses, ...]
    series: dict[str, tuple[tuple[float, float], ...]]
    """What arrived of each load in each tenth of a second: seconds since the first, bit/s."""
    overrun: int
    """Datagrams of the probe that found no room because the machine was busy."""


def measure_reroute(lab: Lab, loads: Sequence[Load], probes: dict[str, tuple[str, str]], link: str) -> Reroute:
    """Cut a link and mend it while all send; `probes` are pairs of servers by the name of their reservation.

    Raises `MeasurementFailed`, `StepFailed`, `StreamFailed`.
    """
    flows = {name: Flow(*pair) for name, pair in probes.items()}
    passing = _over(lab, link)
    last = _last_event(lab)
    with Traffic(lab, loads) as traffic, Stream(lab, list(flows.values())) as stream:
        traffic.go_on(_SETTLE_S)
        with Recorder(lab, {load.target for load in loads}) as recorder:
            traffic.go_on(_BEFORE_S)
            before, cut_at = _grants(lab), time.monotonic()
            lab.fail_link(link)
            wait_for(lambda: not _over(lab, link), "all that was reserved over the link is led elsewhere")
            traffic.go_on(_AFTER_S)
            during, mended_at = _grants(lab), time.monotonic()
            lab.mend_link(link)
            await_link(lab, link, up=True)
            wait_for(lambda: _grants(lab) == before, "all have again what they had")
            traffic.go_on(_AFTER_S)
    changes = _changes(lab, last, recorder.began)
    negotiated_at = min((each.at_s for each in changes), default=0.0) + recorder.began
    after = _grants(lab)
    return Reroute(
        link,
        cut_at - recorder.began,
        negotiated_at - recorder.began,
        mended_at - recorder.began,
        recorder.ended - recorder.began,
        {name: (before[name], during[name], after[name]) for name in before},
        changes,
        tuple(
            _losses(stream.result, name, flow, name in passing, (cut_at, negotiated_at, mended_at))
            for name, flow in flows.items()
        ),
        {
            _name(lab, load): tuple((at - recorder.began, bps) for at, bps in recorder.series(load.target))
            for load in loads
        },
        stream.result.overrun + stream.result.overflown,
    )


def _losses(result: StreamResult, name: str, flow: Flow, passed_it: bool, times: tuple[float, float, float]) -> Losses:
    cut_at, negotiated_at, mended_at = times
    spans = ((cut_at - _IN_FLIGHT_S, negotiated_at), (negotiated_at, mended_at), (mended_at, float("inf")))
    lost = [result.flow(flow.source, flow.target).between(*span).lost for span in spans]
    return Losses(name, passed_it, *lost)


def _reservations(lab: Lab) -> list[dict[str, Any]]:
    return list(lab.api("/reservations")["items"])


def _grants(lab: Lab) -> dict[str, int]:
    return {each["name"]: each["status"]["granted_bps"] for each in _reservations(lab)}


def _over(lab: Lab, link: str) -> set[str]:
    """The reservations whose path uses a link."""
    found = _reservations(lab)
    return {each["name"] for each in found if any(link in way["links"] for way in each["status"]["directions"])}


def _name(lab: Lab, load: Load) -> str:
    """The reservation that a load is of."""
    ends = (load.source, load.target)
    return str(next(each["name"] for each in _reservations(lab) if (each["spec"]["from"], each["spec"]["to"]) == ends))


def _last_event(lab: Lab) -> int:
    return int(lab.api("/events?after=0&follow=false")["last"])


def _changes(lab: Lab, last: int, began: float) -> tuple[Change, ...]:
    since = began + time.time() - time.monotonic()
    events = lab.api(f"/events?kind=reservation&after={last}&follow=false")["items"]
    return tuple(
        Change(each["time"] - since, each["name"], each["what"], each["data"]["granted_bps"], each["data"]["was_bps"])
        for each in events
    )
