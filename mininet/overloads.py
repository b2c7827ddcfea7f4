"""An overload: everybody sends at least twice what he can have, over one trunk or two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from received import Recorder
from steps import wait_for
from traffic import Load, Traffic

if TYPE_CHECKING:
    from lab import Lab

_SETTLE_S = 3.0
"""Until what may come at once has come, and TCP has found its rate."""
_KEPT_S = 20.0


@dataclass(frozen=True)
class Kept:
    """One load under an overload: what it was granted (None: nothing is reserved for it), and what arrived, bit/s."""

    name: str
    protocol: str
    granted_bps: int | None
    received_bps: float
    measured_bps: int | None
    """What the controller has measured, over ten seconds."""
    series: tuple[tuple[float, float], ...]
    """What arrived in each tenth of a second: seconds since the first, bit/s."""

    @property
    def deviation(self) -> float | None:
        """From the grant, as a share of it."""
        return self.received_bps / self.granted_bps - 1 if self.granted_bps else None


def measure_overload(lab: Lab, loads: list[Load], seconds: float) -> list[Kept]:
    """Let all send, and tell what arrives in so many seconds; raises `MeasurementFailed`, `StepFailed`."""
    wait_for(lambda: all(map(_is_kept, _reservations(lab))), "all that is reserved is granted and kept", _KEPT_S)
    with Traffic(lab, loads) as traffic:
        traffic.go_on(_SETTLE_S)
        with Recorder(lab, {load.target for load in loads}) as recorder:
            traffic.go_on(seconds)
        found = {(each["spec"]["from"], each["spec"]["to"]): each for each in _reservations(lab)}
    return [_kept(load, found.get((load.source, load.target)), recorder) for load in loads]


def _reservations(lab: Lab) -> list[dict[str, Any]]:
    return list(lab.api("/reservations")["items"])


def _is_kept(reservation: dict[str, Any]) -> bool:
    status = reservation["status"]
    return status["state"] == "granted" and all(way["kept_by"] != "police" for way in status["directions"])


def _kept(load: Load, reservation: dict[str, Any] | None, recorder: Recorder) -> Kept:
    status = reservation["status"] if reservation else None
    return Kept(
        reservation["name"] if reservation else f"{load.source} to {load.target}",
        load.protocol,
        status["granted_bps"] if status else None,
        recorder.mean_bps(recorder.began, recorder.ended)[load.target],
        status["directions"][0]["measured_bps"] if status else None,
        tuple((at - recorder.began, bps) for at, bps in recorder.series(load.target)),
    )
