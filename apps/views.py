"""What the API reads from and acts on: the application hands it over when it starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from apps.changes import Changes
from controller.control import Control
from controller.planner import Plan


class Source(Protocol):
    """Where the document comes from."""

    @property
    def file(self) -> Path | None:
        """Its file; None where nobody gave one."""


@dataclass(frozen=True)
class FabricViews:
    """The controller's state, how the document is read again, and how what is asked for is changed."""

    control: Control
    reload: Callable[[], Plan]
    """Raises `DocumentError`, `OSError` or `UnicodeDecodeError`, and changes nothing then; nor where the plan that it
    answers is not accepted."""
    state: Source
    changes: Changes
