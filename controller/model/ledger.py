"""What is allotted once: numbers that keep their owner over restarts.

The first choice is a hash of the owner's name, so that a lost state folder finds most of them again.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32


class NothingLeft(Exception):
    """A range of numbers is used up."""


class Ledger:
    """Numbers of several pools, each given to one name of its pool."""

    def __init__(self, held: Iterable[tuple[str, str, int]] = ()) -> None:
        self._held: dict[str, dict[str, int]] = {}
        self._owners: dict[str, dict[int, str]] = {}
        self.changed: dict[tuple[str, str], int | None] = {}
        for pool, name, number in held:
            self._note(pool, name, number)

    def allot(self, pool: str, name: str, numbers: range) -> int:
        """The number that `name` has in `pool`, given now if it has none; raises `NothingLeft`."""
        held = self._held.setdefault(pool, {})
        if name not in held:
            number = self._choose(pool, name, numbers)
            self._note(pool, name, number)
            self.changed[pool, name] = number
        return held[name]

    def release(self, pool: str, name: str) -> None:
        """Give a number back."""
        number = self._held.get(pool, {}).pop(name, None)
        if number is not None:
            del self._owners[pool][number]
            self.changed[pool, name] = None

    def names(self, pool: str) -> tuple[str, ...]:
        """Who holds a number of a pool."""
        return tuple(self._held.get(pool, ()))

    def _note(self, pool: str, name: str, number: int) -> None:
        self._held.setdefault(pool, {})[name] = number
        self._owners.setdefault(pool, {})[number] = name

    def _choose(self, pool: str, name: str, numbers: range) -> int:
        taken = self._owners.setdefault(pool, {})
        first = crc32(name.encode()) % len(numbers)
        for step in range(len(numbers)):
            number = numbers[(first + step) % len(numbers)]
            if number not in taken:
                return number
        raise NothingLeft(f"{name}: none of the {len(numbers)} numbers for a {pool} is left")
