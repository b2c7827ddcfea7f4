"""What is allotted once: numbers that keep their owner over restarts.

The first choice is a hash of the owner's name, so that a lost state folder finds most of them again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import TypeAlias
from zlib import crc32

Holding: TypeAlias = tuple[str, str]
"""A pool and a name that holds a number of it."""


class NothingLeft(Exception):
    """A range of numbers is used up."""


class Ledger:
    """Numbers of several pools, each given to one name of its pool."""

    def __init__(self, held: Iterable[tuple[str, str, int]] = ()) -> None:
        self._held: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for pool, name, number in held:
            self._held[pool][name] = number

    def allot(self, pool: str, name: str, numbers: range) -> int:
        """The number that `name` alone has in `pool`, given now if it has none; raises `NothingLeft`."""
        held = self._held[pool]
        if name not in held:
            held[name] = _choose(pool, name, numbers, set(held.values()))
        return held[name]

    def allot_apart(self, pool: str, who: str, places: Collection[str], numbers: range) -> int:
        """A number that no other of `pool` has at any of the same places; raises `NothingLeft`.

        The name under which it is held tells its places: so what is known of it outlives the one who asked.
        """
        name = apart_name(who, places)
        held = self._held[pool]
        if name not in held:
            taken = {number for other, number in held.items() if not _places(other).isdisjoint(places)}
            held[name] = _choose(pool, name, numbers, taken)
        return held[name]

    def collect(self, used: Collection[Holding], pools: Collection[str]) -> bool:
        """Give back what nobody uses of some pools; true when there was any."""
        idle = [(pool, name) for pool in pools for name in self._held[pool] if (pool, name) not in used]
        for pool, name in idle:
            del self._held[pool][name]
        return bool(idle)

    def held(self) -> Iterator[tuple[str, str, int]]:
        """All that is held: pool, name, number."""
        for pool, names in self._held.items():
            for name, number in names.items():
                yield pool, name, number


def apart_name(who: str, places: Collection[str]) -> str:
    """The name under which a number is held that is unique at some places only."""
    return f"{who}@{','.join(places)}"


def _places(name: str) -> set[str]:
    return set(name.partition("@")[2].split(","))


def _choose(pool: str, name: str, numbers: range, taken: set[int]) -> int:
    first = crc32(name.encode()) % len(numbers)
    for step in range(len(numbers)):
        number = numbers[(first + step) % len(numbers)]
        if number not in taken:
            return number
    raise NothingLeft(f"{name}: none of the {len(numbers)} numbers for a {pool} is left")
