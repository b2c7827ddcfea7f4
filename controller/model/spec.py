"""What can be asked for: the specs of the document and of the API, one model a kind.

Flat, as the API shows them: a server names its platform. `controller.model.document` reads the nested YAML.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

Address: TypeAlias = IPv4Address | IPv6Address
Subnet: TypeAlias = IPv4Network | IPv6Network


class Spec(BaseModel):
    """Base of all specs: immutable, and no key that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SegmentSpec(Spec):
    """An isolated L2 domain."""

    subnet: tuple[Subnet, ...] = ()
    gateway: tuple[Address, ...] = ()


class Undeclared(Spec):
    """What becomes of bridges and ports that nobody named."""

    mode: Literal["closed", "learn"] = "closed"
    segment: str | None = None
    """Where a learned server belongs (mode `learn`)."""


class TrunkSpec(Spec):
    """A port to another platform."""

    port: int
    rate: int | None = None
    """Capacity each way, bit/s."""


class PlatformSpec(Spec):
    """One chassis: its bridge and its trunks."""

    dpid: int
    trunks: dict[str, TrunkSpec] = {}
    ovsdb: str | None = None
    """Where its OVSDB listens (``tcp:127.0.0.1:6640``, ``unix:/path``); None: the local socket."""
    undeclared: Undeclared | None = None


class ServerSpec(Spec):
    """A host on a server port."""

    platform: str
    port: int
    segment: str
    mac: str | None = None
    """Lower case, colons; None: determined when it first speaks."""
    ip: tuple[Address, ...] = ()
    vlan: int | None = None
    rate: int | None = None
    """Rate of the port, bit/s."""
    storm: int | None = None
    """Broadcast, multicast and unknown unicast it may send, packets/s; None: the fabric's."""


class LinkSpec(Spec):
    """Two trunks joined; ends as ``platform.trunk``, sorted."""

    ends: tuple[str, str]
    rate: int | None = None
    cost: int = 1


class Document(Spec):
    """The whole spec, valid in itself."""

    fabric: str = "fabric"
    undeclared: Undeclared = Undeclared()
    storm: int = 1000
    """Broadcast, multicast and unknown unicast that one port may send, packets/s."""
    segments: dict[str, SegmentSpec] = {}
    platforms: dict[str, PlatformSpec] = {}
    servers: dict[str, ServerSpec] = {}
    links: dict[str, LinkSpec] = {}


def link_name(end: str, other: str) -> str:
    """A link's name: its two ends, sorted."""
    first, second = sorted((end, other))
    return f"{first}--{second}"
