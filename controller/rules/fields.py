"""The packet and pipeline fields that rules may name, with their width in bits.

Names are OXM's (OpenFlow 1.3.5, 7.2.3.7), and Open vSwitch's where OXM has none. ``vlan_vid`` is 0 for an
untagged packet, else 0x1000 with the VLAN number in its low 12 bits.
"""

from __future__ import annotations

from typing import Final

VLAN_PRESENT: Final = 0x1000
VLAN_NONE: Final = 0

WIDTH: Final[dict[str, int]] = {
    "in_port": 32,
    "eth_dst": 48,
    "eth_src": 48,
    "eth_type": 16,
    "vlan_vid": 13,
    "vlan_pcp": 3,
    "ip_dscp": 6,
    "ip_ecn": 2,
    "ip_proto": 8,
    "ipv4_src": 32,
    "ipv4_dst": 32,
    "tcp_src": 16,
    "tcp_dst": 16,
    "tcp_flags": 12,
    "udp_src": 16,
    "udp_dst": 16,
    "icmpv4_type": 8,
    "icmpv4_code": 8,
    "arp_op": 16,
    "arp_spa": 32,
    "arp_tpa": 32,
    "arp_sha": 48,
    "arp_tha": 48,
    "ipv6_src": 128,
    "ipv6_dst": 128,
    "icmpv6_type": 8,
    "icmpv6_code": 8,
    "ipv6_nd_target": 128,
    "ipv6_nd_sll": 48,
    "ipv6_nd_tll": 48,
    "nd_reserved": 32,
    "nd_options_type": 8,
    **{f"reg{number}": 32 for number in range(16)},
    **{f"xxreg{number}": 128 for number in range(4)},
}
"""Width in bits. ``xxregN`` is ``reg4N`` (its highest 32 bits) to ``reg4N+3`` (its lowest)."""
