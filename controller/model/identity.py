"""A server's identity: where it is and by what it is found."""

from __future__ import annotations

from dataclasses import dataclass

from controller.model.topology import End


@dataclass(frozen=True, slots=True)
class Server:
    """A host on a server port, declared in the document or learned from what it sends.

    `addresses` are pairs of an address and its IP version; `mac` is None until it is determined.
    """

    name: str
    platform: str
    port: int
    segment: str
    mac: int | None
    addresses: tuple[tuple[int, int], ...]
    vlan: int | None = None
    declared: bool = True
    open_addresses: bool = False
    """Declared without an address: it may use any that it is heard to use."""

    @property
    def end(self) -> End:
        """Where it is plugged in."""
        return (self.platform, self.port)
