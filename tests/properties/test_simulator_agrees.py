"""Our own switch and a real one do the same to the same packet, for random platforms and packets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ovs_trace import CONTROLLER
from controller.rules.lookup import SwitchTables
from controller.rules.packet import Frame, parse
from controller.rules.rules import FlowEntry, Rule
from controller.rules.simulator import Conditions, simulate
from tests.properties.frames import Frames
from tests.properties.ovs_oracle import Bridge, running_oracle
from tests.properties.scenarios import PORTS, Scenario, scenarios

FRAMES = 200


@pytest.fixture(scope="module")
def bridge() -> Iterator[Bridge]:
    with running_oracle() as oracle:
        yield oracle.bridge("A", PORTS)


class PlainTables(SwitchTables):
    """Looks a packet up by trying every entry; of two that are equally good it takes the other one."""

    def __init__(self, rules: list[Rule]) -> None:
        super().__init__(rules)
        self._entries = [rule for rule in rules if isinstance(rule, FlowEntry)]

    def find(self, table: int, value_of: Callable[[str], int]) -> FlowEntry | None:
        chosen = super().find(table, value_of)
        here = [entry for entry in self._entries if entry.table == table and _matches(entry, value_of)]
        here.sort(key=lambda entry: (entry.priority, entry is not chosen))
        return here[-1] if here else None


def _matches(entry: FlowEntry, value_of: Callable[[str], int]) -> bool:
    return all(value_of(name) & mask == value & mask for name, value, mask in entry.match)


def _simulated(tables: SwitchTables, scenario: Scenario, in_port: int, frame: Frame) -> Counter[object]:
    conditions = Conditions(lambda port: port not in scenario.down, lambda _: scenario.spread)
    outcome = simulate(tables, in_port, frame, conditions)
    sent = [(out.port, out.frame.key) for out in outcome.outputs]
    return Counter([*sent, *((CONTROLLER, copy.frame.key) for copy in outcome.copies)])


def _agree(bridge: Bridge, scenario: Scenario, seed: int) -> None:
    rules = scenario.rules()
    bridge.install(rules, scenario.spread)
    bridge.set_down(scenario.down)
    tables, plain, frames = SwitchTables(rules), PlainTables(rules), Frames(scenario, seed)
    for _ in range(FRAMES):
        in_port, data = frames.next()
        real = Counter((port, frame.key) for port, frame in bridge.send(in_port, data))
        for name, ours in (("first", tables), ("last", plain)):
            sent = _simulated(ours, scenario, in_port, parse(data))
            assert sent == real, _explain(bridge, in_port, data, name)


def _explain(bridge: Bridge, in_port: int, data: bytes, chosen: str) -> str:
    what = f"port {in_port}, frame {data.hex()}, the {chosen} of entries that are equally good"
    return f"{what}\n{bridge.trace(in_port, data)}"


@settings(max_examples=40)
@given(scenario=scenarios(), seed=st.integers(0, 1 << 32))
def test_the_simulator_sends_what_open_vswitch_sends(bridge: Bridge, scenario: Scenario, seed: int) -> None:
    _agree(bridge, scenario, seed)


@pytest.mark.long
@settings(max_examples=1000)
@given(scenario=scenarios(), seed=st.integers(0, 1 << 32))
def test_the_simulator_sends_what_open_vswitch_sends_at_length(bridge: Bridge, scenario: Scenario, seed: int) -> None:
    _agree(bridge, scenario, seed)
