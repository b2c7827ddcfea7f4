"""What the global options say, shared by all commands of one call."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import typer

from apps.cli.client import Client
from apps.cli.failures import Misused
from apps.cli.screen import Screen
from controller.model.wording import quoted


@dataclass
class Session:
    """One call of the command."""

    api: str
    token_file: Path | None
    ca: Path | None
    cert: Path | None
    timeout_s: float
    as_json: bool

    @cached_property
    def client(self) -> Client:
        """The API; raises `Misused` where the options make no sense."""
        url = self.api.rstrip("/")
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise Misused(f"--api is {quoted(self.api)}: expected http://HOST:PORT or https://HOST:PORT")
        client = Client(url, self._token(), _file("--ca", self.ca), _file("--cert", self.cert), self.timeout_s)
        if client.token and url.startswith("http://") and not client.is_local:
            self.screen.warn(f"the token goes to {url} unencrypted: use https")
        return client

    @cached_property
    def screen(self) -> Screen:
        """Where answers go."""
        return Screen(self.as_json)

    def _token(self) -> str | None:
        if self.token_file is None:
            return None
        try:
            token = self.token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise Misused(f"the token cannot be read from {self.token_file}: {why}") from None
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise Misused(f"{self.token_file} holds no token: expected one word")
        return token


def _file(option: str, path: Path | None) -> str | None:
    if path is not None and not path.is_file():
        raise Misused(f"{option} names {path}, which is no file")
    return str(path) if path else None


def session_of(context: typer.Context, as_json: bool = False) -> Session:
    """The call that a command belongs to; ``--json`` may stand after the command as well."""
    found: Any = context.find_root().obj
    session: Session = found
    session.as_json = session.as_json or as_json
    return session
