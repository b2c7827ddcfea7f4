"""Queues in the tables of Open vSwitch (`QoS`, `Queue`): from what is wanted to operations, and back to what was there.

Our rows carry the name of their port in `external_ids`; what a port had before is marked beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from apps.ovsdb.client import Database
from apps.ovsdb.rows import Operation, as_map, one, referred, select
from controller.bridge_settings import MARK
from controller.queues import PortQueues, Queue

_WAS: Final = MARK + "qos"
_PORT: Final = "backplane-port"
_TYPE: Final = "linux-htb"


@dataclass(frozen=True, slots=True)
class SeenQueue:
    """A row of our own."""

    uuid: str
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SeenPort:
    """A port: its `qos` (a UUID) and what that was before us (None: never changed), and our rows for it."""

    name: str
    uuid: str
    qos: str | None
    was: str | None
    own: SeenQueue | None = None
    queues: Mapping[int, SeenQueue] = field(default_factory=dict)


def read_ports(database: Database, bridge: str) -> tuple[str, dict[str, SeenPort]]:
    """A bridge's datapath type, and its ports by name; raises `OvsdbError`."""
    (found,) = database.transact(select("Bridge", ["ports", "datapath_type"], ["name", "==", bridge]))
    if not found["rows"]:
        return "", {}
    row = found["rows"][0]
    ports = referred(database, "Port", ["_uuid", "name", "qos", "external_ids"], row["ports"])
    _forget_what_is_gone(database, ports)
    configured = _own(database, [port["name"] for port in ports if _WAS in as_map(port["external_ids"])])
    return str(row["datapath_type"]), {port["name"]: _port(port, configured) for port in ports}


def _forget_what_is_gone(database: Database, ports: Iterable[dict[str, Any]]) -> None:
    """A port's former QoS may have been deleted since: then there is nothing to go back to."""
    marked = [port for port in ports if as_map(port["external_ids"]).get(_WAS)]
    former = ["set", [["uuid", as_map(port["external_ids"])[_WAS]] for port in marked]]
    there = {row["_uuid"][1] for row in referred(database, "QoS", ["_uuid"], former)} if marked else set()
    for port in marked:
        if as_map(port["external_ids"])[_WAS] not in there:
            port["external_ids"] = _map({**as_map(port["external_ids"]), _WAS: ""})


def _own(database: Database, ports: Sequence[str]) -> dict[str, tuple[SeenQueue, dict[int, SeenQueue]]]:
    """Our rows for some ports: the QoS, and its queues by number."""
    columns = ["_uuid", "other_config", "queues"]
    whose = [["external_ids", "includes", ["map", [[_PORT, name]]]] for name in ports]
    answers = database.transact(*(select("QoS", columns, where) for where in whose)) if whose else []
    found = {name: answer["rows"][0] for name, answer in zip(ports, answers, strict=True) if answer["rows"]}
    references = [reference for row in found.values() for _, reference in row["queues"][1]]
    rows = referred(database, "Queue", ["_uuid", "other_config"], ["set", references]) if references else []
    queues = {row["_uuid"][1]: SeenQueue(row["_uuid"][1], as_map(row["other_config"])) for row in rows}
    return {
        name: (
            SeenQueue(row["_uuid"][1], as_map(row["other_config"])),
            {number: queues[uuid] for number, (_, uuid) in row["queues"][1] if uuid in queues},
        )
        for name, row in found.items()
    }


def _port(row: Mapping[str, Any], configured: Mapping[str, tuple[SeenQueue, dict[int, SeenQueue]]]) -> SeenPort:
    own, queues = configured.get(row["name"], (None, {}))
    qos = one(row["qos"])
    was = as_map(row["external_ids"]).get(_WAS)
    return SeenPort(row["name"], row["_uuid"][1], qos[1] if qos else None, was, own, queues)


def queue_operations(seen: Mapping[str, SeenPort], wanted: Iterable[PortQueues]) -> list[Operation]:
    """What gives ports their queues, and takes them from those that need none any more."""
    asked = {queues.name: queues for queues in wanted}
    operations: list[Operation] = []
    for name, port in seen.items():
        queues = asked.get(name)
        if queues is None:
            operations += _undo(port) if port.was is not None else ()
        elif port.own is None:
            operations += _create(port, queues)
        else:
            operations += _adjust(port, port.own, queues)
    return operations


def clear_operations(ports: Iterable[SeenPort]) -> list[Operation]:
    """What takes the queues of ports away for a moment, so that Open vSwitch makes them anew."""
    return [_update("Port", port.uuid, qos=["set", []]) for port in ports]


def is_right(port: SeenPort | None, queues: PortQueues) -> bool:
    """Whether a port has just these queues."""
    return port is not None and port.own is not None and not list(_adjust(port, port.own, queues))


def _config(queue: Queue) -> dict[str, str]:
    return {
        "min-rate": str(queue.min_bps),
        "max-rate": str(queue.max_bps),
        "burst": str(queue.burst_bits),
        "priority": str(queue.priority),
    }


def _create(port: SeenPort, queues: PortQueues) -> Iterator[Operation]:
    names = {queue.number: f"q{port.uuid.replace('-', '')}_{queue.number}" for queue in queues.queues}
    whole = f"qos{port.uuid.replace('-', '')}"
    for queue in queues.queues:
        yield _insert("Queue", names[queue.number], port.name, other_config=_map(_config(queue)))
    refer = ["map", [[number, ["named-uuid", name]] for number, name in names.items()]]
    config = _map({"max-rate": str(queues.rate_bps)})
    yield _insert("QoS", whole, port.name, type=_TYPE, other_config=config, queues=refer)
    yield _update("Port", port.uuid, qos=["named-uuid", whole])
    yield _mutate("Port", port.uuid, ["external_ids", "insert", _map({_WAS: port.qos or ""})])


def _adjust(port: SeenPort, own: SeenQueue, queues: PortQueues) -> Iterator[Operation]:
    if port.qos != own.uuid:
        yield _update("Port", port.uuid, qos=["uuid", own.uuid])
    if own.config.get("max-rate") != str(queues.rate_bps):
        yield _update("QoS", own.uuid, other_config=_map({"max-rate": str(queues.rate_bps)}))
    wanted = {queue.number: _config(queue) for queue in queues.queues}
    for number in port.queues.keys() - wanted.keys():
        yield _mutate("QoS", own.uuid, ["queues", "delete", ["set", [number]]])
        yield _delete("Queue", port.queues[number].uuid)
    for number, config in wanted.items():
        seen = port.queues.get(number)
        if seen is None:
            name = f"q{port.uuid.replace('-', '')}_{number}"
            yield _insert("Queue", name, port.name, other_config=_map(config))
            yield _mutate("QoS", own.uuid, ["queues", "insert", ["map", [[number, ["named-uuid", name]]]]])
        elif seen.config != config:
            yield _update("Queue", seen.uuid, other_config=_map(config))


def _undo(port: SeenPort) -> Iterator[Operation]:
    """What was there before; what somebody else has set since stays."""
    if port.own is not None and port.qos == port.own.uuid:
        yield _update("Port", port.uuid, qos=["uuid", port.was] if port.was else ["set", []])
    yield _mutate("Port", port.uuid, ["external_ids", "delete", ["set", [_WAS]]])
    if port.own is not None:
        yield _delete("QoS", port.own.uuid)
        yield from (_delete("Queue", queue.uuid) for queue in port.queues.values())


def _map(values: Mapping[str, str]) -> list[Any]:
    return ["map", [[key, value] for key, value in values.items()]]


def _insert(table: str, name: str, port: str, **row: Any) -> Operation:
    return {"op": "insert", "table": table, "uuid-name": name, "row": {**row, "external_ids": _map({_PORT: port})}}


def _update(table: str, uuid: str, **row: Any) -> Operation:
    return {"op": "update", "table": table, "where": _is(uuid), "row": row}


def _mutate(table: str, uuid: str, mutation: list[Any]) -> Operation:
    return {"op": "mutate", "table": table, "where": _is(uuid), "mutations": [mutation]}


def _delete(table: str, uuid: str) -> Operation:
    return {"op": "delete", "table": table, "where": _is(uuid)}


def _is(uuid: str) -> list[list[Any]]:
    return [["_uuid", "==", ["uuid", uuid]]]
