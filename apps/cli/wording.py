"""Values as people read them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final

from controller.model.units import format_rate

_PREFIXES: Final = (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3))
_STEPS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def dash(value: Any) -> str:
    """A value, or a dash where there is none."""
    return "-" if value is None or value == "" else str(value)


def joined(values: Any) -> str:
    """A list in one cell; a dash where it is empty."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        return dash(values)
    return ", ".join(map(str, values)) or "-"


def yes_no(value: Any) -> str:
    """Yes or no."""
    return "-" if value is None else ("yes" if value else "no")


def rate(value: Any) -> str:
    """Bit/s with a unit."""
    return format_rate(value) if isinstance(value, int) else dash(value)


def about(rate_bps: Any) -> str:
    """A rate that was measured, to three digits: ``512 Mbit/s``."""
    if not isinstance(rate_bps, int):
        return dash(rate_bps)
    prefix, factor = next((step for step in _PREFIXES if rate_bps >= step[1]), ("", 1))
    return f"{float(f'{rate_bps / factor:.3g}'):g} {prefix}bit/s"


def number(value: Any) -> str:
    """A number with its thousands apart."""
    return f"{value:,}" if isinstance(value, int) else dash(value)


def counted(count: int, one: str, many: str = "") -> str:
    """``1 server``, ``2 servers``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def age(seconds: float | None) -> str:
    """How long ago something was: ``3 min``."""
    if seconds is None:
        return "-"
    unit, size = next((step for step in _STEPS if seconds >= step[1]), _STEPS[-1])
    return f"{max(int(seconds // size), 0)} {unit}"


def moment(seconds: float) -> str:
    """A time of the day here, with the date where it is not today's."""
    then = time.localtime(seconds)
    today = time.strftime("%Y-%m-%d", then) == time.strftime("%Y-%m-%d")
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S", then)
