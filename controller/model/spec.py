"""What can be asked for: the specs of the document and of the API, one model a kind.

Flat, as the API shows them: a server names its platform. `controller.model.document` reads the nested YAML.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from controller.model import protocols
from controller.model.addresses import Address, Subnet
from controller.model.fields import (
    Addresses,
    Cost,
    Dpid,
    Dscp,
    Duration,
    Ends,
    Interval,
    KbitRate,
    L4Port,
    Mac,
    Mode,
    Name,
    Names,
    Ovsdb,
    PortNumber,
    Preempt,
    Priority,
    Protocol,
    Rate,
    Share,
    Size,
    Storm,
    Subnets,
    Truth,
    Vlan,
)

__all__ = [
    "Address",
    "Classifier",
    "Document",
    "LinkSpec",
    "PlatformSpec",
    "ReservationSpec",
    "SegmentSpec",
    "ServerSpec",
    "Settings",
    "Spec",
    "Subnet",
    "TrunkSpec",
    "Undeclared",
    "UplinkSpec",
    "keys_of",
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
    fabric_rate: KbitRate | None = None
    """What it may send to servers, layer-2 bit/s (no FCS, no labels); None: no limit of its own."""
    uplink_rate: KbitRate | None = None
    """What it may send to uplinks, layer-2 bit/s (no FCS, no labels); None: no limit of its own."""
    storm: Storm | None = None
    """Broadcast, multicast and unknown unicast it may send, packets/s; None: the fabric's."""


class UplinkSpec(Spec):
    """A port to the external network: a member of its segment, behind which any number of hosts may be."""

    platform: Name
    port: PortNumber
    segment: Name
    rate: Rate | None = None
    """Its capacity each way, bit/s; None: not limited, so that what is granted over it is not checked."""


class LinkSpec(Spec):
    """Two trunks joined; ends as ``platform.trunk``, sorted."""

    ends: Ends
    rate: Rate | None = None
    """Capacity each way, bit/s; None: the lower of its ends'."""
    cost: Cost = 1
    bfd: Interval | None = None
    """How often each end tells the other that it lives, ms; 0: BFD is off; None: the fabric's."""
    risks: Names = ()
    """What it shares with other links, which may then fail together (a duct, a line card; RFC 4202, 2.3)."""


class Classifier(Spec):
    """Which traffic between two ends is meant, IPv4 and IPv6 alike: what fits every field that is given."""

    ip_proto: Protocol | None = None
    tcp_src: L4Port | None = None
    tcp_dst: L4Port | None = None
    udp_src: L4Port | None = None
    udp_dst: L4Port | None = None
    dscp: Dscp | None = None

    @property
    def protocol(self) -> int | None:
        """The IP protocol, given or implied by a port; None: any."""
        if self.ip_proto is not None:
            return self.ip_proto
        if self.tcp_src is not None or self.tcp_dst is not None:
            return protocols.TCP
        return protocols.UDP if self.udp_src is not None or self.udp_dst is not None else None

    def plain(self) -> Classifier:
        """The same with its protocol said: what is equal chooses the same traffic."""
        return self.model_copy(update={"ip_proto": self.protocol})

    def reverse(self) -> Classifier:
        """What chooses the answers: source and destination ports change places."""
        swapped = {"tcp_src": self.tcp_dst, "tcp_dst": self.tcp_src, "udp_src": self.udp_dst, "udp_dst": self.udp_src}
        return self.model_copy(update=swapped)


class ReservationSpec(Spec):
    """A rate between two ends, layer-2 bit/s (no FCS, no labels)."""

    model_config = ConfigDict(populate_by_name=True)

    source: Annotated[Name, Field(alias="from")]
    """A server or an uplink."""
    target: Annotated[Name, Field(alias="to")]
    """A server or an uplink of the same segment."""
    match: Classifier | None = None
    """Which of the traffic; None: all."""
    rate: KbitRate
    """What is asked for."""
    floor: KbitRate | None = None
    """The least that is of use; None: all that is asked for."""
    burst: Size | None = None
    """What may come at once above the rate, bytes; None: the controller chooses."""
    priority: Priority = 0
    """Whose grant goes first where there is too little: the higher one's."""
    lease: Duration | None = None
    """How long it holds, s, unless it is asked for again; None: until it is deleted."""
    both: Truth = False
    """Whether the way back is reserved too: the same rate on the same links."""
    protected: Truth = False
    """Whether it must hold after any one link has failed too."""

    @property
    def floor_bps(self) -> int:
        """The least that is of use."""
        return self.rate if self.floor is None else self.floor


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
    best_effort: Share = 0
    """The share of every link's rate that no reservation gets, percent."""
    preempt: Preempt = "floor"
    """What a reservation may do to one of a lower priority: nothing, push it to its floor, or push it out."""


class Document(Settings):
    """The whole spec, valid in itself."""

    segments: dict[str, SegmentSpec] = {}
    platforms: dict[str, PlatformSpec] = {}
    servers: dict[str, ServerSpec] = {}
    uplinks: dict[str, UplinkSpec] = {}
    links: dict[str, LinkSpec] = {}
    reservations: dict[str, ReservationSpec] = {}


def keys_of(model: type[Spec]) -> tuple[str, ...]:
    """The fields of a spec by the names that people write."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def link_name(end: str, other: str) -> str:
    """A link's name: its two ends, sorted."""
    first, second = sorted((end, other))
    return f"{first}--{second}"
