"""What switches should hold against what they hold, and the steps from one to the other.

    wanted only: missing      both, equal: proper
    installed only: excess    both, unequal: misconfigured

What comes out depends on the two maps alone, never on the way there. Upserts go by turn over all switches
(`controller.rules.placed.Turn`), each turn confirmed before the next; what opens a way is given time to reach the
switches' caches; then, when packets on their way have drained, removals go in the reverse order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from controller.rules.placed import PATH_RANKS, Needs, Turn, Wanted
from controller.rules.rules import FlowEntry, Group, Installed, Meter, RuleKey
from controller.rules.tables import (
    MeterKind,
    Table,
    is_our_cookie,
    is_our_group,
    is_our_meter,
    kind_of_owner,
    metered,
    owner_hash,
)


@dataclass(frozen=True, slots=True)
class Strange:
    """What a switch holds where somebody else has put it: unequal to all that is ever wanted."""


Content: TypeAlias = int | Group | Meter | Strange
Kept: TypeAlias = Callable[[str, RuleKey, Content, Wanted | None], bool]
"""Whether a change of what a platform holds under a key, from something to something or to nothing, has to wait."""
DRAIN_S: Final = 0.6
"""How long a replaced rule outlives the last step that led away from it, seconds: Open vSwitch looks over what it has
cached every half second at the latest."""
CACHE_S: Final = 0.1
"""How long what opens a way is left before anything sends packets there, seconds: a switch that has confirmed a rule
goes by its cache of earlier decisions for some milliseconds still, and may have decided to drop such packets."""
_KIND_ORDER: Final = {"flow": 0, "group": 1, "meter": 2}


@dataclass(frozen=True, slots=True)
class Batch:
    """One step for one switch: rules to put in, in order (true: the switch has none under that key), keys to remove."""

    upserts: tuple[tuple[Wanted, bool], ...] = ()
    deletes: tuple[RuleKey, ...] = ()


@dataclass(slots=True)
class SwitchRules:
    """One switch's two maps and the keys that may differ."""

    wanted: dict[RuleKey, Wanted] = field(default_factory=dict)
    installed: dict[RuleKey, Content] = field(default_factory=dict)
    pending: set[RuleKey] = field(default_factory=set)
    refused: dict[RuleKey, str] = field(default_factory=dict)
    connected: bool = False
    fresh: bool = False
    in_flight: Batch | None = None
    sent_at: float = 0.0
    foreign: set[RuleKey] = field(default_factory=set)
    """Rules of others that the switch held when it came: they are left alone."""


def content_of(wanted: Wanted) -> Content:
    """What a switch that holds this is known by."""
    return wanted.cookie if isinstance(wanted.rule, FlowEntry) else wanted.rule


def _is_our_number(rule: Group | Meter) -> bool:
    return is_our_group(rule.number) if isinstance(rule, Group) else is_our_meter(rule.number)


def _opens_a_way(wanted: Wanted, is_new: bool) -> bool:
    """Whether packets may be sent here next that the switch has dropped so far: a bypass that was not there, a path
    that led back to where they come from."""
    turn = wanted.order // PATH_RANKS
    return turn == Turn.PATH or (turn == Turn.TRANSIT and is_new)


class Reconciler:
    """Holds the two maps of every switch, by platform name."""

    def __init__(self) -> None:
        self.switches: defaultdict[str, SwitchRules] = defaultdict(SwitchRules)
        self._settled_at = 0.0
        self._held_until = 0.0
        self._opened_at = -CACHE_S

    def want(self, platform: str, key: RuleKey, wanted: Wanted | None) -> None:
        """Say what a switch should hold under a key, or that it should hold nothing."""
        switch = self.switches[platform]
        if wanted is None:
            switch.wanted.pop(key, None)
        else:
            switch.wanted[key] = wanted
        switch.refused.pop(key, None)
        switch.pending.add(key)

    def hold(self, until: float) -> None:
        """Leave all switches as they are until then, but for those without any rule of ours."""
        self._held_until = until

    def connected(self, platform: str, installed: Installed) -> None:
        """Take what a switch reports as installed; whatever differs becomes pending, to be sent from then on."""
        switch = self.switches[platform]
        ours = {key: cookie for key, cookie in installed.cookies.items() if is_our_cookie(cookie)}
        numbered: list[Group | Meter] = [*installed.groups.values(), *installed.meters.values()]
        switch.installed = {**ours, **{rule.key: rule for rule in numbered if _is_our_number(rule)}}
        switch.foreign = {*installed.cookies, *(rule.key for rule in numbered)} - switch.installed.keys()
        switch.connected, switch.fresh, switch.in_flight = True, not ours, None
        switch.refused.clear()
        switch.pending = {key for key in switch.wanted.keys() | switch.installed.keys() if differs(switch, key)}

    def disconnected(self, platform: str) -> None:
        """A switch is gone: what it holds stays there, and is read again when it is back."""
        switch = self.switches[platform]
        switch.connected, switch.in_flight = False, None

    def next_step(self, now: float, kept: Kept | None = None, apart: Collection[str] = ()) -> Mapping[str, Batch]:
        """The next step for each switch that has one; empty while a step is out, or when all is proper.

        Changes of what switches hold that are `kept` wait. For those that are `apart` from all others nobody waits:
        they may be dead, and no packet goes from one to the other.
        """
        live = {name: switch for name, switch in self.switches.items() if switch.connected}
        if any(switch.in_flight for name, switch in live.items() if name not in apart):
            return {}
        held = now < self._held_until or now < self._opened_at + CACHE_S
        idle = {name: switch for name, switch in live.items() if not switch.in_flight}
        busy = {name: switch for name, switch in idle.items() if switch.pending and (switch.fresh or not held)}
        step = _upserts(busy, kept, self._has) or _deletes(busy, kept, now >= self._settled_at + DRAIN_S)
        for name, batch in step.items():
            live[name].in_flight, live[name].sent_at = batch, now
        return step

    def _has(self, needs: Needs) -> bool:
        """Whether switches, as far as is known, hold what a rule needs of them."""
        return all(not differs(self.switches[platform], key) for platform, key in needs)

    def confirmed(self, platform: str, refusals: Mapping[RuleKey, str], now: float) -> None:
        """A switch has carried out its step, except what it refused."""
        switch = self.switches[platform]
        batch = switch.in_flight
        if batch is None:
            return
        if not switch.fresh and any(_opens_a_way(wanted, new) for wanted, new in batch.upserts):
            self._opened_at = now
        switch.in_flight, switch.fresh = None, False
        for wanted, _ in batch.upserts:
            switch.installed[wanted.rule.key] = content_of(wanted)
            switch.foreign.discard(wanted.rule.key)
        for key in batch.deletes:
            switch.installed.pop(key, None)
        for key, reason in refusals.items():
            switch.installed.pop(key, None)
            switch.refused[key] = reason
        done = (*(wanted.rule.key for wanted, _ in batch.upserts), *batch.deletes)
        switch.pending.difference_update(key for key in done if key in refusals or not differs(switch, key))
        if switch.refused:
            for key in set(done) - refusals.keys():
                switch.refused.pop(key, None)
        if batch.upserts or any(map(leads_onto_a_path, batch.deletes)):
            self._settled_at = now

    def waiting_s(self, platform: str, now: float) -> float:
        """How long a switch has been at its step, seconds."""
        switch = self.switches[platform]
        return now - switch.sent_at if switch.in_flight else 0.0

    def is_empty(self, platform: str) -> bool:
        """Whether a switch was read and holds nothing of ours."""
        switch = self.switches[platform]
        return switch.connected and not (switch.installed or switch.pending or switch.in_flight)

    @property
    def converged(self) -> bool:
        """Whether every connected switch holds what it should, with nothing refused."""
        return all(
            not (switch.pending or switch.in_flight or switch.refused)
            for switch in self.switches.values()
            if switch.connected
        )

    def rest(self) -> Iterable[tuple[str, RuleKey, str]]:
        """What switches refused: platform, key, reason."""
        for name, switch in self.switches.items():
            for key, reason in switch.refused.items():
                yield name, key, reason


def differs(switch: SwitchRules, key: RuleKey) -> bool:
    """Whether a key is missing, excess or misconfigured on a switch."""
    wanted = switch.wanted.get(key)
    return switch.installed.get(key) != (content_of(wanted) if wanted else None)


def _upserts(busy: Mapping[str, SwitchRules], kept: Kept | None, has: Callable[[Needs], bool]) -> dict[str, Batch]:
    """The earliest turn that anything waits for; a switch without any rule of ours gets all turns at once, but for what
    needs something of others that is not there yet."""
    step: dict[str, Batch] = {}
    turns: dict[str, dict[int, list[Wanted]]] = {}
    for name, switch in busy.items():
        differing = [key for key in switch.pending if key in switch.wanted and differs(switch, key)]
        missing = [switch.wanted[key] for key in differing if not _is_kept(name, switch, key, kept)]
        missing = [wanted for wanted in missing if not wanted.needs or has(wanted.needs)]
        if switch.fresh and missing:
            step[name] = _batch(switch, missing)
        elif missing:
            by_order: defaultdict[int, list[Wanted]] = defaultdict(list)
            for wanted in missing:
                by_order[wanted.order].append(wanted)
            turns[name] = by_order
    if turns:
        first = min(min(by_order) for by_order in turns.values())
        step |= {name: _batch(busy[name], orders[first]) for name, orders in turns.items() if first in orders}
    return step


def _batch(switch: SwitchRules, wanted: list[Wanted]) -> Batch:
    wanted.sort(key=lambda item: item.order)
    return Batch(tuple((item, item.rule.key not in switch.installed) for item in wanted))


def _is_kept(name: str, switch: SwitchRules, key: RuleKey, kept: Kept | None) -> bool:
    if kept is None or key not in switch.installed:
        return False
    return kept(name, key, switch.installed[key], switch.wanted.get(key))


def leads_onto_a_path(key: RuleKey) -> bool:
    """Whether an entry leads packets onto a pinned path."""
    return len(key) == 4 and key[1] == Table.STEER


def _led_by(switch: SwitchRules) -> set[int]:
    """Whose packets (by hash of the owner's name) are led onto a path that is to be another: what leads onto the new
    one waits for what it needs, so the old one is still in use."""
    waiting = (
        key for key in switch.pending if leads_onto_a_path(key) and key in switch.wanted and differs(switch, key)
    )
    before = (switch.installed.get(key) for key in waiting)
    return {owner_hash(content) for content in before if isinstance(content, int)}


def _serves(name: str, switch: SwitchRules, key: RuleKey, led: Mapping[str, Collection[int]]) -> bool:
    """Whether a rule may be part of a path that is still in use; a switch that loses a meter loses what uses it."""
    content = switch.installed[key]
    if isinstance(content, Meter):
        return name in led and metered(content.number)[0] == MeterKind.RESERVATION
    if not isinstance(content, int) or kind_of_owner(content) != "reservation" or leads_onto_a_path(key):
        return False
    return any(owner_hash(content) in owners for owners in led.values())


def _deletes(busy: Mapping[str, SwitchRules], kept: Kept | None, drained: bool) -> dict[str, Batch]:
    """What nobody wants; where packets may still be on their way by it, only what others have put in.

    What leads packets onto a pinned path goes first, and what carries them there when they have drained.
    """
    step: dict[str, Batch] = {}
    leading = any(
        leads_onto_a_path(key) and key not in s.wanted and key in s.installed
        for s in busy.values()
        for key in s.pending
    )
    led = {name: owners for name, switch in busy.items() if (owners := _led_by(switch))}
    for name, switch in busy.items():
        unwanted = [key for key in switch.pending if key not in switch.wanted and key in switch.installed]
        free = [key for key in unwanted if drained or isinstance(switch.installed[key], Strange)]
        excess = [key for key in free if not _is_kept(name, switch, key, kept) and not _serves(name, switch, key, led)]
        excess = [key for key in excess if leads_onto_a_path(key)] or ([] if leading else excess)
        excess.sort(key=lambda key: _KIND_ORDER[key[0]])
        if excess:
            step[name] = Batch(deletes=tuple(excess))
        elif drained and not leading:
            switch.pending = {key for key in switch.pending if differs(switch, key)} - switch.refused.keys()
    return step
