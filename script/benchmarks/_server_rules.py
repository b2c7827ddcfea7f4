"""One server's rules as three programs write them: our compilers, a Ryu application, `ovs-ofctl`."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from controller.model.addresses import mac_from_int
from controller.rules.rules import FlowEntry, Output, PushVlan, SetField, match
from controller.rules.tables import Priority, Reg, Table

FIRST_MAC = 0x020000000000
SEGMENT, LABEL, PORTS = 7, 0x1007, 60


@dataclass(frozen=True)
class Server:
    """One server's three rules: its guard, the way to it here or elsewhere, and the answer for it."""

    number: int

    @property
    def mac(self) -> int:
        return FIRST_MAC + self.number

    @property
    def port(self) -> int:
        return self.number % PORTS + 1

    @property
    def ip(self) -> int:
        return 0x0A000000 + self.number

    def entries(self) -> Iterator[FlowEntry]:
        """As our compilers make them."""
        guard = match(eth_src=self.mac, in_port=self.port, vlan_vid=0)
        yield FlowEntry(Table.PORT, Priority.NORMAL, guard, (SetField(Reg.SEGMENT, SEGMENT),), Table.CLAIM)
        way = (PushVlan(), SetField("vlan_vid", LABEL), Output(self.port))
        yield FlowEntry(Table.FORWARD, Priority.NORMAL, match(eth_dst=self.mac, **{Reg.SEGMENT: SEGMENT}), way)
        asks = match(eth_type=0x0806, arp_op=1, arp_tpa=self.ip, eth_dst=(1 << 48) - 1, **{Reg.SEGMENT: SEGMENT})
        answer = (SetField(Reg.OWNER_MAC_HIGH, self.mac >> 32), SetField(Reg.OWNER_MAC_LOW, self.mac & 0xFFFFFFFF))
        yield FlowEntry(Table.ANSWER, Priority.NORMAL, asks, answer, Table.REPLY)

    def ryu_parts(self, parser: Any) -> Iterator[tuple[int, dict[str, Any], list[Any], int | None]]:
        """As a Ryu application writes them: table, fields, actions, next table."""
        guard = {"eth_src": mac_from_int(self.mac), "in_port": self.port, "vlan_vid": 0}
        yield Table.PORT, guard, [parser.OFPActionSetField(**{Reg.SEGMENT: SEGMENT})], Table.CLAIM
        way = [parser.OFPActionPushVlan(), parser.OFPActionSetField(vlan_vid=LABEL), parser.OFPActionOutput(self.port)]
        yield Table.FORWARD, {"eth_dst": mac_from_int(self.mac), Reg.SEGMENT: SEGMENT}, way, None
        asks = {"eth_type": 0x0806, "arp_op": 1, "arp_tpa": self.ip, "eth_dst": "ff:ff:ff:ff:ff:ff"}
        answer = [
            parser.OFPActionSetField(**{Reg.OWNER_MAC_HIGH: self.mac >> 32}),
            parser.OFPActionSetField(**{Reg.OWNER_MAC_LOW: self.mac & 0xFFFFFFFF}),
        ]
        yield Table.ANSWER, {**asks, Reg.SEGMENT: SEGMENT}, answer, Table.REPLY

    def ofctl_lines(self) -> Iterator[str]:
        """As `ovs-ofctl` reads them."""
        mac, port = mac_from_int(self.mac), self.port
        head = f"priority={Priority.NORMAL.value}"
        load = f"set_field:{SEGMENT}->{Reg.SEGMENT}"
        guard = f"in_port={port},dl_src={mac},vlan_tci=0"
        yield f"table={Table.PORT:d},{head},{guard},actions={load},goto_table:{Table.CLAIM:d}"
        way = f"push_vlan:0x8100,set_field:{LABEL}->vlan_vid,output:{port}"
        yield f"table={Table.FORWARD:d},{head},{Reg.SEGMENT}={SEGMENT},dl_dst={mac},actions={way}"
        ip = socket.inet_ntoa(self.ip.to_bytes(4, "big"))
        asks = f"{Reg.SEGMENT}={SEGMENT},arp,arp_op=1,arp_tpa={ip},dl_dst=ff:ff:ff:ff:ff:ff"
        high, low = f"{self.mac >> 32}->{Reg.OWNER_MAC_HIGH}", f"{self.mac & 0xFFFFFFFF}->{Reg.OWNER_MAC_LOW}"
        answer = f"set_field:{high},set_field:{low},goto_table:{Table.REPLY:d}"
        yield f"table={Table.ANSWER:d},{head},{asks},actions={answer}"
