"""Random frames that aim at what rules ask: questions and answers, claims true and false, tags, odd lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from controller.rules.packet import build
from tests.properties.scenarios import (
    AWAY,
    BACK,
    GATEWAY,
    PASSING,
    PORTS,
    SEGMENTS,
    THROUGH,
    TRUNKS,
    VLANS,
    Scenario,
    ipv4_of,
    ipv6_of,
    link_local_of,
    mac_of,
    tree_of,
)

_BROADCAST = (1 << 48) - 1
_ODD_MACS = (0, _BROADCAST, 0x01005E000001, 0x333300000001, 0x3333FF000005, 0x0180C2000000, 0x0180C200000E, mac_of(99))
_GROUPS = (0xFF02 << 112 | 1, 0xFF02 << 112 | 0x1FF000005)


class Frames:
    """Makes frames for a scenario, out of a seed."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._random = Random(seed)
        self._numbers = [int(found.server.name[1:]) for found in scenario.servers] or [1]
        self._ports = {int(found.server.name[1:]): found.server for found in scenario.servers}

    def next(self) -> tuple[int, bytes]:
        """A port of entry and a frame."""
        sender = self._pick(self._numbers)
        server = self._ports.get(sender)
        home = server.port if server and server.platform == "A" else self._pick(TRUNKS)
        in_port = home if self._chance(0.8) else self._pick(PORTS)
        tags = self._tags(in_port, server.vlan if server else None)
        return in_port, self._cut(self._frame(sender, tags))

    def _pick(self, values: Sequence[int]) -> int:
        return self._random.choice(values)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _tags(self, in_port: int, own: int | None) -> tuple[int, ...]:
        if self._chance(0.1):
            return tuple(self._pick((*VLANS, *SEGMENTS, 0, 5)) for _ in range(self._pick((1, 2, 2, 3))))
        if in_port not in TRUNKS:
            return (own,) if own is not None else ()
        label = self._pick((*SEGMENTS, *map(tree_of, SEGMENTS), *(of << 13 | PASSING + of % 2 for of in (0, 4, 5, 7))))
        if self._chance(0.3):
            bypass = self._pick((0, 7 << 13)) | self._pick(
                (*(BACK + trunk for trunk in TRUNKS), AWAY + 11, THROUGH, THROUGH + 1)
            )
            return (bypass, label)
        return (label, self._pick(VLANS)) if self._chance(0.1) else (label,)

    def _cut(self, data: bytes) -> bytes:
        if self._chance(0.9):
            return data
        return data[: self._random.randrange(14, len(data) + 1)]

    def _mac(self, number: int) -> int:
        return mac_of(number) if self._chance(0.9) else self._pick((*map(mac_of, self._numbers), *_ODD_MACS))

    def _frame(self, sender: int, tags: tuple[int, ...]) -> bytes:
        other = self._pick(self._numbers)
        fields = {"eth_src": self._mac(sender), "eth_dst": self._mac(other)}
        makers: tuple[Callable[[dict[str, int], int, int], bytes], ...] = (
            self._arp,
            self._arp,
            self._nd,
            self._nd,
            self._ipv4,
            self._ipv6,
            self._other,
        )
        made = self._random.choice(makers)(fields, sender, other)
        return made[:12] + build({"eth_type": 0}, vlans=tags)[12:-2] + made[12:]

    def _group(self, fields: dict[str, int], share: float, wanted: int) -> None:
        if self._chance(share):
            fields["eth_dst"] = wanted

    def _arp(self, fields: dict[str, int], sender: int, other: int) -> bytes:
        self._group(fields, 0.6, _BROADCAST)
        asked = self._pick((other, other, sender, 99))
        fields |= {"eth_type": 0x0806, "arp_op": self._pick((1, 1, 1, 2, 3)), "arp_tpa": ipv4_of(asked)}
        fields |= {"arp_sha": fields["eth_src"] if self._chance(0.9) else self._mac(other)}
        fields |= {"arp_spa": 0 if self._chance(0.2) else self._ipv4_source(sender)}
        return build(fields, b"\0" * 18)

    def _ipv4_source(self, sender: int) -> int:
        return ipv4_of(sender) if self._chance(0.8) else ipv4_of(self._pick((*self._numbers, GATEWAY)))

    def _ipv6_source(self, sender: int, mac: int) -> int:
        own = self._pick((ipv6_of(sender), link_local_of(mac), 0)) if self._chance(0.9) else None
        nobodys = (ipv6_of(GATEWAY), link_local_of(mac_of(GATEWAY)))
        return own if own is not None else self._pick((*nobodys, _GROUPS[0], ipv6_of(2)))

    def _nd(self, fields: dict[str, int], sender: int, other: int) -> bytes:
        self._group(fields, 0.6, self._pick((0x3333FF000005, 0x333300000001)))
        kind = self._pick((135, 135, 135, 136, 136, 133, 134, 143))
        target = self._pick((ipv6_of(other), ipv6_of(sender), link_local_of(mac_of(other)), ipv6_of(99)))
        fields |= {"eth_type": 0x86DD, "ip_proto": 58, "icmpv6_type": kind, "ipv6_nd_target": target}
        # Open vSwitch writes 0 where it is to set `nd_reserved` to what it was: questions have 0 (RFC 4861, 4.3).
        reserved = self._pick((0, 0x60000000)) if kind == 136 else 0
        fields |= {"icmpv6_code": int(self._chance(0.05)), "nd_reserved": reserved}
        fields |= {"ipv6_src": self._ipv6_source(sender, fields["eth_src"]), "ipv6_dst": self._pick(_GROUPS)}
        for name in ("ipv6_nd_sll", "ipv6_nd_tll"):
            if self._chance(0.5):
                fields[name] = fields["eth_src"] if self._chance(0.8) else self._mac(other)
        return build(fields, self._random.choice((b"", b"", b"\x0e\x01nonce.", b"\x01\x01\x02\0\0\0\0\x05", b"\x05\0")))

    def _ipv4(self, fields: dict[str, int], sender: int, other: int) -> bytes:
        self._group(fields, 0.2, self._pick((_BROADCAST, 0x01005E000001)))
        fields |= {"eth_type": 0x0800, "ip_proto": self._pick((1, 6, 17, 17, 47)), "ipv4_dst": ipv4_of(other)}
        fields |= {"ipv4_src": self._ipv4_source(sender), "ip_dscp": self._pick((0, 46))}
        if self._chance(0.3):
            fields |= {"ipv4_src": 0, "udp_src": 68, "udp_dst": 67, "ip_proto": 17}
        made = build(fields, b"data")
        fragment = self._random.choice((b"\0\0", b"\0\0", b"\0\0", b"\x20\0", b"\0\x05"))
        return made[:20] + fragment + made[22:]

    def _ipv6(self, fields: dict[str, int], sender: int, other: int) -> bytes:
        self._group(fields, 0.2, 0x333300000001)
        fields |= {"eth_type": 0x86DD, "ipv6_dst": ipv6_of(other), "udp_src": 1, "udp_dst": 2}
        fields |= {"ipv6_src": self._ipv6_source(sender, fields["eth_src"])}
        fields |= {"ip_proto": self._pick((6, 17, 58, 0, 43, 44, 51, 60, 59))}
        fragments = tuple(b"\x3a\0\0" + bytes((flags,)) + bytes(4) + b"\x88\0" + bytes(30) for flags in (0, 1, 8))
        body = self._random.choice((b"", bytes(range(6, 60)), b"\x11\0\0\x01" * 4, *fragments))
        return build(fields, body)

    def _other(self, fields: dict[str, int], _sender: int, _other: int) -> bytes:
        self._group(fields, 0.5, self._pick(_ODD_MACS))
        fields["eth_type"] = self._pick((0x88CC, 0x8035, 0x05DC, 0x0026, 0x8847, 0x0806, 0x86DD, 0x0800))
        return build(fields)[:14] + self._random.randbytes(self._random.randrange(0, 60))
