"""Who owns which rules: keeps what each owner's rules depend on, compiles what changed, tells the reconciler."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from controller.compile.owners import Input, compile_owner
from controller.compile.paths import PathInput
from controller.compile.ports import discovery_key
from controller.derive import Derivation
from controller.model.changes import Changes
from controller.model.fabric import Fabric
from controller.model.ledger import Holding, NothingLeft
from controller.model.topology import End
from controller.routing import Rerouted
from controller.rules.placed import Placed, Wanted
from controller.rules.reconciler import Reconciler
from controller.rules.rules import FlowEntry, Owner, Rule, RuleKey
from controller.rules.tables import cookie

Contribution: TypeAlias = Mapping[tuple[str, RuleKey], tuple[Placed, int]]
"""Rules by platform and key, with their cookies."""


class Rulebook:
    """All owners with their inputs and their rules; what comes out depends on the present state alone."""

    def __init__(self, reconciler: Reconciler, derivation: Derivation) -> None:
        self._reconciler, self._derivation = reconciler, derivation
        self._inputs: dict[Owner, Input] = {}
        self._placed: dict[Owner, Contribution] = {}
        self._homes: dict[str, str] = {}
        self._refused: dict[Owner, str] = {}

    def follow(self, changes: Changes, rerouted: Rerouted, fabric: Fabric) -> None:
        """Bring the rules of all who are touched up to date."""
        self._note_moves(fabric, fabric.servers if changes.everything else changes.servers)
        self._derivation.refresh()
        if changes.everything:
            owners = dict.fromkeys(self._derivation.everyone())
            self._update([owner for owner in self._inputs if owner not in owners])
            self._update(owners)
        else:
            waiting = self._waiting_paths() if rerouted.pairs else ()
            self._update(dict.fromkeys((*self._derivation.touched(changes, rerouted), *waiting)))

    def _waiting_paths(self) -> Iterator[Owner]:
        """Paths that switches are still to flip: by the same next hops, perhaps, but at another distance, which says
        whose turn is first."""
        for switch in self._reconciler.switches.values():
            for key in switch.pending if not switch.fresh else ():
                wanted = switch.wanted.get(key)
                if wanted and wanted.owner.kind == "path":
                    yield wanted.owner

    @property
    def refused(self) -> Mapping[Owner, str]:
        """Owners who have no rules since no number is left for them, and why, in words."""
        return self._refused

    def holdings(self) -> set[Holding]:
        """The numbers in use."""
        return self._derivation.holdings()

    def holds_discovery(self, end: End) -> bool:
        """Whether a port's switch has confirmed the entry that takes probes in."""
        platform, port = end
        switch = self._reconciler.switches.get(platform)
        return switch is not None and switch.connected and discovery_key(port) in switch.installed

    def owner_of(self, platform: str, key: RuleKey) -> Owner | None:
        """Whose a rule is."""
        wanted = self._reconciler.switches[platform].wanted.get(key)
        return wanted.owner if wanted else None

    def _update(self, owners: Iterable[Owner]) -> None:
        """Those who go first, so that what they leave to another is not taken out again."""
        changed = [(owner, wanted) for owner in owners if (wanted := self._input(owner)) != self._inputs.get(owner)]
        for owner, wanted in sorted(changed, key=lambda item: item[1] is not None):
            if wanted is None:
                del self._inputs[owner]
                self._replace(owner, {})
            else:
                self._inputs[owner] = wanted
                self._replace(owner, _compiled(owner, wanted))

    def _input(self, owner: Owner) -> Input | None:
        try:
            wanted = self._derivation.input_of(owner)
        except NothingLeft as problem:
            self._refused[owner] = f"{owner.kind} {owner.name} has no rules: {problem}"
            return None
        self._refused.pop(owner, None)
        return wanted

    def _replace(self, owner: Owner, placed: Contribution) -> None:
        before = self._placed.pop(owner, {})
        if placed:
            self._placed[owner] = placed
        for place in before.keys() - placed.keys():
            platform, key = place
            if self.owner_of(platform, key) == owner:
                self._reconciler.want(platform, key, None)
        for place, marked in placed.items():
            if before.get(place) != marked:
                (platform, key), (item, cookie_of_it) = place, marked
                order = self._derivation.order_of(owner, item)
                self._reconciler.want(platform, key, Wanted(item.rule, owner, order, cookie_of_it, item.needs))

    def _note_moves(self, fabric: Fabric, names: Iterable[str]) -> None:
        for name in names:
            server = fabric.servers.get(name)
            if server is None:
                self._homes.pop(name, None)
                self._derivation.left.pop(name, None)
                continue
            before = self._homes.get(name, server.platform)
            if before != server.platform:
                self._derivation.left[name] = before
            self._homes[name] = server.platform


def _compiled(owner: Owner, wanted: Input) -> Contribution:
    """An owner's rules. There are too many paths to remember theirs, and each is compiled in no time."""
    return _compile(owner, wanted) if isinstance(wanted, PathInput) else _remembered(owner, wanted)


def _compile(owner: Owner, wanted: Input) -> Contribution:
    rules = compile_owner(wanted)
    return {(item.platform, item.rule.key): (item, _cookie(owner, item.rule)) for item in rules}


_remembered: Final = lru_cache(maxsize=1 << 13)(_compile)
"""A change is compiled twice, first where it is planned: the second time costs the event loop nothing."""


def _cookie(owner: Owner, rule: Rule) -> int:
    """Groups and meters have none: they are compared by content."""
    return cookie(owner, rule) if isinstance(rule, FlowEntry) else 0
