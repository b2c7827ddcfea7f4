"""What all tests share: how many examples hypothesis tries, and how long a long test may take."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

LONG_TIMEOUT_S = 3600
_HERE = Path(__file__).parent

# The usual run tries the same examples each time; the long one looks for new ones.
settings.register_profile("usual", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("usual")


_EMULATION = "emulation"
_ORDER = ("properties", "unit", _EMULATION)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Where there are two workers: each file by one of them, and all of emulation."""
    item.add_marker(pytest.mark.xdist_group(_EMULATION if _folder(item) == _EMULATION else item.path.stem))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, and emulation when the other worker has nothing more."""
    items.sort(key=lambda item: _ORDER.index(_folder(item)))
    for item in items:
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG_TIMEOUT_S))


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(_HERE).parts[0]
