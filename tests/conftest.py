"""What all tests share: how many examples hypothesis tries, and how long a long test may take."""

from __future__ import annotations

import pytest
from hypothesis import settings

LONG_TIMEOUT_S = 3600

# The usual run tries the same examples each time; the long one looks for new ones.
settings.register_profile("usual", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("usual")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG_TIMEOUT_S))
