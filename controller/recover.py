"""What the rules of a switch tell of its fabric, for a controller whose state folder was lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from controller.compile.flooding import start_key
from controller.compile.ports import learning_port_of, trunk_port_of
from controller.compile.servers import address_of, sender_of
from controller.learning import learned_name
from controller.model.fabric import Fabric
from controller.model.identity import Server
from controller.model.ledger import first_choice
from controller.model.topology import End
from controller.rules.rules import Installed, RuleKey
from controller.rules.tables import LABELS, flood_group, name_hash, owner_hash

SETTLE_S: Final = 2.0
"""How long switches are left as they are when the last of them is back, for discovery to find the links, seconds."""
RETURN_S: Final = 20.0
"""How long those that are back wait for the others: a switch tries again every 8 s at least, seconds."""
_GENERATIONS: Final = 10_000


class Recovery:
    """What is taken over from switches after the state folder was lost, and how long they are left as they are.

    Links are not taken over: discovery finds them, before anything is changed on the switches.
    """

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self._began: float | None = None
        self._all_back = False
        self._trunks: set[End] = set()
        """Ports that nobody declared and that were trunks: their peers are still to come."""
        self.until = 0.0
        """Until then no switch that works is changed."""

    def take(self, platform: str, installed: Installed, now: float) -> None:
        """Take over what the rules of a switch tell that works by ours, while no state of it was kept."""
        if self._began is None:
            self._began, self.until = now, now + RETURN_S
        trunks = {(platform, port) for key in installed.cookies if (port := trunk_port_of(key)) is not None}
        self._trunks |= trunks - self._fabric.declared.trunks.keys()
        self._fabric.trees_are_kept = True
        recover_trees(self._fabric, installed)
        recover_servers(self._fabric, platform, installed.cookies)

    def returned(self, all_back: bool) -> None:
        """A switch was read; `all_back`: it was the last one that is known of."""
        self._all_back = all_back

    def tick(self, now: float) -> None:
        """Shorten the wait when all are back; from `until` on, changes are carried out again."""
        if self._began is None:
            return
        if self._all_back and not self._awaits_peers():
            self.until = min(self.until, now + SETTLE_S)
        if now >= self.until:
            self._began, self._fabric.trees_are_kept = None, False
            self._trunks.clear()

    def _awaits_peers(self) -> bool:
        """Without a document only the trunks tell that there are switches which are not back yet."""
        wiring = self._fabric.wiring
        return any(wiring.is_up(end) and end not in wiring.wired for end in self._trunks)


def recover_trees(fabric: Fabric, installed: Installed) -> None:
    """Take over which generation of each segment's flood tree is in use, so that it keeps its label."""
    for segment in fabric.declared.segments:
        _, links = fabric.trees.get(segment, (0, frozenset()))
        found = None if links else _generation(segment, fabric.ledger.allot("label", segment, LABELS), installed)
        if found is not None and fabric.trees.get(segment, (None,))[0] != found:
            fabric.trees[segment] = (found, frozenset())
            fabric.changes.everything = True


def _generation(segment: str, label: int, installed: Installed) -> int | None:
    """The one whose name the entry's cookie tells, and whose label a flood group has."""
    owner = owner_hash(installed.cookies.get(start_key(label), 0))
    groups = installed.groups.keys()
    for generation in range(_GENERATIONS):
        name = f"{segment}#{generation}"
        if owner == name_hash(name) and flood_group(first_choice(name, LABELS), 0) in groups:
            return generation
    return None


def recover_servers(fabric: Fabric, platform: str, installed: Collection[RuleKey]) -> None:
    """Take over which ports were open for servers, and which servers were learned behind them."""
    open_ports = {port for key in installed if (port := learning_port_of(key)) is not None}
    found = {port: fabric.declared.learned_segment((platform, port)) for port in open_ports}
    segments = {port: segment for port, segment in found.items() if segment is not None}
    for port in segments:
        if fabric.wiring.is_up((platform, port)) and not fabric.declared.is_host_port((platform, port)):
            fabric.wiring.silent.add((platform, port))
            fabric.touch((platform, port))
    for server in _servers(platform, segments, installed):
        if server.name not in fabric.determined:
            fabric.determine(server)


def _servers(platform: str, segments: Mapping[int, str], installed: Collection[RuleKey]) -> Iterator[Server]:
    addresses: defaultdict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for key in installed:
        claim = address_of(key)
        if claim is not None:
            port, mac, address = claim
            addresses[port, mac].append(address)
    for key in installed:
        port, mac = sender_of(key) or (0, 0)
        if port in segments:
            known, segment = tuple(sorted(addresses[port, mac])), segments[port]
            yield Server(learned_name(segment, mac), platform, port, segment, mac, known, declared=False)
