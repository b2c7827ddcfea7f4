"""What can be asked for: the specs of the document and of the API, one model a kind.

Flat, as the API shows them: a server names its platform. `controller.model.document` reads the nested YAML.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from controller.model.addresses import Address, Subnet
from controller.model.fields import (
    Addresses,
    Cost,
    Dpid,
    Duration,
    Ends,
    Interval,
    Mac,
    Mode,
    Name,
    Ovsdb,
    PortNumber,
    Rate,
    Storm,
    Subnets,
    Vlan,
)

__all__ = [
    "Address",
    "Document",
    "LinkSpec",
    "PlatformSpec",
    "SegmentSpec",
    "ServerSpec",
    "Settings",
    "Spec",
    "Subnet",
    "TrunkSpec",
    "Undeclared",
    "link_name",
]


class Spec(BaseModel):
    """Base of all specs: immutable, and no key that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class SegmentSpec(Spec):
    """An isolated L2 domain."""

    subnet: Subnets = ()
    gateway: Addresses = ()


class Undeclared(Spec):
    """What becomes of bridges and ports that nobody named."""

    mode: Mode = "closed"
    segment: Name | None = None
    """Where a learned server belongs (mode `learn`)."""
    age: Duration = 300
    """How long a learned server may be silent before it is forgotten (mode `learn`), s."""


class TrunkSpec(Spec):
    """A port to another platform."""

    port: PortNumber
    rate: Rate | None = None
    """Capacity each way, bit/s."""


class PlatformSpec(Spec):
    """One chassis: its bridge and its trunks."""

    dpid: Dpid
    trunks: dict[str, TrunkSpec] = {}
    ovsdb: Ovsdb | None = None
    """Where its OVSDB listens (``tcp:127.0.0.1:6640``, ``unix:/path``); None: the local socket."""
    undeclared: Undeclared | None = None


class ServerSpec(Spec):
    """A host on a server port."""

    platform: Name
    port: PortNumber
    segment: Name
    mac: Mac | None = None
    """Lower case, colons; None: determined when it first speaks."""
    ip: Addresses = ()
    vlan: Vlan | None = None
    rate: Rate | None = None
    """Rate of the port, bit/s."""
    storm: Storm | None = None
    """Broadcast, multicast and unknown unicast it may send, packets/s; None: the fabric's."""


class LinkSpec(Spec):
    """Two trunks joined; ends as ``platform.trunk``, sorted."""

    ends: Ends
    rate: Rate | None = None
    """Capacity each way, bit/s; None: the lower of its ends'."""
    cost: Cost = 1
    bfd: Interval | None = None
    """How often each end tells the other that it lives, ms; 0: BFD is off; None: the fabric's."""


class Settings(Spec):
    """What holds for the fabric as a whole."""

    fabric: Name = "fabric"
    undeclared: Undeclared = Undeclared()
    storm: Storm = 1000
    """Broadcast, multicast and unknown unicast that one port may send, packets/s."""
    bfd: Interval = 20
    """How often the ends of a link tell each other that they live, ms; 0: BFD is off."""
    hold: Duration = 5
    """How long a link that had failed must work again before traffic is led over it, s."""


class Document(Settings):
    """The whole spec, valid in itself."""

    segments: dict[str, SegmentSpec] = {}
    platforms: dict[str, PlatformSpec] = {}
    servers: dict[str, ServerSpec] = {}
    links: dict[str, LinkSpec] = {}


def link_name(end: str, other: str) -> str:
    """A link's name: its two ends, sorted."""
    first, second = sorted((end, other))
    return f"{first}--{second}"
