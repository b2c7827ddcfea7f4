"""The tables of one switch, with their entries found by tuple space search.

Entries that test the same bits of the same fields share a dictionary, so a lookup costs one access for each
such set of tests, however many entries there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from controller.rules.rules import FlowEntry, Group, Meter, Owner, Rule, RuleKey

Tests: TypeAlias = tuple[tuple[str, int], ...]
"""The fields that are tested and their masks."""


class _Tuple:
    """The entries with the same tests."""

    __slots__ = ("entries", "highest", "tests")

    def __init__(self, tests: Tests) -> None:
        self.tests = tests
        self.entries: dict[tuple[int, ...], FlowEntry] = {}
        self.highest = -1

    def add(self, entry: FlowEntry) -> None:
        values = tuple(value & mask for _, value, mask in entry.match)
        known = self.entries.get(values)
        if known is None or known.priority <= entry.priority:
            self.entries[values] = entry
        self.highest = max(self.highest, entry.priority)


class SwitchTables:
    """What one switch holds; `owners` says whose a rule is, for explanations."""

    def __init__(self, rules: Iterable[Rule], owners: Mapping[RuleKey, Owner] | None = None) -> None:
        self.groups: dict[int, Group] = {}
        self.meters: dict[int, Meter] = {}
        self._owners = owners or {}
        self._tables: dict[int, dict[Tests, _Tuple]] = {}
        for rule in rules:
            self._add(rule)
        self._by_priority = {
            table: sorted(tuples.values(), key=lambda found: -found.highest) for table, tuples in self._tables.items()
        }

    def _add(self, rule: Rule) -> None:
        if isinstance(rule, Group):
            self.groups[rule.number] = rule
        elif isinstance(rule, Meter):
            self.meters[rule.number] = rule
        else:
            tests = tuple((name, mask) for name, _, mask in rule.match)
            tuples = self._tables.setdefault(rule.table, {})
            tuples.setdefault(tests, _Tuple(tests)).add(rule)

    def owner(self, rule: Rule) -> Owner | None:
        """Whose a rule is, if known."""
        return self._owners.get(rule.key)

    def find(self, table: int, value_of: Callable[[str], int]) -> FlowEntry | None:
        """The matching entry of the highest priority in a table, by the packet's field values."""
        best: FlowEntry | None = None
        for group in self._by_priority.get(table, ()):
            if best is not None and best.priority >= group.highest:
                break
            found = group.entries.get(tuple(value_of(name) & mask for name, mask in group.tests))
            if found is not None and (best is None or found.priority > best.priority):
                best = found
        return best
