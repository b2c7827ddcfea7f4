"""docs/tables.md, and the tables of README.md and docs/house.md, say what the compilers make."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from controller.learning import Heard
from controller.rules.placed import Turn
from controller.rules.rules import FlowEntry
from controller.rules.tables import (
    BYPASS_LABELS,
    LABELS,
    OWNER_KINDS,
    GroupKind,
    MeterKind,
    Passed,
    Priority,
    Reason,
    Reg,
    Table,
)
from tests.pages import rows, text
from tests.virtual import VirtualFabric

MODULES = {
    "base": "base",
    "port": "ports",
    "server": "servers",
    "link": "links",
    "path": "paths",
    "segment": "flooding",
    "tree": "flooding",
    "reservation": "reservations",
    "share": "shares",
}
NUMBERS = (Priority, Reg, Passed, Reason, GroupKind, MeterKind)
EVERYTHING = """
segments: {web: {subnet: [10.0.0.0/8, "fd00::/64"], gateway: 10.255.0.1}}
platforms:
  a:
    dpid: 1
    uplinks: {isp: {port: 9, segment: web}}
    servers:
      s1:
        port: 1
        segment: web
        ip: [10.0.0.1, "fd00::1"]
        mac: "02:00:00:00:00:01"
        rate: 1 Gbit/s
        fabric_rate: 500 Mbit/s
        uplink_rate: 100 Mbit/s
      s2: {port: 2, segment: web, vlan: 100}
    trunks: {t1: {port: 21, rate: 1 Gbit/s}, t2: {port: 22}}
  b:
    dpid: 2
    undeclared: {mode: learn, segment: web}
    servers:
      s3: {port: 1, segment: web, ip: 10.0.0.3, mac: "02:00:00:00:00:03"}
    trunks: {t1: {port: 21, rate: 1 Gbit/s}, t2: {port: 22, rate: 1 Gbit/s}}
  c:
    dpid: 3
    servers:
      s4: {port: 1, segment: web, ip: 10.0.0.4, mac: "02:00:00:00:00:04"}
    trunks: {t1: {port: 21}, t2: {port: 22, rate: 1 Gbit/s}}
links: [[a.t1, b.t2], [b.t1, c.t2], [c.t1, a.t2]]
reservations:
  all: {from: s1, to: s4, rate: 10 Mbit/s}
  some: {from: s1, to: s4, rate: 10 Mbit/s, match: {tcp_src: 80, tcp_dst: 80, ip_proto: tcp, dscp: 46}}
"""
"""A fabric in which every compiler has something to do; of reservations one says nothing of its packets, one all."""


@cache
def compiled() -> frozenset[tuple[str, str, str]]:
    """Table, priority and kind of owner of all flow entries that compilers make."""
    fabric = VirtualFabric(EVERYTHING)
    fabric.add_switch("b", 2, (1, 5, 21, 22))
    fabric.start()
    fabric.control.packet_heard(Heard(("b", 5), Reason.LEARN_MAC, {"eth_src": 0x02000000FF01, "arp_spa": 10}), 0.0)
    fabric.control.packet_heard(Heard(("a", 9), Reason.LEARN_MAC, {"eth_src": 0x02000000FF02}), 0.0)
    fabric.settle()
    wanted = [item for switch in fabric.control.reconciler.switches.values() for item in switch.wanted.values()]
    assert {item.owner.kind for item in wanted} == set(OWNER_KINDS)
    entries = [(item.rule, item.owner.kind) for item in wanted if isinstance(item.rule, FlowEntry)]
    return frozenset((Table(rule.table).name, in_words(rule.priority), kind) for rule, kind in entries)


def in_words(priority: int) -> str:
    """A priority as the page writes it: the nearest name, and what is added."""
    nearest = min(Priority, key=lambda named: abs(named - priority))
    added = priority - nearest
    return f"`{nearest.name}`" + (f" {'+' if added > 0 else '-'} {abs(added)}" if added else "")


def sections() -> dict[str, str]:
    """The page's section for each table, by heading."""
    parts = re.split(r"^#{2,3} (.*)$", text("docs/tables.md"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_flow_table_has_its_section_with_its_number() -> None:
    headings = [heading for heading in sections() if re.fullmatch(r"[A-Z_]+ \(\d+\)", heading)]
    assert headings == [f"{table.name} ({table.value})" for table in Table]


@pytest.mark.parametrize("table", list(Table), ids=lambda table: table.name)
def test_a_section_has_the_entries_that_are_made(table: Table) -> None:
    made = {(priority, kind) for name, priority, kind in compiled() if name == table.name}
    told = [cells for cells in rows(sections()[f"{table.name} ({table.value})"]) if cells[0].startswith("`")]
    assert {(priority, cells[1]) for cells in told for priority in cells[0].split(" to ")} == made


def test_owners_stand_with_their_compilers() -> None:
    told = {cells[0]: cells[1] for cells in rows(text("docs/tables.md")) if "controller/compile/" in cells[1]}
    assert told == {f"`{kind}`": f"`controller/compile/{MODULES[kind]}.py`" for kind in OWNER_KINDS}


@pytest.mark.parametrize("numbers", NUMBERS, ids=lambda numbers: numbers.__name__)
def test_numbers_of_the_tables_stand_in_the_page(numbers: type) -> None:
    told = {(cells[0], cells[1].strip("`")) for cells in rows(text("docs/tables.md"))}
    members = {name: getattr(numbers, name) for name in dir(numbers) if name.isupper()}
    named = {(f"`{name}`", str(getattr(value, "value", value))) for name, value in members.items()}
    assert named
    assert named <= told


def test_labels_and_cookies_are_told() -> None:
    page = text("docs/tables.md")
    for labels in (LABELS, BYPASS_LABELS):
        assert f"| {labels[0]} to {labels[-1]} |" in page
    assert ", ".join(f"{number} `{kind}`" for number, kind in enumerate(OWNER_KINDS)) in page


def test_turns_stand_in_their_order() -> None:
    told = [(cells[0], cells[1]) for cells in rows(text("docs/house.md")) if len(cells) == 3 and cells[1].isdigit()]
    assert told == [(f"`{turn.name}`", str(turn.value)) for turn in Turn]


def test_the_readme_names_every_flow_table_and_who_fills_it() -> None:
    named = {table: cells[2] for cells in rows(text("README.md")) for table in cells[0].split(", ") if len(cells) == 3}
    assert {table.name for table in Table} <= named.keys()
    for table in Table:
        makers = {Path(name).stem for name in re.findall(r"`(controller/compile/\w+\.py)`", named[table.name])}
        kinds = {kind for name, _, kind in compiled() if name == table.name}
        assert {MODULES[kind] for kind in kinds - {"base"} or kinds} <= makers, table.name
