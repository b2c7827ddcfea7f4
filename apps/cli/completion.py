"""What the shell may complete: kinds, and names that the API knows. It never fails, it only has nothing to offer."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import typer

from apps.cli.client import Client, path_of
from apps.cli.failures import Failed
from apps.cli.kinds import KINDS, OTHERS, find_kind

_TIMEOUT_S: Final = 1.0


def complete_kinds(incomplete: str) -> list[str]:
    """Kinds by their plural; by their singular where that is what was begun."""
    words = (*(kind.plural for kind in KINDS), *OTHERS, *(kind.name for kind in KINDS))
    found = [word for word in words if word.startswith(incomplete)]
    return [word for word in found if f"{word}s" not in found]


def complete_names(context: typer.Context, incomplete: str) -> list[str]:
    """Names of the kind that stands before."""
    return _names(context, str(context.params.get("kind", "")), incomplete)


def complete_servers(context: typer.Context, incomplete: str) -> list[str]:
    """Names of servers."""
    return _names(context, "servers", incomplete)


def complete_segments(context: typer.Context, incomplete: str) -> list[str]:
    """Names of segments."""
    return _names(context, "segments", incomplete)


def complete_platforms(context: typer.Context, incomplete: str) -> list[str]:
    """Names of platforms."""
    return _names(context, "platforms", incomplete)


def _names(context: typer.Context, kind: str, incomplete: str) -> list[str]:
    try:
        items = _client(context).get(path_of(find_kind(kind).plural))["items"]
    except (Failed, OSError, LookupError, TypeError):
        return []
    return _starting((str(item["name"]) for item in items), incomplete)


def _starting(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _client(context: typer.Context) -> Client:
    given: dict[str, Any] = context.find_root().params
    token_file = given.get("token_file") or os.environ.get("BACKPLANE_TOKEN_FILE")
    token = Path(token_file).read_text(encoding="utf-8").strip() if token_file else None
    api = given.get("api") or os.environ.get("BACKPLANE_API") or "http://127.0.0.1:8080"
    ca, cert = (given.get(name) or os.environ.get(f"BACKPLANE_{name.upper()}") for name in ("ca", "cert"))
    return Client(str(api).rstrip("/"), token, str(ca) if ca else None, str(cert) if cert else None, _TIMEOUT_S)
