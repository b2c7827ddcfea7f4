"""From a packet-in to what the controller is told of it."""

from __future__ import annotations

from apps.openflow.decode import PacketIn
from controller.learning import Heard
from controller.rules.fields import VLAN_PRESENT
from controller.rules.packet import parse
from controller.rules.tables import Reason, Reg


def heard_from(platform: str, packet: PacketIn) -> Heard | None:
    """Why the packet was copied and what it says; None where no rule of ours sent it."""
    code = packet.fields.get(Reg.REASON, 0) or Reason.MAC
    if code not in tuple(Reason):
        return None
    frame = parse(packet.data)
    tag = packet.fields.get(Reg.TAG, 0) or frame.fields.get("vlan_vid", 0)
    vlan = tag & (VLAN_PRESENT - 1) if tag else None
    return Heard((platform, packet.in_port), Reason(code), frame.fields, vlan)
