"""The way round a link, as names that a person can follow along the chassis."""

from __future__ import annotations

from controller.model.topology import Link
from controller.views.reading import Reading
from controller.views.resource import View


class BypassView(View):
    """What a switch does by itself when a link fails, in the order of passing."""

    links: tuple[str, ...]
    platforms: tuple[str, ...]
    """Those between the two that the link joins; none where another link joins the same two."""


def view_bypass(reading: Reading, link: str, near: str) -> BypassView | None:
    """The bypass of a link for what leaves `near` by it; None where none is possible."""
    way = reading.routing.way_round(link, near)
    if way is None:
        return None
    return BypassView(links=tuple(used.name for used in way.links), platforms=_between(near, way.links))


def _between(near: str, links: tuple[Link, ...]) -> tuple[str, ...]:
    passed, here = [], near
    for link in links[:-1]:
        here, _ = link.other(here)
        passed.append(here)
    return tuple(passed)
