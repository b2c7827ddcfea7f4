"""Uplinks: on a known platform, in a known segment."""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.draft import Draft, names, specs
from controller.model.problems import Found
from controller.model.wording import did_you_mean


def check(draft: Draft) -> Iterator[Found]:
    """What each refers to."""
    segments, platforms = names(draft.segments), names(draft.platforms)
    for entry, spec in specs(draft.uplinks):
        if spec.platform not in platforms:
            hint = did_you_mean(spec.platform, platforms)
            yield (*entry.place, "platform"), f"there is no platform '{spec.platform}'{hint}"
        if spec.segment not in segments:
            hint = did_you_mean(spec.segment, segments)
            yield (*entry.place, "segment"), f"there is no segment '{spec.segment}'{hint}"
