"""Has the switches audited in turn: reads what each holds, and hands it on to be judged, a little at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from ryu.lib import hub

from apps.openflow.judge import judge
from apps.openflow.switch import Switch
from controller.control import Control
from controller.rules.audit import Audit

LOG = logging.getLogger("backplane.audit")
EVERY_S: Final = 2.5
"""How often each switch is audited, seconds: a group that is deleted may take two audits to be all there again."""
_AGAIN_S: Final = 0.5
"""After a repair a switch is audited again so soon."""
_REST: Final = 4
"""After an audit, so many times as long as it has worked nothing is audited: a large fabric's rounds take longer."""


class Auditing:
    """`switches` are those that are connected; `wake` is called when there is something to repair."""

    def __init__(self, control: Control, switches: Mapping[str, Switch], wake: Callable[[], None]) -> None:
        self._control, self._switches, self._wake = control, switches, wake
        self._worked_s = 0.0

    def run(self) -> None:
        """Audit one switch after the other, for ever."""
        while True:
            for platform in list(self._switches):
                hub.sleep(max(EVERY_S / max(len(self._switches), 1), _REST * self._worked_s))
                self.audit(platform)
            if not self._switches:
                hub.sleep(EVERY_S)

    def audit(self, platform: str) -> None:
        """Audit a switch now, unless it is being audited or is gone; answers at once."""
        switch = self._switches.get(platform)
        audit = self._control.auditing.begin(platform) if switch else None
        if switch and audit:
            switch.read_for_audit(lambda parts: hub.spawn(self._judge, platform, audit, parts))

    def _judge(self, platform: str, audit: Audit, parts: list[bytes]) -> None:
        try:
            self._worked_s = carefully(judge(parts, audit))
            found = self._control.audited(platform, audit)
        except Exception:
            LOG.exception("%s: what it holds could not be judged", platform)
            self._control.alarms.raise_("internal", f"audit of {platform}", "an audit failed: see the log")
            self._control.auditing.failed(platform, audit)
            return
        if found:
            self._wake()
            hub.spawn_after(_AGAIN_S, self.audit, platform)


def carefully(steps: Iterator[None]) -> float:
    """Go through the steps, with a turn for others after each; how long they have worked, seconds."""
    worked = 0.0
    while True:
        began = time.perf_counter()
        ended = next(steps, False) is False
        worked += time.perf_counter() - began
        if ended:
            return worked
        hub.sleep(0)
