"""The fabric as it works when every switch holds what it should: wanted rules, and the wires as they are seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controller.control import Control
from controller.rules.lookup import SwitchTables
from controller.verifier import Network


class WantedTables(Mapping[str, SwitchTables]):
    """The tables of each platform, made when a packet first comes by."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._made: dict[str, SwitchTables] = {}

    def __getitem__(self, platform: str) -> SwitchTables:
        if platform not in self._control.fabric.platforms:
            raise KeyError(platform)
        if platform not in self._made:
            wanted = self._control.reconciler.switches[platform].wanted
            owners = {key: item.owner for key, item in wanted.items()}
            self._made[platform] = SwitchTables((item.rule for item in wanted.values()), owners)
        return self._made[platform]

    def __iter__(self) -> Iterator[str]:
        return iter(self._control.fabric.platforms)

    def __len__(self) -> int:
        return len(self._control.fabric.platforms)


def wanted_network(control: Control) -> Network:
    """Switches with their wanted rules, joined by the wires that were last proved."""
    wiring = control.fabric.wiring
    down = frozenset(end for end, port in wiring.ports.items() if not port.up)
    return Network(WantedTables(control), dict(wiring.wired), down)
