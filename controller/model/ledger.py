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
        self._at: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        """The same by pool and place, for names that tell their places."""
        for pool, name, number in held:
            self._hold(pool, name, number)

    def allot(self, pool: str, name: str, numbers: range) -> int:
        """The number that `name` alone has in `pool`, given now if it has none; raises `NothingLeft`.

        One from before the pool had these numbers is given up.
        """
        held = self._held[pool]
        if held.get(name, -1) not in numbers:
            self._hold(pool, name, _choose(pool, name, numbers, set(held.values())))
        return held[name]

    def allot_apart(self, pool: str, who: str, places: Collection[str], numbers: range) -> int:
        """A number that no other of `pool` has at any of the same places; raises `NothingLeft`.

        The name under which it is held tells its places: so what is known of it outlives the one who asked.
        """
        name = apart_name(who, places)
        held = self._held[pool]
        if name not in held:
            taken = {number for place in places for number in self._at[pool, place].values()}
            self._hold(pool, name, _choose(pool, name, numbers, taken))
        return held[name]

    def collect(self, used: Collection[Holding], pools: Collection[str]) -> bool:
        """Give back what nobody uses of some pools; true when there was any."""
        idle = [(pool, name) for pool in pools for name in self._held[pool] if (pool, name) not in used]
        for pool, name in idle:
            self._release(pool, name)
        return bool(idle)

    def held(self) -> Iterator[tuple[str, str, int]]:
        """All that is held: pool, name, number."""
        for pool, names in self._held.items():
            for name, number in names.items():
                yield pool, name, number

    def _hold(self, pool: str, name: str, number: int) -> None:
        self._held[pool][name] = number
        for place in _places(name):
            self._at[pool, place][name] = number

    def _release(self, pool: str, name: str) -> None:
        del self._held[pool][name]
        for place in _places(name):
            del self._at[pool, place][name]


def apart_name(who: str, places: Collection[str]) -> str:
    """The name under which a number is held that is unique at some places only."""
    return f"{who}@{','.join(places)}"


def first_choice(name: str, numbers: range) -> int:
    """The number that a name gets where nobody else has it."""
    return numbers[crc32(name.encode()) % len(numbers)]


def _places(name: str) -> set[str]:
    return set(filter(None, name.partition("@")[2].split(",")))


def _choose(pool: str, name: str, numbers: range, taken: set[int]) -> int:
    first = numbers.index(first_choice(name, numbers))
    for step in range(len(numbers)):
        number = numbers[(first + step) % len(numbers)]
        if number not in taken:
            return number
    raise NothingLeft(f"none of the {len(numbers):,} {pool} numbers is left where it needs one")
