"""Addresses of the API, and names in them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from apps.rest.problems import Reason, Refused
from controller.model.wording import did_you_mean, quoted

BASE: Final = "/api/v1"


def find_name(kind: str, name: str, known: Collection[str]) -> str:
    """A name that exists; raises `Refused` with the name that was probably meant."""
    if name not in known:
        raise Refused(Reason.UNKNOWN_NAME, f"there is no {kind} {quoted(name)}{did_you_mean(name, known)}")
    return name
