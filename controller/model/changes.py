"""What has changed in the fabric since the rules were last brought up to date: only marks, no work."""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.model.topology import End


@dataclass(slots=True)
class Changes:
    """Marks; `everything` stands for all there is."""

    everything: bool = False
    links: bool = False
    """How links are to be used may have changed: all are to be looked at again."""
    wires: set[End] = field(default_factory=set)
    """Ports that went up or down, or whose wire was found or lost."""
    servers: set[str] = field(default_factory=set)
    ends: set[End] = field(default_factory=set)
    """Ports whose use may have changed."""
    reservations: set[str] = field(default_factory=set)
    """Reservations whose lease has ended or begun anew, or whose grant is another."""

    def __bool__(self) -> bool:
        marked = (self.wires, self.servers, self.ends, self.reservations)
        return self.everything or self.links or any(marked)
