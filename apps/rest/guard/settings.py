"""From the settings of ``[backplane]`` to the guard of the API; what does not go together is refused at the start."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from apps.rest.guard.access import Access
from apps.rest.guard.audit import Audit
from apps.rest.guard.audit_file import AuditFile
from apps.rest.guard.gate import Gate
from apps.rest.guard.listener import BadCertificate, Certificate
from apps.rest.guard.origin import is_loopback
from apps.rest.guard.pacing import Pace
from apps.rest.guard.token_file import TokenFile
from apps.rest.http import Router
from apps.rest.tokens import BadTokens

LOG: Final = logging.getLogger("backplane.rest")


class BadSettings(Exception):
    """The API cannot be served as it is set; the text says why."""


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What an operator says of the API."""

    host: str = "127.0.0.1"
    tokens: str | None = None
    cert: str | None = None
    key: str | None = None
    client_ca: str | None = None
    audit_log: str | None = None
    rate_per_s: int = 200

    @classmethod
    def of(cls, conf: Any) -> ApiSettings:
        """Out of Ryu's configuration."""
        own = conf.backplane
        files = (own.api_tokens, own.api_cert, own.api_key, own.api_client_ca, own.audit_log)
        return cls(conf.wsapi_host, *files, own.api_rate)


class Guard:
    """All that guards one API. Raises `BadSettings`."""

    def __init__(self, settings: ApiSettings) -> None:
        _check(settings)
        self._pace = Pace(settings.rate_per_s)
        try:
            self._tokens = TokenFile(settings.tokens) if settings.tokens else None
            self.certificate = _certificate(settings)
            self._file = AuditFile(settings.audit_log) if settings.audit_log else None
        except (BadTokens, BadCertificate) as problem:
            raise BadSettings(str(problem)) from problem
        except OSError as problem:
            raise BadSettings(f"audit_log {settings.audit_log} cannot be written: {problem}") from problem

    def gate(self, router: Router, revision: Callable[[], int]) -> Gate:
        """The router, guarded."""
        put = self._file.put if self._file else lambda _: None
        return Gate(router, Access(self._tokens, self._pace), self._pace, Audit(revision, put))

    @property
    def has_tokens(self) -> bool:
        """Whether clients must show one."""
        return self._tokens is not None

    @property
    def trouble(self) -> dict[str, str]:
        """What an operator should mend, by file."""
        found = {str(part.path): part.problem for part in (self._tokens, self._file) if part is not None}
        return {file: problem for file, problem in found.items() if problem}

    def close(self) -> None:
        """Write what waits to be written."""
        if self._file is not None:
            self._file.close()


def _check(settings: ApiSettings) -> None:
    if not is_loopback(settings.host) and settings.tokens is None:
        raise BadSettings(
            f"the API would listen on {settings.host} without tokens: "
            "expected api_tokens in [backplane], or --wsapi-host 127.0.0.1"
        )
    if (settings.cert is None) != (settings.key is None):
        raise BadSettings("expected api_cert and api_key together")
    if settings.client_ca is not None and settings.cert is None:
        raise BadSettings("api_client_ca makes sense with api_cert and api_key alone")
    if settings.rate_per_s < 1:
        raise BadSettings(f"api_rate is {settings.rate_per_s}: expected at least 1 request a second")


def _certificate(settings: ApiSettings) -> Certificate | None:
    if settings.cert is None or settings.key is None:
        if not is_loopback(settings.host):
            LOG.warning("the API listens on %s without TLS: tokens can be read on their way", settings.host)
        return None
    return Certificate(settings.cert, settings.key, settings.client_ca)
