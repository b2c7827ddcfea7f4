"""Audits of all switches: what is found is told, counted and left to the reconciler to put right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from controller.events import History
from controller.model.alarms import Alarms
from controller.rules.audit import WHATS, Audit, Finding, What, keys_of
from controller.rules.reconciler import Batch, Reconciler
from controller.rules.rules import RuleKey, describe
from controller.surveillance import Surveillance

TOLD: Final = 20
"""So many findings of one audit are told one by one; of the others their number."""
_SAID: Final[Mapping[What, str]] = {
    "missing": "was deleted behind the controller's back: it is put in again",
    "altered": "was altered behind the controller's back: it is put right",
    "foreign": "was added by somebody else: it is taken out",
}
FOUND: Final = (*WHATS, "setting")
"""What an audit may find."""
_KINDS: Final = ("group", "meter", "flow")


@dataclass(slots=True)
class Audited:
    """What came of a platform's audits: when the last one ended (s since 1970), how many rules it saw, all findings."""

    at: float | None = None
    rules: int = 0
    count: int = 0
    found: Counter[str] = field(default_factory=Counter)


class Auditing:
    """The audits under way, by platform, and what has come of them since the controller started."""

    def __init__(self, reconciler: Reconciler, surveillance: Surveillance, alarms: Alarms, history: History) -> None:
        self._reconciler, self._surveillance = reconciler, surveillance
        self._alarms, self._history = alarms, history
        self._audits: dict[str, Audit] = {}
        self.results: dict[str, Audited] = {}

    def begin(self, platform: str) -> Audit | None:
        """A switch is about to be asked for all that it holds; None: not now."""
        audit = self._audits.get(platform)
        if audit is None or audit.under_way:
            return None
        audit.begin()
        return audit

    def sent(self, steps: Mapping[str, Batch]) -> None:
        """Steps go out."""
        for platform, batch in steps.items():
            if platform in self._audits:
                self._audits[platform].sent(keys_of(batch))

    def end(self, platform: str, audit: Audit) -> bool:
        """All was reported and judged; true when something is to be repaired."""
        if self._audits.get(platform) is not audit:
            return False
        findings = audit.end()
        result = self.results.setdefault(platform, Audited())
        result.at, result.rules, result.count = self._history.now, audit.rules, result.count + 1
        result.found.update(finding.what for finding in findings)
        if findings:
            self._tell(platform, sorted(findings, key=_place))
        self._tell_foreign()
        return bool(findings)

    def failed(self, platform: str, audit: Audit) -> None:
        """An audit could not be brought to its end: the next one begins afresh."""
        if self._audits.get(platform) is audit:
            self._audits[platform] = Audit(self._reconciler.switches[platform])

    def connected(self, platform: str) -> None:
        """A switch has been read."""
        self._audits[platform] = Audit(self._reconciler.switches[platform])
        self._tell_foreign()

    def gone(self, platform: str) -> None:
        """A connection is lost: what was remembered of its rules is worth nothing any more."""
        self._audits.pop(platform, None)
        self._tell_foreign()

    def setting_changed(self, platform: str, text: str) -> None:
        """Somebody has changed a setting of a bridge back; it is made again."""
        self.results.setdefault(platform, Audited()).found["setting"] += 1
        self._history.tell("audit", platform, "setting", text, platform=platform)
        self._surveillance.happened("tampered", platform, text)

    def _tell(self, platform: str, findings: Sequence[Finding]) -> None:
        for finding in findings[:TOLD]:
            owner = finding.owner
            data = {"owner_kind": owner.kind, "owner": owner.name} if owner else {}
            rule = describe(finding.key)
            self._history.tell("audit", platform, finding.what, _text(platform, finding), rule=rule, **data)
        if len(findings) > TOLD:
            text = f"{platform}: {_counted(findings[TOLD:])} more rules were found by the same audit"
            self._history.tell("audit", platform, "more", text, count=len(findings) - TOLD)
        self._surveillance.happened("tampered", platform, _summary(platform, findings))

    def _tell_foreign(self) -> None:
        """Rules of others that stood there when their switch came."""
        held = {name: self._reconciler.switches[name].foreign for name in self._audits}
        self._alarms.keep("foreign_rules", {name: _foreign_text(name, keys) for name, keys in held.items() if keys})


def _place(finding: Finding) -> tuple[int, str]:
    return _KINDS.index(finding.key[0]), describe(finding.key)


def _text(platform: str, finding: Finding) -> str:
    whose = f" of {finding.owner.kind} {finding.owner.name}" if finding.owner else ""
    return f"{platform}: {describe(finding.key)}{whose} {_SAID[finding.what]}"


def _counted(findings: Iterable[Finding]) -> str:
    return ", ".join(f"{count} {what}" for what, count in Counter(finding.what for finding in findings).items())


def _summary(platform: str, findings: Sequence[Finding]) -> str:
    first = _text(platform, findings[0])
    return first if len(findings) == 1 else f"{first}; in all {_counted(findings)}"


def _foreign_text(platform: str, keys: Iterable[RuleKey]) -> str:
    texts = sorted(map(describe, keys))
    rules = "1 rule" if len(texts) == 1 else f"{len(texts)} rules"
    return f"{platform} held {rules} of somebody else when it connected, such as {texts[0]}: left alone"
