"""Having the document's file read again, by SIGHUP or over the API."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from typing import Any

from ryu.lib import hub

from apps.changes import Changes
from controller.edits import judge
from controller.model.alarms import Alarms
from controller.model.document import DocumentError
from controller.planner import Plan

LOG = logging.getLogger("backplane")


class Hangups:
    """SIGHUP, from the moment this is made: one that comes before anybody serves it is served then."""

    def __init__(self) -> None:
        self._came = False
        self._serve: Callable[[], None] | None = None
        signal.signal(signal.SIGHUP, self._hear)

    def serve(self, reload: Callable[[], None]) -> None:
        """From now on, `reload` is called by the event loop for each."""
        self._serve = reload
        if self._came:
            hub.spawn(reload)

    def _hear(self, *_: Any) -> None:
        self._came = True
        if self._serve is not None:
            hub.spawn(self._serve)


class Reload:
    """Reads the file again; an alarm stands while the file is bad."""

    def __init__(self, changes: Changes, alarms: Alarms) -> None:
        self._changes, self._alarms = changes, alarms

    def now(self) -> Plan:
        """Read it and take it over, unless its plan is not accepted.

        Raises `DocumentError`, `OSError` or `UnicodeDecodeError`, and changes nothing then.
        """
        plan = self._changes.reload()
        if plan.accepted:
            self._alarms.keep("document", {})
        return plan

    def quietly(self) -> None:
        """The same for nobody who could be answered: what is wrong goes to the log, and is an alarm."""
        try:
            denied = judge(self.now())
            problem = denied.message if denied else None
        except (DocumentError, OSError, UnicodeDecodeError) as error:
            problem = str(error)
        if problem is not None:
            LOG.error("document not taken over: %s", problem)
            self._alarms.raise_("document", str(self._changes.file), problem)
