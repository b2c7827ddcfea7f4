"""What is left on every way: as things stand, or as they would."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from controller.rates.burden import Burden
from controller.rates.network import UNLIMITED, Failure, Network, Way, whole


class Remainder(ABC):
    """What ways can carry beside what is granted and what may be diverted."""

    network: Network

    @abstractmethod
    def left(self, way: Way) -> int:
        """What a way can carry beside all that; negative where that is too much already."""

    @abstractmethod
    def spare(self, way: Way, failure: Failure) -> int:
        """What could be diverted onto a way beside what one failure diverts onto it already."""

    def has(self, way: Way, rate_bps: int) -> bool:
        """Whether a way can carry so much more."""
        return self.left(way) >= rate_bps

    def has_spare(self, way: Way, failure: Failure, rate_bps: int) -> bool:
        """Whether a failure can divert so much more onto a way."""
        return self.spare(way, failure) >= rate_bps

    def most(self, burden: Burden) -> int:
        """The highest rate of a burden that fits, bit/s; exact."""
        return max(min((room for room, _ in self._rooms(burden)), default=UNLIMITED), 0)

    def fits(self, burden: Burden, rate_bps: int) -> bool:
        """Whether so much of a burden fits."""
        loads = burden.loads
        return all(self.has(way, times * rate_bps) for way, times in loads.items()) and all(
            self.has_spare(way, failure, (times + loads.get(way, 0)) * rate_bps)
            for (way, failure), times in burden.diversions.items()
        )

    def narrowest(self, burden: Burden) -> tuple[Way, ...]:
        """The ways that let no more than that through."""
        rooms = list(self._rooms(burden))
        least = min((whole(room) for room, _ in rooms), default=0)
        return tuple(dict.fromkeys(way for room, way in rooms if whole(room) == least))

    def _rooms(self, burden: Burden) -> Iterator[tuple[int, Way]]:
        for way, times in burden.loads.items():
            yield self.left(way) // times, way
        for (way, failure), times in burden.diversions.items():
            yield self.spare(way, failure) // (times + burden.loads.get(way, 0)), way
