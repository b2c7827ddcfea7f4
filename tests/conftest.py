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
_PATIENT = {
    "test_answers",
    "test_api_changes",
    "test_backplane_command",
    "test_cli",
    "test_discovery",
    "test_docs_mininet",
    "test_guard",
    "test_isolation",
    "test_lab",
    "test_learning",
    "test_openflow_tls",
    "test_ovsdb",
    "test_reachability",
    "test_topologies",
    "test_trace",
    "test_wire",
}
"""Of emulation: they wait for what must become so, and do not mind when that takes longer."""


class _Shares(LoadScopeScheduling):
    """Where there are two workers: each file is for one of them, and so are all labs that bear company, and all others.

    All labs share one ovs-vswitchd. What counts lost packets, rates or loops is to have it for itself.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0])
        if _EMULATION not in file.parts:
            return file.as_posix()
        return "patient" if file.stem in _PATIENT else _EMULATION


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _Shares(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, and what is to have the machine for itself when the other worker has nothing more."""
    items.sort(key=_turn)
    for item in items:
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG_TIMEOUT_S))


def _turn(item: pytest.Item) -> int:
    folder = item.path.relative_to(_HERE).parts[0]
    return -1 if folder == _EMULATION and item.path.stem in _PATIENT else _ORDER.index(folder)
