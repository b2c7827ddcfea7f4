"""A bridge's settings in the tables of Open vSwitch: from rows to what was seen, from changes to operations.

What a setting was before the first change stands beside it, in `external_ids`, written in the same transaction: it is
lost neither with the controller nor with its state, and goes with the row. An empty text stands for `not set`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from apps.ovsdb.client import Database, OvsdbError
from controller.bridge_settings import MARK, MTU_MARK, Change, Interface, Row, Seen, Setting

Operation: TypeAlias = dict[str, Any]
_TABLES: Final = {
    Setting.VLAN_LIMIT: "Open_vSwitch",
    Setting.FAIL_MODE: "Bridge",
    Setting.MTU: "Interface",
    Setting.BFD: "Interface",
}
_COLUMNS: Final = ["_uuid", "name", "type", "ofport", "mtu", "mtu_request", "bfd", "bfd_status", "external_ids"]


@dataclass(frozen=True, slots=True)
class Found:
    """A bridge's settings and the UUIDs of its rows, by table and name."""

    seen: Seen
    rows: dict[tuple[str, str], str]


def read_bridge(database: Database, name: str, dpid: int) -> Found:
    """The settings of a bridge, found by name and datapath id; raises `OvsdbError` where there is none."""
    number = f"{dpid:016x}"
    which = (["name", "==", name], ["datapath_id", "==", number])
    machines, bridges = database.transact(
        select("Open_vSwitch", ["_uuid", "other_config", "external_ids"]),
        select("Bridge", ["_uuid", "name", "fail_mode", "external_ids", "ports"], *which),
    )
    if not bridges["rows"]:
        raise OvsdbError(f"its database has no bridge {name} with datapath_id={number}")
    machine, bridge = machines["rows"][0], bridges["rows"][0]
    ports = referred(database, "Port", ["interfaces"], bridge["ports"])
    references = [one for port in ports for one in members(port["interfaces"])]
    interfaces = referred(database, "Interface", _COLUMNS, ["set", references])
    limit = as_map(machine["other_config"]).get(Setting.VLAN_LIMIT.value)
    seen = Seen(
        Row(".", limit, _was(Setting.VLAN_LIMIT, machine)),
        Row(bridge["name"], one(bridge["fail_mode"]), _was(Setting.FAIL_MODE, bridge)),
        tuple(map(_interface, interfaces)),
    )
    rows = {("Open_vSwitch", "."): machine["_uuid"][1], ("Bridge", bridge["name"]): bridge["_uuid"][1]}
    return Found(seen, {**rows, **{("Interface", row["name"]): row["_uuid"][1] for row in interfaces}})


def change_operations(found: Found, changes: Iterable[Change]) -> list[Operation]:
    """What makes changes, and nothing else."""
    return [operation for change in changes for operation in _assign(found, change)]


def mark_operations(found: Found, changes: Iterable[Change]) -> list[Operation]:
    """What notes beside each row how it was before the first change: an insert leaves a mark that is there."""
    mtus = {port.name: port.mtu for port in found.seen.interfaces}
    operations = []
    for change in changes:
        marks = [[_mark(change.setting), change.before or ""]]
        if change.setting is Setting.MTU:
            marks.append([MTU_MARK, str(mtus[change.name])])
        insert = ["external_ids", "insert", ["map", marks]]
        operations.append(_mutate(found, _TABLES[change.setting], change.name, [insert]))
    return operations


def unmark_operations(found: Found, others_held: bool) -> list[Operation]:
    """What takes our marks away, but for those that other bridges still need."""
    return [
        _mutate(found, _TABLES[setting], row.name, [["external_ids", "delete", ["set", [_mark(setting), MTU_MARK]]]])
        for setting, row in _marked(found.seen, others_held)
    ]


def _marked(seen: Seen, others_held: bool) -> Iterator[tuple[Setting, Row]]:
    rows = [(Setting.FAIL_MODE, seen.bridge), *((Setting.MTU, port) for port in seen.interfaces)]
    if not others_held:
        rows.append((Setting.VLAN_LIMIT, seen.machine))
    yield from ((setting, row) for setting, row in rows if row.was is not None)
    yield from ((Setting.BFD, port) for port in seen.interfaces if port.was_bfd is not None)


def _assign(found: Found, change: Change) -> list[Operation]:
    table = _TABLES[change.setting]
    if change.setting is not Setting.VLAN_LIMIT:
        row = {change.setting.value: _value(change)}
        return [{"op": "update", "table": table, "where": _where(found, table, change.name), "row": row}]
    limit = change.setting.value
    mutations: list[list[Any]] = [["other_config", "delete", ["set", [limit]]]]
    if change.after is not None:
        mutations.append(["other_config", "insert", ["map", [[limit, change.after]]]])
    return [_mutate(found, table, change.name, mutations)]


def _value(change: Change) -> Any:
    """A column's new value (RFC 7047, 5.1)."""
    if change.setting is Setting.BFD:
        return ["map", _pairs(change.after or "")]
    if change.after is None:
        return ["set", []]
    return int(change.after) if change.setting is Setting.MTU else change.after


def _mutate(found: Found, table: str, name: str, mutations: list[list[Any]]) -> Operation:
    return {"op": "mutate", "table": table, "where": _where(found, table, name), "mutations": mutations}


def _where(found: Found, table: str, name: str) -> list[list[Any]]:
    return [["_uuid", "==", ["uuid", found.rows[table, name]]]]


def select(table: str, columns: list[str], *where: list[Any]) -> Operation:
    """Read rows (RFC 7047, 5.2.2)."""
    return {"op": "select", "table": table, "where": list(where), "columns": columns}


def referred(database: Database, table: str, columns: list[str], references: Any) -> list[dict[str, Any]]:
    """The rows that a set of references names."""
    selects = [select(table, columns, ["_uuid", "==", reference]) for reference in members(references)]
    return [row for result in database.transact(*selects) for row in result["rows"]]


def _interface(row: dict[str, Any]) -> Interface:
    requested, mtu = one(row["mtu_request"]), one(row["mtu"])
    value = None if requested is None else str(requested)
    was_mtu = as_map(row["external_ids"]).get(MTU_MARK, "")
    former = int(was_mtu) if was_mtu.isdecimal() else None
    bfd = " ".join(f"{key}={value}" for key, value in sorted(as_map(row["bfd"]).items())) or None
    return Interface(
        row["name"],
        value,
        _was(Setting.MTU, row),
        one(row["ofport"]) or 0,
        mtu,
        former,
        bfd,
        _was(Setting.BFD, row),
        heard=as_map(row["bfd_status"]).get("state") == "up",
        virtual=row["type"] == "patch",
    )


def _pairs(text: str) -> list[list[str]]:
    """The keys and values of a map that is written as text."""
    return [word.split("=", 1) for word in text.split()]


def _mark(setting: Setting) -> str:
    return MARK + setting.value


def _was(setting: Setting, row: dict[str, Any]) -> str | None:
    return as_map(row["external_ids"]).get(_mark(setting))


def members(value: Any) -> list[Any]:
    """The members of a set, which RFC 7047 lets stand alone where it is one (5.1)."""
    return list(value[1]) if isinstance(value, list) and value[0] == "set" else [value]


def one(value: Any) -> Any:
    """What a set of one or none holds."""
    found = members(value)
    return found[0] if found else None


def as_map(value: list[Any]) -> dict[str, str]:
    """A map of texts."""
    return dict(value[1])
