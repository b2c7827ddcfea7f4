"""Two fabrics that are soon full: a line of two platforms, and a triangle."""

from __future__ import annotations

from controller.model.topology import End
from tests.unit.reserved import Asked, asks, document, link, named

LINE = (link("p1-p2"),)
TRIANGLE = (link("p1-p2"), link("p2-p3"), link("p1-p3"))
DIRECT, ROUND = named(0, "p1-p2"), (named(2, "p1-p3"), named(1, "p2-p3"))
CABLE: End = ("p1", 20)
"""The first link's end on p1."""
HOLD_S = 5.0


def on_line(**asked: Asked) -> str:
    """100 Mbit/s between p1 and p2, and these reservations."""
    return document(*LINE, asked=asked)


LOW = asks("a1>b1", 80, floor=30)
