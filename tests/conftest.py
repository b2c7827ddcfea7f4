"""What all tests share: how many examples hypothesis tries, and how long a long test may take."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

LONG_TIMEOUT_S = 3600
_HERE = Path(__file__).parent

# The usual run tries the same examples each time; the long one looks for new ones.
settings.register_profile("usual", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("usual")


_EMULATION = "emulation"
_ORDER = ("properties", "unit", _EMULATION)


class _Shares(LoadScopeScheduling):
    """Where there are two workers: each file is for one of them, and all of emulation, which measures time."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return _EMULATION if _EMULATION in file.split("/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _Shares(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, and emulation when the other worker has nothing more."""
    items.sort(key=lambda item: _ORDER.index(item.path.relative_to(_HERE).parts[0]))
    for item in items:
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG_TIMEOUT_S))
