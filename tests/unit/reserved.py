"""Small fabrics on which rates are reserved: documents of a few words, what became of them, where packets go.

Platforms are p1 to p4, with servers a1 and a2 on p1, b1 and b2 on p2 and so on; link number n has port 20 + n at both
ends and the name that `named` gives. Rates are in Mbit/s.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from controller.model.topology import End
from controller.negotiation import Outcome
from controller.planner import Plan, make_plan, take_basis
from controller.rules.lookup import SwitchTables
from controller.rules.packet import Frame, build, parse
from controller.rules.reconciler import Batch
from controller.rules.rules import Rule
from controller.verifier import Journey, Network, follow
from tests.virtual import VirtualFabric

MBIT = 1_000_000
FIRST_TRUNK = 20
UPLINK_PORT = 10
IPV4, IPV6 = 0x0800, 0x86DD
TCP, UDP = 6, 17
BEYOND = 0x02AA00000001
"""A host behind an uplink, of which nobody has heard."""
Asked = Mapping[str, Any]


# Documents


def asks(ends: str, rate: float, floor: float | None = None, **more: Any) -> Asked:
    """A reservation: ``a1>b1`` one way, ``a1=b1`` both."""
    source, _, target = ends.partition("=" if "=" in ends else ">")
    found = {"from": source, "to": target, "rate": _rate(rate), "both": "=" in ends, **more}
    return found if floor is None else {**found, "floor": _rate(floor)}


def link(ends: str, rate: float | None = 100, **more: Any) -> Asked:
    """A link, ``p1-p2``."""
    return {"between": ends.split("-"), **({} if rate is None else {"rate": _rate(rate)}), **more}


def document(
    *links: Asked,
    asked: Mapping[str, Asked] | None = None,
    servers: Mapping[str, Asked] | None = None,
    uplinks: Mapping[str, Asked] | None = None,
    **settings: Any,
) -> str:
    """Platforms as the links name them; `servers` says more of some, `uplinks` of uplinks by name, each with its
    platform."""
    names = sorted({name for each in links for name in each["between"]})
    platforms: dict[str, Any] = {name: _platform(name, links) for name in names}
    for name, own in [(name, of) for platform in names for name, of in _servers(platform).items()]:
        spec = {**own, **(servers or {}).get(name, {})}
        platforms[spec.pop("platform")]["servers"][name] = spec
    for name, more in (uplinks or {}).items():
        spec = {"port": UPLINK_PORT, "segment": "lan", **more}
        platforms[spec.pop("platform")]["uplinks"][name] = spec
    wires = [_wire(number, each) for number, each in enumerate(links)]
    whole = {"segments": {"lan": {}}, "platforms": platforms, "links": wires, "reservations": asked or {}}
    return json.dumps({**whole, **settings})


def _rate(mbit: float) -> str:
    return f"{round(mbit * 1000)} kbit/s"


def _platform(name: str, links: Iterable[Asked]) -> dict[str, Any]:
    trunks = {f"t{at}": {"port": FIRST_TRUNK + at} for at, each in enumerate(links) if name in each["between"]}
    return {"dpid": int(name[1:]), "servers": {}, "uplinks": {}, "trunks": trunks}


def _servers(platform: str) -> dict[str, Asked]:
    number = int(platform[1:])
    return {
        f"{'abcd'[number - 1]}{at}": {
            "platform": platform,
            "port": at,
            "segment": "lan",
            "mac": f"02:00:00:00:0{number}:0{at}",
            "ip": [f"10.0.{number}.{at}", f"fd00::{number}:{at}"],
        }
        for at in (1, 2)
    }


def _wire(number: int, each: Asked) -> Asked:
    more = {key: value for key, value in each.items() if key != "between"}
    return {"ends": [f"{name}.t{number}" for name in each["between"]], **more}


def named(number: int, ends: str) -> str:
    """The name of a link by its number."""
    return "--".join(sorted(f"{name}.t{number}" for name in ends.split("-")))


# The fabric


class Reserved(VirtualFabric):
    """In force from the start, with a clock that the test holds (`time`, seconds since 1970).

    `refuses` says which rules a platform's switch does not take.
    """

    def __init__(self, asked_for: str, refuses: Callable[[str, Rule], bool] = lambda _at, _rule: False) -> None:
        self.time = 1_700_000_000.0
        self.refuses = refuses
        self._tables: dict[str, tuple[int, SwitchTables]] = {}
        super().__init__(asked_for, clock=lambda: self.time)
        self.start()
        self._seen = self.control.chronicle.history.last

    def ask(self, asked_for: str) -> None:
        """Another document, until it is in force."""
        self.change(asked_for)
        self.settle()

    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.time += seconds
        self.now += seconds
        self.control.tick(self.now)
        self.settle()

    def settle(self) -> None:
        """As far as switches take what they are sent."""
        for _ in range(1000):
            self.discover()
            if not self.step():
                self.now += 1.0
                if not self.step() and self._is_at_rest():
                    return
        raise AssertionError("the fabric does not come to rest")

    def _is_at_rest(self) -> bool:
        refused = any(self.control.reconciler.rest())
        return (refused or self.control.converged) and not self.control.routing.waiting

    def step(self) -> bool:
        self.now += 0.01
        batches = self.control.next_step(self.now)
        for name, batch in batches.items():
            self.carry_out(name, batch)
        return bool(batches)

    def carry_out(self, name: str, batch: Batch) -> None:
        """One switch does its part of a step and says so."""
        refused = {wanted.rule.key for wanted, _ in batch.upserts if self.refuses(name, wanted.rule)}
        taken = tuple(each for each in batch.upserts if each[0].rule.key not in refused)
        self.switches[name].carry_out(Batch(taken, batch.deletes))
        self.control.step_confirmed(name, dict.fromkeys(refused, "table full"), self.now)

    # What became of what was asked for

    def outcome(self, name: str) -> Outcome:
        return self.control.negotiation.outcomes[name]

    def state(self, name: str) -> str:
        return self.outcome(name).state

    def mbit(self, name: str) -> float:
        granted = self.outcome(name).granted
        return granted.rate_bps / MBIT if granted else 0

    def links(self, name: str) -> tuple[str, ...]:
        granted = self.outcome(name).granted
        return granted.links if granted else ()

    def labels(self, name: str) -> list[int]:
        """Of its directions."""
        return [direction.label for direction, _ in self.control.granted[name]]

    def told(self) -> list[tuple[str, str]]:
        """What was told of reservations since the last call: which, and what became of it."""
        history = self.control.chronicle.history
        found = history.after(self._seen)
        self._seen = history.last
        return [(event.name, event.what) for event in found if event.kind == "reservation"]

    def alarms(self, kind: str = "rate") -> dict[str, str]:
        return {alarm.subject: alarm.message for alarm in self.control.alarms.standing() if alarm.kind == kind}

    def rules_of(self, *names: str, on: str | None = None) -> list[Rule]:
        """The rules that switches hold for some reservations."""
        owned = {
            (platform, key)
            for platform, held in self.control.reconciler.switches.items()
            for key, wanted in held.wanted.items()
            if wanted.owner.kind == "reservation" and wanted.owner.name in names and on in (None, platform)
        }
        return [self.switches[at].rules[key] for at, key in owned if key in self.switches[at].rules]

    def plan(self, asked_for: str) -> Plan:
        """What another document would do."""
        other = VirtualFabric(asked_for).control.fabric.desired
        return make_plan(take_basis(self.control), other)

    # Packets

    def network(self) -> Network:
        """The switches as they are now."""
        for name, switch in self.switches.items():
            if self._tables.get(name, (-1, None))[0] != switch.written:
                self._tables[name] = (switch.written, SwitchTables(switch.rules.values()))
        tables = {name: made for name, (_, made) in self._tables.items()}
        ports = ((name, port) for name, switch in self.switches.items() for port in switch.ports.values())
        return Network(tables, self.cables, frozenset((name, port.number) for name, port in ports if not port.up))

    def send(self, frame: Frame, start: End, exceeded: Iterable[int] = (), choice: int = 0) -> Journey:
        """`exceeded` are the meters that drop, `choice` what ways of equal cost are chosen by."""
        return follow(self.network(), start, frame, lambda _: choice, frozenset(exceeded))

    def send_past(self, frame: Frame, start: End, *cut: End) -> Journey:
        """By what the switches hold alone, with some cables cut."""
        whole = self.network()
        return follow(replace(whole, down=frozenset(cut)), start, frame)

    def path_names(self) -> list[str]:
        """Under which path labels are held: each a direction of a reservation with its places."""
        return [name for pool, name, _ in self.control.fabric.ledger.held() if pool == "path"]


def home(server: str) -> End:
    """Where a server is plugged in."""
    return (f"p{'abcd'.index(server[0]) + 1}", int(server[1:]))


def mac(server: str) -> int:
    platform, port = home(server)
    return 0x020000000000 | int(platform[1:]) << 8 | port


def frame(source: str, target: str, version: int = 4, vlans: tuple[int, ...] = (), **fields: int) -> Frame:
    """From one server to another, or ``beyond``; UDP unless `fields` say otherwise."""
    sender, receiver = (BEYOND if name == "beyond" else mac(name) for name in (source, target))
    own = {"eth_src": sender, "eth_dst": receiver, "eth_type": IPV4 if version == 4 else IPV6}
    addresses = {f"ipv{version}_src": _address(source, version), f"ipv{version}_dst": _address(target, version)}
    return parse(build({**own, **addresses, "ip_proto": UDP, **fields}, vlans=vlans))


def _address(name: str, version: int) -> int:
    if name == "beyond":
        return 0x08080808 if version == 4 else 0x2001 << 112 | 8
    platform, port = home(name)
    number = int(platform[1:])
    return 0x0A000000 | number << 8 | port if version == 4 else 0xFD00 << 112 | number << 16 | port


def way(journey: Journey) -> list[str]:
    """The platforms that a packet came by, in order."""
    return [platform for (platform, _), _ in journey.visits]


def entered(journey: Journey) -> list[Frame]:
    """The packet as it came in on each platform."""
    return [outcome.steps[0].frame for _, outcome in journey.visits]
