"""What the rules of a switch tell of its fabric, for a controller whose state folder was lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from controller.compile.ports import learning_port_of
from controller.compile.servers import address_of, sender_of
from controller.learning import learned_name
from controller.model.fabric import Fabric
from controller.model.identity import Server
from controller.rules.rules import RuleKey


def recover(fabric: Fabric, platform: str, installed: Collection[RuleKey]) -> None:
    """Take over which ports were open for servers, and which servers were learned behind them.

    Links are not taken over: discovery finds them, before anything is changed on the switch.
    """
    undeclared = fabric.declared.undeclared(platform)
    if undeclared.mode != "learn" or undeclared.segment is None:
        return
    ports = {port for key in installed if (port := learning_port_of(key)) is not None}
    for port in ports:
        if fabric.wiring.is_up((platform, port)) and not fabric.declared.is_server_port((platform, port)):
            fabric.wiring.silent.add((platform, port))
            fabric.touch((platform, port))
    for server in _servers(platform, undeclared.segment, installed, ports):
        if server.name not in fabric.determined:
            fabric.determine(server)


def _servers(platform: str, segment: str, installed: Collection[RuleKey], ports: set[int]) -> Iterator[Server]:
    addresses: defaultdict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for key in installed:
        claim = address_of(key)
        if claim is not None:
            port, mac, address = claim
            addresses[port, mac].append(address)
    for key in installed:
        port, mac = sender_of(key) or (0, 0)
        if port in ports:
            known = tuple(sorted(addresses[port, mac]))
            yield Server(learned_name(segment, mac), platform, port, segment, mac, known, declared=False)
