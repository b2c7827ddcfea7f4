"""Rules by what their numbers stand for: two histories of one fabric may differ in what was allotted, and in no more.

Labels, indexes of platforms and generations of trees are replaced by the names that hold them. A cookie keeps its
mark and owner; its digest is left out, since it tells of the rule what the rest of the line says anyway.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from installed import Held, installed

from controller.rules.tables import GroupKind, Table, is_our_cookie, kind_of_owner, owner_hash

if TYPE_CHECKING:
    from lab import Lab

_VLAN_MASK = 0xFFF
_BYPASS, _LABEL = (f" table={int(table)}," for table in (Table.BYPASS, Table.LABEL))
_COOKIE = re.compile(r"cookie=0x([0-9a-f]+)")
_VLAN_MATCH = re.compile(r"\bdl_vlan=(\d+)")
_BYPASS_MATCH = re.compile(r"\bin_port=(\d+),dl_vlan=(\d+)")
_LABEL_PUSHED = re.compile(r"set_field:(\d+)->vlan_vid(?=,group:)")
_BYPASS_PUSHED = re.compile(r"set_field:(\d+)->vlan_vid(?=,load:0->NXM_OF_IN_PORT\[\],)")
_GROUP = re.compile(r"\b(group_id=|group:)(\d+)")
_NUMBER = r"(0x[0-9a-f]+|\d+)"
_REGISTERS = (re.compile(rf"\b(reg[02]=){_NUMBER}\b"), re.compile(rf"(set_field:){_NUMBER}(?=->reg[02]\b)"))


def held_by_name(lab: Lab) -> Held:
    """What a lab's bridges hold now, by names."""
    assert lab.controller is not None
    return Allotted.read(lab.controller.state_dir).named(installed(lab))


@dataclass
class Allotted:
    """Who holds which number."""

    labels: dict[int, str] = field(default_factory=dict)
    indexes: dict[int, str] = field(default_factory=dict)
    taken: dict[tuple[str, int], str] = field(default_factory=dict)
    """Bypasses by a place where they arrive (``platform:port``) and label: elsewhere the label may name another."""
    sent: dict[tuple[str, int], str] = field(default_factory=dict)
    """Bypasses by the platform where they begin and label."""

    @classmethod
    def of(cls, held: Iterable[tuple[str, str, int]]) -> Allotted:
        """From a ledger's pools, names and numbers."""
        made = cls()
        for pool, name, number in held:
            if pool == "label":
                made.labels[number] = _lasting(name)
            elif pool == "platform":
                made.indexes[number] = name
            elif pool == "bypass":
                made._add_bypass(name, number)
        return made

    def _add_bypass(self, name: str, number: int) -> None:
        who, _, places = name.partition("@")
        link, _, far = who.partition(">")
        ends = (end.rpartition(".")[0] for end in link.split("--"))
        self.taken |= {(place, number): name for place in places.split(",")}
        self.sent |= {(near, number): name for near in ends if near != far}

    @classmethod
    def read(cls, state_dir: Path) -> Allotted:
        """From a state folder."""
        with closing(sqlite3.connect(f"file:{state_dir / 'state.db'}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT name, value FROM state WHERE kind = 'number'").fetchall()
        return cls.of((*name.partition("/")[::2], json.loads(value)) for name, value in rows)

    def named(self, held: Held) -> Held:
        """What bridges hold, by names. A number that nobody holds stays as it is."""
        return {
            platform: tuple(sorted(self._line(platform, line) for line in lines)) for platform, lines in held.items()
        }

    def _line(self, platform: str, line: str) -> str:
        if _BYPASS in line:
            line = _BYPASS_MATCH.sub(lambda found: f"in_port={found[1]},dl_vlan={self._taken(platform, found)}", line)
        elif _LABEL in line:
            line = _VLAN_MATCH.sub(lambda found: f"dl_vlan={self._label(int(found[1]))}", line)
        line = _LABEL_PUSHED.sub(lambda found: f"label:{self._label(int(found[1]) & _VLAN_MASK)}", line)
        line = _BYPASS_PUSHED.sub(lambda found: f"label:{self._sent(platform, found)}", line)
        line = _GROUP.sub(lambda found: f"{found[1]}{self._group(int(found[2]))}", line)
        for pattern in _REGISTERS:
            line = pattern.sub(lambda found: f"{found[1]}{self._label(int(found[2], 0))}", line)
        return _COOKIE.sub(_owner, line)

    def _label(self, number: int) -> str:
        return self.labels.get(number, str(number))

    def _taken(self, platform: str, found: re.Match[str]) -> str:
        return self.taken.get((f"{platform}:{found[1]}", int(found[2])), found[2])

    def _sent(self, platform: str, found: re.Match[str]) -> str:
        number = int(found[1]) & _VLAN_MASK
        return self.sent.get((platform, number), str(number))

    def _group(self, number: int) -> str:
        kind, rest = number >> 28, number & 0xFFFFFFF
        if kind == GroupKind.PLATFORM:
            return f"to {self.indexes.get(rest, str(rest))}"
        if kind == GroupKind.FLOOD:
            return f"flood {self._label(rest >> 16)} from {rest & 0xFFFF}"
        return str(number)


def _owner(cookie: re.Match[str]) -> str:
    """The owner's kind and its name's hash, unless it has the name of a generation."""
    value = int(cookie[1], 16)
    if not is_our_cookie(value):
        return cookie[0]
    kind = kind_of_owner(value)
    return f"cookie={kind}" if kind == "tree" else f"cookie={kind} {owner_hash(value):04x}"


def _lasting(name: str) -> str:
    """The name of a tree without its generation: only one of a segment's is in use at rest."""
    segment, mark, _ = name.partition("#")
    return segment + mark
