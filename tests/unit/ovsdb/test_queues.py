"""Queues in Open vSwitch's tables: made, adjusted, and taken away so that what was there before is there again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from apps.ovsdb.queues import SeenPort, clear_operations, is_right, queue_operations, read_ports
from controller.queues import PortQueues, Queue

PORT, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
THEIRS = "99999999-9999-4999-8999-999999999999"
BEST_EFFORT, RESERVED = Queue(0, 1_000_000, 10_000_000, 7), Queue(1, 9_000_000, 10_000_000, 0)
FOREIGN = {"type": "linux-htb", "other_config": ["map", []], "queues": ["map", []], "external_ids": ["map", []]}
EAST = PortQueues(20, "east", 10_000_000, (BEST_EFFORT, RESERVED))


class Tables:
    """The part of a database (RFC 7047) that is written here: one bridge with two ports, QoS and Queue."""

    def __init__(self, qos: str | None = None) -> None:
        self.rows: dict[str, dict[str, dict[str, Any]]] = {"Bridge": {}, "Port": {}, "QoS": {}, "Queue": {}}
        ports = {PORT: self._port("east", qos), OTHER: self._port("web1", None)}
        self.rows["Port"] = ports
        refer = ["set", [["uuid", uuid] for uuid in ports]]
        self.rows["Bridge"]["b"] = {"name": "br0", "datapath_type": "netdev", "ports": refer}
        if qos:
            self.rows["QoS"][qos] = dict(FOREIGN)

    @staticmethod
    def _port(name: str, qos: str | None) -> dict[str, Any]:
        return {"name": name, "qos": ["uuid", qos] if qos else ["set", []], "external_ids": ["map", [["who", "them"]]]}

    @property
    def ports(self) -> dict[str, SeenPort]:
        return read_ports(self, "br0")[1]  # type: ignore[arg-type]

    def ask(self, *wanted: PortQueues) -> list[Any]:
        """Have the ports given these queues; answers what was to be done."""
        operations = queue_operations(self.ports, wanted)
        self.transact(*operations)
        return operations

    def config(self, port: str = PORT) -> tuple[dict[str, str], dict[int, dict[str, str]]]:
        """What a port's QoS says, and its queues by number."""
        row = self.rows["QoS"][self.rows["Port"][port]["qos"][1]]
        queues = {number: dict(self.rows["Queue"][uuid]["other_config"][1]) for number, (_, uuid) in row["queues"][1]}
        return dict(row["other_config"][1]), queues

    # What a database does

    def transact(self, *operations: Any) -> list[dict[str, Any]]:
        made = {op["uuid-name"]: f"uuid-of-{op['uuid-name']}" for op in operations if op["op"] == "insert"}
        return [getattr(self, f"_{op['op']}")(_named(op, made)) for op in operations]

    def _select(self, op: Any) -> dict[str, Any]:
        found = self._where(op)
        return {"rows": [{**self.rows[op["table"]][uuid], "_uuid": ["uuid", uuid]} for uuid in found]}

    def _insert(self, op: Any) -> dict[str, Any]:
        uuid = f"uuid-of-{op['uuid-name']}"
        assert uuid not in self.rows[op["table"]], "the database would have two rows of one name"
        self.rows[op["table"]][uuid] = {"queues": ["map", []], **op["row"]}
        return {}

    def _update(self, op: Any) -> dict[str, Any]:
        (uuid,) = self._where(op)
        self.rows[op["table"]][uuid] |= op["row"]
        return {}

    def _mutate(self, op: Any) -> dict[str, Any]:
        (uuid,) = self._where(op)
        for column, what, value in op["mutations"]:
            row = self.rows[op["table"]][uuid]
            gone = value[1] if what == "delete" else []
            known = {repr(key) for key, _ in row[column][1]}
            added = [pair for pair in value[1] if repr(pair[0]) not in known] if what == "insert" else []
            row[column] = ["map", [pair for pair in row[column][1] if pair[0] not in gone] + added]
        return {}

    def _delete(self, op: Any) -> dict[str, Any]:
        for uuid in self._where(op):
            del self.rows[op["table"]][uuid]
        return {}

    def _where(self, op: Any) -> Sequence[str]:
        return [uuid for uuid, row in self.rows[op["table"]].items() if all(_fits(uuid, row, c) for c in op["where"])]


def _fits(uuid: str, row: dict[str, Any], condition: Any) -> bool:
    column, how, value = condition
    if column == "_uuid":
        return bool(value[1] == uuid)
    if how == "includes":
        return all(pair in row[column][1] for pair in value[1])
    return bool(row[column] == value)


def _named(value: Any, made: dict[str, str]) -> Any:
    """Rows that are made in the same transaction, by their names."""
    if isinstance(value, list) and len(value) == 2 and value[0] == "named-uuid":
        return ["uuid", made[value[1]]]
    if isinstance(value, list):
        return [_named(item, made) for item in value]
    return {key: _named(item, made) for key, item in value.items()} if isinstance(value, dict) else value


def test_a_port_gets_its_queues_and_the_others_nothing() -> None:
    tables = Tables()
    tables.ask(EAST)
    assert tables.config() == (
        {"max-rate": "10000000"},
        {
            0: {"min-rate": "1000000", "max-rate": "10000000", "burst": "24000", "priority": "7"},
            1: {"min-rate": "9000000", "max-rate": "10000000", "burst": "24000", "priority": "0"},
        },
    )
    assert tables.rows["Port"][OTHER]["qos"] == ["set", []]
    assert is_right(tables.ports["east"], EAST)
    assert not is_right(tables.ports["web1"], replace(EAST, name="web1"))


def test_what_is_right_is_left_alone() -> None:
    tables = Tables()
    tables.ask(EAST)
    assert tables.ask(EAST) == []


def test_a_queue_more_one_less_and_another_rate_change_just_these() -> None:
    tables = Tables()
    tables.ask(EAST)
    untouched = tables.ports["east"].queues[0].uuid
    tables.ask(replace(EAST, queues=(BEST_EFFORT, Queue(7, 5_000_000, 5_000_000, 0))))
    assert tables.config()[1].keys() == {0, 7}
    assert tables.ports["east"].queues[0].uuid == untouched
    slower = replace(EAST, rate_bps=9_000_000, queues=(BEST_EFFORT, Queue(7, 4_000_000, 4_000_000, 0)))
    tables.ask(slower)
    assert tables.config()[0] == {"max-rate": "9000000"}
    assert tables.config()[1][7]["max-rate"] == "4000000"
    assert is_right(tables.ports["east"], slower)
    assert len(tables.rows["Queue"]) == 2


@pytest.mark.parametrize("before", [None, THEIRS])
def test_a_port_that_needs_none_any_more_is_as_it_was_before(before: str | None) -> None:
    tables, untouched = Tables(before), Tables(before)
    tables.ask(EAST)
    assert before is None or before in tables.rows["QoS"]
    tables.ask()
    assert tables.rows == untouched.rows
    assert tables.ask() == []


def test_what_somebody_else_has_set_since_stays() -> None:
    tables = Tables()
    tables.ask(EAST)
    tables.rows["QoS"][THEIRS] = dict(FOREIGN)
    tables.rows["Port"][PORT]["qos"] = ["uuid", THEIRS]
    assert not is_right(tables.ports["east"], EAST)
    tables.ask()
    assert tables.rows["Port"][PORT]["qos"] == ["uuid", THEIRS]
    assert list(tables.rows["QoS"]) == [THEIRS]


def test_queues_that_somebody_took_away_or_altered_are_made_again() -> None:
    tables = Tables()
    tables.ask(EAST)
    tables.rows["Port"][PORT]["qos"] = ["set", []]
    (altered, *_) = tables.rows["Queue"].values()
    altered["other_config"] = ["map", [["max-rate", "1"]]]
    assert not is_right(tables.ports["east"], EAST)
    tables.ask(EAST)
    assert is_right(tables.ports["east"], EAST)


def test_queues_that_a_device_has_lost_are_taken_off_for_a_moment_and_put_back() -> None:
    tables = Tables(THEIRS)
    tables.ask(EAST)
    tables.transact(*clear_operations([tables.ports["east"]]))
    assert tables.rows["Port"][PORT]["qos"] == ["set", []]
    tables.ask(EAST)
    assert is_right(tables.ports["east"], EAST)
    tables.ask()
    assert tables.rows["Port"][PORT]["qos"] == ["uuid", THEIRS]


def test_a_bridge_that_is_not_there_has_no_ports() -> None:
    assert read_ports(Tables(), "br9") == ("", {})  # type: ignore[arg-type]
