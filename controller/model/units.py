"""Rates, sizes, shares and durations: text with units in, whole numbers out."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from controller.model.wording import describe

MIN_RATE_BPS = 1_000
MAX_RATE_BPS = 100 * 10**12
MIN_SIZE_BYTES = 1_600
"""One frame of an Ethernet with room for labels: a smaller burst would let none through."""
MAX_SIZE_BYTES = 10**9
MAX_SHARE_PERCENT = 99
MAX_DURATION_S = 30 * 24 * 3600
MIN_INTERVAL_MS = 5
MAX_INTERVAL_MS = 10_000

_PREFIXES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
RATE_TEXT: Final = r"\s*[0-9]+(\.[0-9]+)?\s*([kKmMgGtT]?([bB]its?\s*/\s*s|bps))?\s*"
SIZE_TEXT: Final = r"\s*[0-9]+(\.[0-9]+)?\s*([kMG]?B|[KMG]iB)?\s*"
SHARE_TEXT: Final = r"\s*[0-9]{1,2}\s*%?\s*"
DURATION_TEXT: Final = r"\s*[0-9]+(\.[0-9]+)?\s*(s|min|h)?\s*"
INTERVAL_TEXT: Final = r"\s*[0-9]+(\.[0-9]+)?\s*(ms|s)?\s*|off"
"""How texts look that may be a rate, a size, a share, a duration or an interval; not all of them are."""
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:([kKmMgGtT]?)[bB]its?\s*/\s*s|([kKmMgGtT]?)bps)?", re.ASCII)
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kMG]?B|[KMG]iB)?", re.ASCII)
_SHARE = re.compile(r"([0-9]{1,4})\s*%?", re.ASCII)
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|min|h)?", re.ASCII)
_INTERVAL = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s)?", re.ASCII)
_BYTES = {None: 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SECONDS = {None: 1, "s": 1, "min": 60, "h": 3600}
_MILLISECONDS = {None: 1, "ms": 1, "s": 1000}
_LONGEST_TEXT = 40


def parse_rate(value: Any) -> int:
    """A rate in bit/s from a number of bit/s or a text such as ``10 Gbit/s``.

    Prefixes are decimal (k = 1000). Raises `ValueError` where it is no rate, no whole number of bit/s, or not
    from 1 kbit/s (the unit of OpenFlow meters) to 100 Tbit/s.
    """
    amount = _rate_amount(value)
    if amount is None or amount != amount.to_integral_value():
        raise ValueError(f"expected a rate such as 10 Gbit/s or a whole number of bit/s, found {describe(value)}")
    if not MIN_RATE_BPS <= amount <= MAX_RATE_BPS:
        raise ValueError(f"expected a rate from 1 kbit/s to 100 Tbit/s, found {describe(value)}{_unit_hint(value)}")
    return int(amount)


def format_rate(rate_bps: int) -> str:
    """A rate as people write it: ``2500 Mbit/s``, exact."""
    for prefix, factor in (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if rate_bps >= factor and rate_bps % factor == 0:
            return f"{rate_bps // factor} {prefix}bit/s"
    return f"{rate_bps} bit/s"


def parse_kbit_rate(value: Any) -> int:
    """A rate as `parse_rate` reads it that a meter can keep exactly (OpenFlow 1.3, 5.7.1: whole kbit/s), in bit/s."""
    rate_bps = parse_rate(value)
    if rate_bps % MIN_RATE_BPS:
        raise ValueError(f"expected a rate in whole kbit/s, found {describe(value)}")
    return rate_bps


def parse_size(value: Any) -> int:
    """A size in bytes from a number of them or a text such as ``64 kB`` (1000) or ``64 KiB`` (1024).

    Raises `ValueError` where it is no size, no whole number of bytes, or not from 1,600 bytes to 1 GB.
    """
    match = _SIZE.fullmatch(_as_text(value))
    amount = Decimal(match[1]) * _BYTES[match[2]] if match else None
    if amount is None or amount != amount.to_integral_value():
        raise ValueError(f"expected a size such as 64 kB or a whole number of bytes, found {describe(value)}")
    if not MIN_SIZE_BYTES <= amount <= MAX_SIZE_BYTES:
        raise ValueError(f"expected a size from {MIN_SIZE_BYTES} bytes to 1 GB, found {describe(value)}")
    return int(amount)


def parse_share(value: Any) -> int:
    """A share in whole percent from a number or a text such as ``20 %``.

    Raises `ValueError` where it is none or not from 0 to 99.
    """
    match = _SHARE.fullmatch(_as_text(value))
    if match is None or int(match[1]) > MAX_SHARE_PERCENT:
        expected = f"expected a share of 0 to {MAX_SHARE_PERCENT} whole percent such as 20 %"
        raise ValueError(f"{expected}, found {describe(value)}")
    return int(match[1])


def parse_duration(value: Any) -> int:
    """A duration in whole seconds from a number of seconds or a text such as ``5 min``.

    Raises `ValueError` where it is no duration or not from 1 s to 30 days.
    """
    match = _DURATION.fullmatch(_as_text(value))
    amount = Decimal(match[1]) * _SECONDS[match[2]] if match else None
    if amount is None or amount != amount.to_integral_value():
        raise ValueError(f"expected a duration in whole seconds or such as 5 min, found {describe(value)}")
    if not 1 <= amount <= MAX_DURATION_S:
        raise ValueError(f"expected a duration from 1 s to 30 days, found {describe(value)}")
    return int(amount)


def parse_interval(value: Any) -> int:
    """How often, in whole milliseconds, from a number of them or a text such as ``20 ms``; ``off`` and 0: never, 0.

    Raises `ValueError` where it is no interval or not from 5 ms to 10 s.
    """
    if value == "off":
        return 0
    match = _INTERVAL.fullmatch(_as_text(value))
    amount = Decimal(match[1]) * _MILLISECONDS[match[2]] if match else None
    if amount is None or amount != amount.to_integral_value():
        raise ValueError(f"expected an interval in whole milliseconds such as 20 ms, or off, found {describe(value)}")
    if amount and not MIN_INTERVAL_MS <= amount <= MAX_INTERVAL_MS:
        raise ValueError(f"expected an interval from 5 ms to 10 s, or off, found {describe(value)}")
    return int(amount)


def _rate_amount(value: Any) -> Decimal | None:
    match = _RATE.fullmatch(_as_text(value))
    if match is None:
        return None
    return Decimal(match[1]) * _PREFIXES[(match[2] or match[3] or "").lower()]


def _as_text(value: Any) -> str:
    """A number or text as text that a pattern can look at; empty for all else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    text = str(value).strip() if not isinstance(value, int) or abs(value) < 10**_LONGEST_TEXT else ""
    return text if len(text) <= _LONGEST_TEXT else ""


def _unit_hint(value: Any) -> str:
    bare = isinstance(value, (int, float)) and 0 < value < MIN_RATE_BPS
    return f" (bit/s; did you mean {value} Gbit/s?)" if bare else ""
