"""Interface names are global on a machine: each lab has a short prefix of its own."""

from __future__ import annotations

import random
import socket

_DIGITS = "abcdefghijkmnpqrstuvwxyz23456789"


class Names:
    """The names of a lab's bridges and ports, at most 15 characters as Linux wants them."""

    def __init__(self, platforms: list[str]) -> None:
        self.prefix, self._claim = _claim_prefix()
        self._number = {platform: number for number, platform in enumerate(platforms, start=1)}

    def bridge(self, platform: str) -> str:
        """The bridge of a platform: ``bp4fx2``."""
        return f"{self.prefix}{self._number[platform]}"

    def splitter(self, platform: str, number: int) -> str:
        """The bridge behind a port with tagged servers: ``bp4fx2v20``."""
        return f"{self.bridge(platform)}v{number}"

    def release(self) -> None:
        """Let another lab have the prefix."""
        self._claim.close()


def _claim_prefix() -> tuple[str, socket.socket]:
    """A prefix that no interface and no other lab has; the claim ends with the socket or the process."""
    while True:
        prefix = "bp" + "".join(random.choices(_DIGITS, k=2)) + "x"
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0backplane-lab-{prefix}")
        except OSError:
            claim.close()
            continue
        if not any(name.startswith(prefix) for name in (name for _index, name in socket.if_nameindex())):
            return prefix, claim
        claim.close()
