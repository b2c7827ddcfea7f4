"""Whether a switch still holds what it was given: what it reports is compared with what is known to be installed.

    installed, not reported: missing      both, unequal: altered      reported, not installed: foreign

What a finding does to the switch's maps is all that repairs it: the key is pending, and goes its usual way. A cookie
does not show that somebody has changed the actions, so a rule is compared in full; but the bytes of one that was found
proper are remembered, and while it reports the same it costs one look into a table.

Changes go on meanwhile. A switch answers in order, so what was sent before the question is confirmed before the answer.
Of a key that is sent between the question and the end of the comparison nothing is concluded: it is compared next time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, get_args

from controller.rules.reconciler import Batch, Content, Strange, SwitchRules, content_of, differs
from controller.rules.rules import FlowEntry, Owner, Rule, RuleKey

What: TypeAlias = Literal["missing", "altered", "foreign"]
WHATS: tuple[What, ...] = get_args(What)


@dataclass(frozen=True, slots=True)
class Reported:
    """A rule as a switch reports it; `more`: it has something (a timeout, a flag) that no rule of ours has."""

    rule: Rule
    cookie: int = 0
    more: bool = False

    @property
    def content(self) -> Content:
        """What it would be known by if it were as it should be."""
        return self.cookie if isinstance(self.rule, FlowEntry) else self.rule


class Finding(NamedTuple):
    """What is not as it was left, and whose it is (None: nobody's here)."""

    what: What
    key: RuleKey
    owner: Owner | None


class Audit:
    """What is remembered of one switch from one comparison to the next.

    A comparison: `begin`; of every rule that is reported `recognises` and, where it does not, `judge`; `end`.
    """

    def __init__(self, rules: SwitchRules) -> None:
        self._rules = rules
        self._proper: dict[bytes, RuleKey] = {}
        """By their bytes: rules that were as wanted, and those of others that are left alone."""
        self._earlier: dict[bytes, RuleKey] = {}
        """The same of the comparison before, as far as they have not been reported in this one."""
        self._unproved: set[RuleKey] = set(rules.installed)
        """What may be installed and is not among the proper ones."""
        self._touched: set[RuleKey] = set()
        self._judged: set[RuleKey] = set()
        self._proved: set[RuleKey] = set()
        """Those of the judged that are among the proper ones."""
        self._findings: list[Finding] = []
        self.under_way = False
        self.rules = 0
        """How many rules were reported in the last comparison."""

    def sent(self, keys: Iterable[RuleKey]) -> None:
        """Steps for these keys are on their way to the switch."""
        (self._touched if self.under_way else self._unproved).update(keys)

    def begin(self) -> None:
        """The switch is being asked."""
        self._earlier, self._proper = self._proper, {}
        self._touched, self._judged, self._proved, self._findings = set(), set(), set(), []
        self.rules, self.under_way = 0, True

    def recognises(self, token: bytes) -> bool:
        """Whether a rule of exactly these bytes was proper before, and nothing was sent to change it."""
        self.rules += 1
        key = self._earlier.pop(token, None)
        if key is None or (self._unproved and key in self._unproved) or (self._touched and key in self._touched):
            return False
        self._proper[token] = key
        return True

    def judge(self, token: bytes, reported: Reported) -> None:
        """Compare a rule that is not recognised; `token` is what to recognise it by."""
        key = reported.rule.key
        self._judged.add(key)
        if key in self._touched:
            return
        held = self._rules.installed.get(key)
        if held is None:
            self._unexpected(key, token, reported)
        elif not isinstance(held, Strange):
            self._compare(key, token, reported, held)

    def end(self) -> list[Finding]:
        """All that the switch holds was reported: what was found. The switch's maps tell it too."""
        for key in ({*self._earlier.values(), *self._unproved} - self._judged) - self._touched:
            self._rules.foreign.discard(key)
            if self._rules.installed.pop(key, None) is not None and key in self._rules.wanted:
                self._find("missing", key)
        self._unproved = (self._judged - self._proved) | self._touched
        self._retry()
        self._earlier, self.under_way = {}, False
        return self._findings

    def _compare(self, key: RuleKey, token: bytes, reported: Reported, held: Content) -> None:
        wanted = self._rules.wanted.get(key)
        if held != reported.content:
            self._alter(key)
        elif wanted is not None and held == content_of(wanted):
            if reported.more or reported.rule != wanted.rule:
                self._alter(key)
            else:
                self._remember(token, wanted.rule.key)

    def _remember(self, token: bytes, key: RuleKey) -> None:
        self._proper[token] = key
        self._proved.add(key)

    def _alter(self, key: RuleKey) -> None:
        self._rules.installed[key] = Strange()
        self._find("altered", key)

    def _unexpected(self, key: RuleKey, token: bytes, reported: Reported) -> None:
        """It belongs to others, it is what we want all the same, or it goes. Of what was refused, the switch may hold
        what was there before."""
        if key in self._rules.foreign:
            self._remember(token, key)
        elif self._is_wanted(key, reported):
            self._rules.installed[key] = reported.content
            self._rules.pending.discard(key)
            self._rules.refused.pop(key, None)
        else:
            self._rules.installed[key] = Strange()
            if key in self._rules.refused:
                self._rules.pending.add(key)
            else:
                self._find("foreign", key)

    def _is_wanted(self, key: RuleKey, reported: Reported) -> bool:
        wanted = self._rules.wanted.get(key)
        same = wanted is not None and wanted.rule == reported.rule and content_of(wanted) == reported.content
        return same and not reported.more

    def _retry(self) -> None:
        """What was refused is tried again, and stays refused until the switch takes it, or nobody wants it any more."""
        for key in self._rules.refused.keys() - self._touched:
            if differs(self._rules, key):
                self._rules.pending.add(key)
            else:
                del self._rules.refused[key]

    def _find(self, what: What, key: RuleKey) -> None:
        wanted = self._rules.wanted.get(key)
        self._rules.pending.add(key)
        self._findings.append(Finding(what, key, wanted.owner if wanted else None))


def keys_of(batch: Batch) -> Iterable[RuleKey]:
    """The keys that a step is about."""
    return (*(wanted.rule.key for wanted, _ in batch.upserts), *batch.deletes)
