"""What the datapath actions that ``ofproto/trace`` prints do to a frame (``odp-util.c`` gives their words)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

from controller.rules.fields import VLAN_PRESENT, WIDTH
from controller.rules.packet import Frame, tagged

CONTROLLER = -1
"""Stands for the controller among the ports."""
_FIELDS = {
    "eth": {"src": "eth_src", "dst": "eth_dst"},
    "arp": {"sip": "arp_spa", "tip": "arp_tpa", "op": "arp_op", "sha": "arp_sha", "tha": "arp_tha"},
    "ipv4": {"src": "ipv4_src", "dst": "ipv4_dst", "ttl": "nw_ttl"},
    "ipv6": {"src": "ipv6_src", "dst": "ipv6_dst", "hlimit": "nw_ttl"},
    "icmpv6": {"type": "icmpv6_type", "code": "icmpv6_code"},
    "nd": {"target": "ipv6_nd_target", "sll": "ipv6_nd_sll", "tll": "ipv6_nd_tll"},
    "nd_ext": {"nd_reserved": "nd_reserved", "nd_options_type": "nd_options_type"},
}
_PORT = re.compile(r"(\d+)/(\d+): \(")
_CALL = re.compile(r"(\w+)\((.*)\)$")


def split(text: str) -> Iterator[str]:
    """The parts of a list, at the commas that no bracket encloses."""
    depth = start = 0
    for index, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            yield text[start:index]
            start = index + 1
    if text[start:]:
        yield text[start:]


class Execution:
    """Carries out datapath actions on one frame; `sent` is what left, by OpenFlow port."""

    def __init__(self, frame: Frame, ports: dict[int, int]) -> None:
        self._fields, self._vlans = dict(frame.fields), frame.vlans
        self._ports = ports
        self.sent: list[tuple[int, Frame]] = []

    def run(self, text: str) -> None:
        """Carry out a list of actions; raises `ValueError` for one that is not known here."""
        for action in split(text):
            self._one(action)

    def _one(self, action: str) -> None:
        if action.isdigit():
            self._send(self._ports[int(action)])
        elif action == "pop_vlan":
            self._vlans = self._vlans[1:]
        elif action != "drop":
            found = _CALL.match(action)
            if found is None:
                raise ValueError(f"datapath action {action!r}: not known")
            self._call(*found.groups())

    def _call(self, name: str, inside: str) -> None:
        if name == "push_vlan":
            values = dict(item.split("=") for item in inside.split(","))
            tag = VLAN_PRESENT | int(values["vid"]) | int(values.get("pcp", "0")) << 13
            self._vlans = (tag, *self._vlans)
        elif name == "set":
            self._set(inside)
        elif name == "userspace":
            self._send(CONTROLLER)
        elif name == "clone":
            self._apart(inside)
        elif name == "sample":
            self._apart(inside.partition("actions(")[2][:-1])
        elif name != "meter":
            raise ValueError(f"datapath action {name}({inside}): not known")

    def _apart(self, actions: str) -> None:
        kept = dict(self._fields), self._vlans
        self.run(actions)
        self._fields, self._vlans = kept

    def _send(self, port: int) -> None:
        fields = {name: value for name, value in self._fields.items() if not name.startswith("vlan_")}
        self.sent.append((port, Frame({**fields, **tagged(self._vlans)}, self._vlans)))

    def _set(self, inside: str) -> None:
        found = _CALL.match(inside)
        if found and found[1] == "skb_priority":  # the queue: nothing of the frame
            return
        if found is None or found[1] not in _FIELDS:
            raise ValueError(f"datapath action set({inside}): not known")
        for item in found[2].split(","):
            name, _, text = item.partition("=")
            field = _FIELDS[found[1]].get(name)
            if field:
                self._fields[field] = _merge(field, self._fields.get(field, 0), text)


def _merge(field: str, old: int, text: str) -> int:
    value, slash, mask = text.partition("/")
    bits = _number(mask) if slash else (1 << WIDTH.get(field, 8)) - 1
    return old & ~bits | _number(value) & bits


def _number(text: str) -> int:
    if re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", text):
        return int(text.replace(":", ""), 16)
    return int(ip_address(text)) if ":" in text or text.count(".") == 3 else int(text, 0)


def datapath_actions(trace: str) -> str:
    """The one list of datapath actions in a trace; raises `ValueError` where there is not one."""
    found = re.findall(r"^Datapath actions: (.*)$", trace, re.MULTILINE)
    if len(found) != 1:
        raise ValueError(f"expected one list of datapath actions in the trace:\n{trace}")
    return str(found[0])


def port_numbers(shown: str, bridge: str) -> dict[int, int]:
    """OpenFlow port numbers by datapath port number, from what ``dpif/show`` says of a bridge."""
    section = re.search(rf"^  {re.escape(bridge)}:\n((?:    .*\n?)*)", shown, re.MULTILINE)
    return {int(dp): int(of) for of, dp in _PORT.findall(section[1] if section else "")}
