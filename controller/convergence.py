"""How long the fabric takes to come to rest after a change."""

from __future__ import annotations

from collections.abc import Callable


class Convergence:
    """Watches whether the fabric is converged; `observer` is told how long each change took, in seconds.

    Changes that begin before the last one is through count as one.
    """

    def __init__(self) -> None:
        self.observer: Callable[[float], None] = lambda _: None
        self._began: float | None = None

    def watch(self, converged: bool, now: float) -> None:
        """Look once; `now` is in seconds of the controller's clock."""
        if not converged:
            self._began = now if self._began is None else self._began
        elif self._began is not None:
            took, self._began = now - self._began, None
            self.observer(took)
