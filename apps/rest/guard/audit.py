"""Who changed what: one line of JSON for every request that would change something, carried out or refused."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, Final

from webob import Request, Response

from apps.rest.guard.access import Client
from apps.rest.media import PROBLEM_JSON

LOG: Final = logging.getLogger("backplane.audit")
_LONGEST: Final = 2000


class Audit:
    """Tells the logger ``backplane.audit``, and `also`, which is to answer at once."""

    def __init__(self, revision: Callable[[], int], also: Callable[[str], None] = lambda _: None) -> None:
        self.revision, self._also = revision, also

    def tell(self, client: Client, request: Request, response: Response, revision_before: int) -> None:
        """One request is answered."""
        record = {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "who": client.name,
            "address": client.address,
            "method": request.method,
            "path": _printable(request.environ.get("PATH_INFO", "")),
            "query": _printable(request.environ.get("QUERY_STRING", "")),
            "status": response.status_code,
            "reason": _reason(response),
            "revision_before": revision_before,
            "revision_after": self.revision(),
        }
        line = json.dumps(record)
        LOG.info("%s", line)
        self._also(line)


def _printable(text: str) -> str:
    """WSGI's text of bytes as UTF-8; JSON escapes the rest."""
    return text.encode("latin-1", "replace").decode("utf-8", "replace")[:_LONGEST]


def _reason(response: Response) -> Any:
    return json.loads(response.body).get("reason") if response.content_type == PROBLEM_JSON else None
