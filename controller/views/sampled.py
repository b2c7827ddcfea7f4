"""A metric: a name, a meaning, labels, and how its samples are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from controller.views.reading import Reading

Samples: TypeAlias = Iterable[tuple[tuple[str, ...], float]]
"""The values of the labels, and the value."""


@dataclass(frozen=True, slots=True)
class Metric:
    """`kind`: a ``counter`` only grows (its name is given out with ``_total``), a ``gauge`` goes up and down."""

    name: str
    kind: Literal["gauge", "counter"]
    about: str
    read: Callable[[Reading], Samples]
    labels: tuple[str, ...]


def gauge(name: str, about: str, read: Callable[[Reading], Samples], *labels: str) -> Metric:
    """What goes up and down."""
    return Metric(f"backplane_{name}", "gauge", about, read, labels)


def total(name: str, about: str, read: Callable[[Reading], Samples], *labels: str) -> Metric:
    """What only grows, until its switch or the controller starts anew."""
    return Metric(f"backplane_{name}", "counter", about, read, labels)
