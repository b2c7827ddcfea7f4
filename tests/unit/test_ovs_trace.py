"""Asking the tools of Open vSwitch: others go on meanwhile, and nothing is waited for for ever."""

from __future__ import annotations

import eventlet
import pytest

from apps.ovs_trace import NoAnswer, ask, datapath_actions, port_numbers
from apps.ovs_trace.check import frame_bytes
from controller.rules.packet import build, parse


def test_other_greenlets_run_while_a_tool_does() -> None:
    ticks = []

    def tick() -> None:
        while True:
            ticks.append(None)
            eventlet.sleep(0.01)

    ticker = eventlet.spawn(tick)
    ask.run("sleep", "0.3")
    ticker.kill()
    assert len(ticks) > 5


def test_what_a_tool_prints_is_the_answer() -> None:
    assert ask.run("echo", "a; echo b") == "a; echo b\n"


def test_a_tool_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask, "TIMEOUT_S", -0.8)
    with pytest.raises(NoAnswer, match="sleep took more than"):
        ask.run("sleep", "60")


@pytest.mark.parametrize(
    ("command", "said"),
    [(("no-such-tool-here",), "is not installed here"), (("false",), "exit status 1"), (("ls", "/nowhere"), "nowhere")],
)
def test_a_tool_that_fails_says_so(command: tuple[str, ...], said: str) -> None:
    with pytest.raises(NoAnswer, match=said):
        ask.run(*command)


SHOWN = """netdev@ovs-netdev: hit:1 missed:2
  bp1:
    bp1 65534/1: (tap)
    bp1-20 20/3: (system)
  bp11:
    bp11-20 20/4: (system)
"""


def test_port_numbers_are_those_of_the_one_bridge() -> None:
    assert port_numbers(SHOWN, "bp1") == {1: 65534, 3: 20}
    assert port_numbers(SHOWN, "bp11") == {4: 20}
    assert port_numbers(SHOWN, "bp") == {}


def test_a_trace_in_two_parts_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="one list of datapath actions"):
        datapath_actions("Datapath actions: hash(l4(0)),recirc(0x1)\nDatapath actions: 3\n")


MACS = {"eth_src": 0x020000000001, "eth_dst": 0x020000000002}


@pytest.mark.parametrize("tags", [(), (7,), (7, 8)])
def test_a_frame_on_its_way_keeps_its_payload_under_other_tags(tags: tuple[int, ...]) -> None:
    sent = build({**MACS, "eth_type": 0x88B5}, b"payload", (100,))
    there = frame_bytes(sent, parse(build({**MACS, "eth_type": 0x88B5}, b"payload", tags)))
    assert there == build({**MACS, "eth_type": 0x88B5}, b"payload", tags)


def test_a_frame_whose_headers_were_changed_is_made_anew() -> None:
    changed = parse(build({**MACS, "eth_dst": 5, "eth_type": 0x88B5}))
    assert parse(frame_bytes(build({**MACS, "eth_type": 0x88B5}), changed)).key == changed.key
