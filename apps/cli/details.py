"""One resource for people: its fields by name, lists of things as tables, rates with units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from apps.cli.screen import DIM, HEAD, Screen, style_of
from apps.cli.wording import about, dash, joined, rate, yes_no

_INDENT: Final = 2
_NOTHING: Final[tuple[Any, ...]] = (None, [], {}, "")
"""What is not worth a line."""
_FIRST: Final = ("number", "platform", "trunk", "port", "name", "port_name", "kind", "up", "servers", "link", "hears")
"""The columns that a table begins with."""
_MEASURED: Final = ("measured_bps", "policed_bps")
_RATES: Final = ("rate", "floor", "fabric_rate", "uplink_rate")


def show_resource(screen: Screen, kind: str, resource: Mapping[str, Any]) -> None:
    """A resource: what was asked for, and what is so."""
    state = str(resource["status"].get("state", ""))
    origin = (f"  ({resource['origin']})", DIM)
    screen.line((f"{kind} {resource['name']}  ", HEAD), (state, style_of(state)), origin)
    for part in ("spec", "status"):
        screen.line((part, HEAD))
        show_fields(screen, {key: value for key, value in resource[part].items() if key != "state"}, _INDENT)


def show_fields(screen: Screen, fields: Mapping[str, Any], indent: int = 0) -> None:
    """Fields: plain values first, then each mapping and each list of mappings under its name."""
    told = {key: value for key, value in fields.items() if value not in _NOTHING}
    plain = {key: value for key, value in told.items() if not _is_nested(value)}
    if plain:
        screen.pairs({_name(key): _value(key, value) for key, value in plain.items()}, indent)
    for key, value in told.items():
        if key not in plain:
            screen.line(f"{' ' * indent}{_name(key)}")
            _show_nested(screen, value, indent + _INDENT)


def _show_nested(screen: Screen, value: Any, indent: int) -> None:
    if isinstance(value, Mapping):
        show_fields(screen, value, indent)
        return
    columns = _columns(value)
    rows = ([_value(column, item.get(column)) for column in columns] for item in value)
    screen.table([_name(column).upper() for column in columns], rows, indent)


def _columns(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """The fields in which any of them has something to say."""
    names = dict.fromkeys(name for item in items for name in item)
    told = [name for name in names if any(item.get(name) not in (*_NOTHING, 0) for item in items)]
    return sorted(told, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))


def _is_nested(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)


def _name(key: str) -> str:
    return key.removesuffix("_bps").replace("_", " ")


def _value(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return yes_no(value)
    if key in _MEASURED:
        return about(value)
    if key in _RATES or key.endswith("_bps"):
        return rate(value)
    if isinstance(value, Mapping):
        told = (f"{_name(inner)} {_value(inner, found)}" for inner, found in value.items() if found not in _NOTHING)
        return ", ".join(told) or "-"
    return joined(value) if isinstance(value, list) else dash(value)
