"""How the kinds of value in `controller.model.fields` look as JSON Schema: what is taken, and what is shown.

A reader may be stricter than its schema (a MAC must not be multicast), never more lenient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from controller.model import protocols, units

NAME_PATTERN: Final = "[a-z0-9][a-z0-9_-]{0,62}"
DPID_PATTERN: Final = "0[xX][0-9a-fA-F]{1,16}|[0-9a-fA-F]{16}|[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){7}"
OVSDB_PATTERN: Final = r"tcp:(\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+):[0-9]{1,5}|unix:/\S+"

Plain = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Schema:
    """Stands in an annotation, for pydantic; `shown` is as `read` unless it is given."""

    read: Plain
    shown: Plain | None = None

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> Plain:
        """What pydantic asks."""
        return dict(self.read if handler.mode == "validation" or self.shown is None else self.shown)


def whole(low: int, high: int) -> Plain:
    """A whole number in a range."""
    return {"type": "integer", "minimum": low, "maximum": high}


def text(pattern: str, *examples: str) -> Plain:
    """A text that fits a pattern as a whole."""
    return {"type": "string", "pattern": f"^({pattern})$", **({"examples": list(examples)} if examples else {})}


def either(*schemas: Plain) -> Plain:
    """A value of one of several kinds."""
    return {"anyOf": list(schemas)}


def several(one: Plain) -> Plain:
    """A list."""
    return {"type": "array", "items": one}


def one_or_several(one: Plain) -> Schema:
    """One value or a list of them; shown as a list."""
    return Schema(either(one, several(one)), several(one))


_RATE = whole(units.MIN_RATE_BPS, units.MAX_RATE_BPS)
_SIZE = whole(units.MIN_SIZE_BYTES, units.MAX_SIZE_BYTES)
_SHARE = whole(0, units.MAX_SHARE_PERCENT)
_PROTOCOL = {"type": "string", "enum": list(protocols.NUMBERS)}
_DURATION = whole(1, units.MAX_DURATION_S)
_INTERVAL = either({"const": 0}, whole(units.MIN_INTERVAL_MS, units.MAX_INTERVAL_MS))
_END = text(rf"{NAME_PATTERN}\.{NAME_PATTERN}", "chassis1.east", "chassis2.west")
_MAC = text("[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}", "02:00:00:00:01:01")
_NET = text("[0-9.]{7,15}/[0-9]{1,2}|[0-9a-fA-F:.]{2,45}/[0-9]{1,3}", "10.1.0.0/24", "fd00:2::/64")

NAME: Final = Schema(text(NAME_PATTERN, "web1"))
NAMES: Final = one_or_several(text(NAME_PATTERN, "duct1"))
TRUTH: Final = Schema({"type": "boolean"})
PROTOCOL: Final = Schema(either(_PROTOCOL, whole(0, protocols.MAX_PROTOCOL)))
RATE: Final = Schema(either(_RATE, text(units.RATE_TEXT, "10 Gbit/s")), _RATE)
SIZE: Final = Schema(either(_SIZE, text(units.SIZE_TEXT, "64 kB")), _SIZE)
SHARE: Final = Schema(either(_SHARE, text(units.SHARE_TEXT, "20 %")), _SHARE)
DURATION: Final = Schema(either(_DURATION, text(units.DURATION_TEXT, "5 min")), _DURATION)
INTERVAL: Final = Schema(either(*_INTERVAL["anyOf"], text(units.INTERVAL_TEXT, "20 ms", "off")), _INTERVAL)
MODE: Final = Schema({"type": "string", "enum": ["closed", "learn"]})
PREEMPT: Final = Schema({"type": "string", "enum": ["none", "floor", "out"]})
OVSDB: Final = Schema(text(OVSDB_PATTERN, "tcp:127.0.0.1:6640"))
ENDS: Final = Schema({**several(_END), "minItems": 2, "maxItems": 2})
MAC: Final = Schema(_MAC)
ADDRESSES: Final = one_or_several(either({"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}))
SUBNETS: Final = one_or_several(_NET)


def number_or_text(low: int, high: int, pattern: str, example: str) -> Schema:
    """A whole number, which can be written as a text too."""
    return Schema(either(whole(low, high), text(pattern, example)), whole(low, high))
