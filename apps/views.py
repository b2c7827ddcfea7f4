"""What the API reads from and acts on: the application hands it over when it starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from controller.control import Control


class Source(Protocol):
    """Where the document comes from."""

    @property
    def file(self) -> Path | None:
        """Its file; None where nobody gave one."""


@dataclass(frozen=True)
class FabricViews:
    """The controller's state, and how the document is read again."""

    control: Control
    reload: Callable[[], None]
    """Raises `DocumentError`, `OSError` or `UnicodeDecodeError`, and changes nothing then."""
    state: Source
