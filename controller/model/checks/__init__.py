"""What must hold between the parts of a document: one module a feature, each with one `check(draft)`.

`names`, `segments`, `platforms`, `servers`, `uplinks`, `links`, `undeclared`, `reservations`. A new section of the
document brings its module and stands in `CHECKS`; nothing else here knows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from controller.model.checks import links, names, platforms, reservations, segments, servers, undeclared, uplinks
from controller.model.draft import Draft
from controller.model.problems import Found

CHECKS: tuple[Callable[[Draft], Iterable[Found]], ...] = (
    names.check,
    segments.check,
    platforms.check,
    servers.check,
    uplinks.check,
    links.check,
    undeclared.check,
    reservations.check,
)


def check(draft: Draft) -> list[Found]:
    """All that is wrong between the parts of a document."""
    return [found for feature in CHECKS for found in feature(draft)]
