"""What is left between two ends, and what limits it."""

from __future__ import annotations

from controller.views.offers import WayView, view_ways
from controller.views.reading import Reading
from controller.views.resource import View


class CapacityView(View):
    """What further reservations could have in this direction; layer-2 bit/s, without FCS and labels."""

    source: str
    target: str
    one_path_bps: int | None
    """The most that a single reservation could have: it goes by one path. null: nothing limits it."""
    limited_by: tuple[WayView, ...]
    """What holds no more than that, on every path."""
    all_paths_bps: int | None
    """The most that several could have together, by all paths; null: nothing limits them."""
    cut: tuple[WayView, ...]
    """What separates the two ends with the least left: it is what to widen."""


def view_capacity(reading: Reading, source: str, target: str) -> CapacityView | None:
    """What is left between two servers or uplinks; None where one of them is nowhere now."""
    room = reading.control.negotiation.between(source, target)
    if room is None:
        return None
    return CapacityView(
        source=source,
        target=target,
        one_path_bps=room.one_path_bps,
        limited_by=view_ways(room.limits),
        all_paths_bps=room.all_paths_bps,
        cut=view_ways(room.cut),
    )


def ends_of(reading: Reading) -> set[str]:
    """Whom one may ask about: servers and uplinks."""
    return {*reading.fabric.servers, *reading.fabric.declared.uplinks}
