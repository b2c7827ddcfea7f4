"""A trace over an example fabric and ``ofproto/trace`` on real bridges agree, hop by hop, for random packets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ovs_trace import Ovs, check_trace
from controller.control import Control
from controller.trace import BadQuestion, TraceQuestion, read_question, trace
from tests.properties.ovs_oracle import Oracle, running_oracle
from tests.virtual import VirtualFabric

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("one-platform", "two-chassis", "daisy-chain", "ring", "star")


@dataclass(frozen=True)
class Twin:
    """A fabric, and bridges of a private Open vSwitch that hold its rules."""

    control: Control
    ovs: Ovs
    servers: tuple[str, ...]
    ports: tuple[tuple[str, int], ...]


def build(oracle: Oracle, name: str) -> Twin:
    """Platforms of all examples live beside each other, so bridges are named after both."""
    virtual = VirtualFabric((EXAMPLES / f"{name}.yaml").read_text())
    virtual.start()
    control, bridges = virtual.control, {}
    for platform, switch in virtual.switches.items():
        bridge = oracle.bridge(f"{name}.{platform}", sorted(switch.ports))
        bridge.install(switch.rules.values(), spread=None)
        bridges[platform] = bridge

    def ask(method: str, *parameters: str) -> str:
        first, rest = parameters[:1], parameters[1:]
        named = tuple(f"{name}.{bridge}" for bridge in first)
        answer = oracle.ask(method, *named, *rest) if parameters else oracle.ask(method)
        return answer.replace(f"  {name}.", "  ")

    ends = tuple((platform, port) for platform, switch in virtual.switches.items() for port in sorted(switch.ports))
    return Twin(control, Ovs(ask, control.connected.get), tuple(sorted(control.fabric.servers)), ends)


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with running_oracle() as running:
        yield running


@pytest.fixture(scope="module", params=NAMES)
def twin(oracle: Oracle, request: pytest.FixtureRequest) -> Twin:
    return build(oracle, request.param)


def a_question(data: st.DataObject, twin: Twin) -> dict[str, Any]:
    """In words: any two servers, addresses and MACs that exist or not, forged senders, tags."""
    draw, fabric = data.draw, twin.control.fabric
    one, other = (draw(st.sampled_from(twin.servers)) for _ in range(2))
    macs = ("ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01", "02:00:00:00:77:77", "01:80:c2:00:00:00")
    addresses = ("10.1.0.77", "fd00:2::77", "224.0.0.5", "ff02::5", "255.255.255.255")
    asked: dict[str, Any] = {
        "from": one,
        "to": draw(st.one_of(st.just(other), st.just(other), st.sampled_from((*macs, *addresses)))),
        "protocol": draw(st.sampled_from(("arp", "icmp", "nd", "tcp", "udp"))),
    }
    if draw(st.booleans()):
        asked["version"] = draw(st.sampled_from((4, 6)))
    forge = draw(st.sampled_from(("nothing", "nothing", "mac", "ip", "vlan")))
    if forge == "mac":
        asked["src_mac"] = f"{fabric.servers[other].mac:012x}"
        asked["src_mac"] = ":".join(asked["src_mac"][at : at + 2] for at in range(0, 12, 2))
    elif forge == "ip":
        asked["src_ip"] = draw(st.sampled_from(("10.1.0.12", "10.9.9.9", "fd00:1::12", "fe80::1")))
    elif forge == "vlan":
        asked["vlan"] = draw(st.sampled_from((0, 1, 100, _a_label(twin))))
    return asked


def _a_label(twin: Twin) -> int:
    return next(number for pool, _, number in twin.control.fabric.ledger.held() if pool == "label")


def some_bytes(data: st.DataObject, twin: Twin, made: bytes) -> dict[str, Any]:
    """A frame that was made of words, spoiled, at any port; on a trunk perhaps under a label."""
    draw = data.draw
    platform, port = draw(st.sampled_from(twin.ports))
    frame = bytearray(made)
    for _ in range(draw(st.integers(0, 2))):
        frame[draw(st.integers(0, len(frame) - 1))] = draw(st.integers(0, 255))
    labels = [number for pool, _, number in twin.control.fabric.ledger.held() if pool in ("label", "bypass")]
    for label in draw(st.lists(st.sampled_from([*labels, 5]), max_size=2)):
        frame[12:12] = b"\x81\x00" + label.to_bytes(2, "big")
    if draw(st.integers(0, 9)) == 0:
        del frame[draw(st.integers(14, len(frame))) :]
    return {"platform": platform, "port": port, "hex": bytes(frame).hex()}


def agree(twin: Twin, data: st.DataObject) -> None:
    traced = None
    try:
        traced = trace(twin.control, read_question(a_question(data, twin)))
    except BadQuestion:
        return
    if data.draw(st.integers(0, 2)) == 0:
        question: TraceQuestion = read_question(some_bytes(data, twin, traced.packet.made.data))
        traced = trace(twin.control, question)
    found = check_trace(twin.control, traced, twin.ovs)
    assert found.result == "agree", (traced.packet.made.data.hex(), traced.packet.at, found)


@settings(max_examples=40)
@given(data=st.data())
def test_a_trace_says_what_the_bridges_do(twin: Twin, data: st.DataObject) -> None:
    agree(twin, data)


@pytest.mark.long
@settings(max_examples=1000)
@given(data=st.data())
def test_a_trace_says_what_the_bridges_do_at_length(twin: Twin, data: st.DataObject) -> None:
    agree(twin, data)
