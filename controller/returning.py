"""Links that had failed and work again: traffic is led over them only when they have gone on working for a while.

So a link that comes and goes moves traffic once. The switches' own fast failover goes back at once; this is for
paths that the controller has moved. What has no other way does not wait.
"""

from __future__ import annotations

from collections.abc import Set

from controller.model.fabric import Fabric
from controller.model.links import LinkState


class Returning:
    """Which links have failed while they carried traffic, and until when those that are back are to wait.

    `now` is in seconds of the controller's clock, as of the last `due`.
    """

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self._until: dict[str, float] = {}
        self._now = 0.0

    @property
    def waiting(self) -> Set[str]:
        """Links that work again and are not used yet."""
        return self._until.keys()

    def note(self, link: str, state: LinkState, carried: bool) -> bool:
        """Take in what became of a link, and whether it `carried` traffic so far; true when it is to wait.

        One that was led over although it was called failed has nothing to wait for.
        """
        if state is not LinkState.UP:
            self._until.pop(link, None)
            if carried:
                self._fabric.failed.add(link)
            return False
        if carried:
            self.release(link)
        if link in self._fabric.failed:
            self._until.setdefault(link, self._now + self._fabric.declared.hold_s)
            return True
        return False

    def release(self, link: str) -> None:
        """A link waits no more, or is no more."""
        self._fabric.failed.discard(link)
        self._until.pop(link, None)

    def due(self, now: float) -> list[str]:
        """The links that have waited long enough; they wait no more."""
        self._now = now
        over = [link for link, until in self._until.items() if until <= now]
        for link in over:
            self.release(link)
        return over
