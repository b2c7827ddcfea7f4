"""The closed list of reasons for which a packet does not arrive."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Cause(Enum):
    """Why a packet does not arrive."""

    FORGED_MAC = "forged_mac"
    FORGED_ADDRESS = "forged_address"
    WRONG_TAG = "wrong_tag"
    CLOSED_PORT = "closed_port"
    LINK_PROTOCOL = "link_protocol"
    STORM = "storm"
    NO_LABEL = "no_label"
    OTHER_SEGMENT = "other_segment"
    UNKNOWN_DESTINATION = "unknown_destination"
    NO_PATH = "no_path"
    PORT_DOWN = "port_down"
    ALONE = "alone"
    TTL = "ttl"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Why:
    """One clear sentence, and which change would let the packet pass."""

    cause: Cause
    message: str
    remedy: str | None = None
