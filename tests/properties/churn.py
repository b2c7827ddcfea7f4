"""Anything that may happen to a fabric, in any order; every packet is followed after every part of every step."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from random import Random
from typing import TypeAlias

import networkx as nx

from controller.control import Control
from controller.derive import COLLECTED
from controller.model.fabric import Fabric
from controller.model.ledger import Holding
from controller.model.snapshot import restore, snapshot
from controller.model.spec import Document, ServerSpec
from controller.rules.rules import Rule, RuleKey
from controller.verifier import Journey
from tests.properties.failing import SEEN, SEGMENTS, Edge, FailingFabric, fabric_document, server_on, with_reservations
from tests.properties.traffic import Probe, Traffic, told, traffic_of, twice

Rules: TypeAlias = dict[str, dict[RuleKey, Rule]]
SERVERS = 8


class Churning(FailingFabric):
    """A fabric to which things happen; `act` does one of `ACTS`, chosen by a number."""

    def __init__(self, edges: list[Edge], seed: int) -> None:
        self.watching, self.seed, self.story = False, seed, list[str]()
        self.chance = Random(seed)
        count = 1 + max(at for edge in edges for at in edge[:2])
        self.homes = {(at % count, SEGMENTS[at % 2], at) for at in range(SERVERS - 2)}
        first = self._with_homes(fabric_document(edges, ()))
        super().__init__(first)
        for number, switch in enumerate(self.switches.values()):
            self.add_switch(f"p{number}", switch.dpid, {*switch.ports, *range(1, 2 * SERVERS + 1)})
        for one, other in tuple(self.cables.items()):
            self.plug(one, other)
        self.document = first
        self.all_links = dict(first.links)
        self.ends = {name: link.ends for name, link in self.control.fabric.declared.links.items()}
        self.failing: set[str] = set()
        self.moved: set[str] = set()
        """Servers that have come to another platform since the fabric was last at rest."""
        self.emptied = False
        """Whether a platform has lost its rules since then."""
        self.start()
        self.traffic: Traffic = traffic_of(first, choices=2)
        self.watching = True
        self.look(None)
        self.check()

    @staticmethod
    def _name(number: int) -> str:
        return f"s{number}"

    def _with_homes(self, document: Document) -> Document:
        servers: dict[str, ServerSpec] = {
            self._name(number): server_on(at, segment, number) for at, segment, number in sorted(self.homes)
        }
        return with_reservations(document.model_copy(update={"servers": servers}))

    # What may happen: each answers at which platforms; None: at all

    def act(self, name: str, number: int) -> None:
        """One thing happens."""
        self.chance = Random(f"{self.seed} {number} {name}")
        self.story.append(f"{self.now:.2f} {name}")
        changed = ACTS[name](self)
        self.look(changed)

    def _pick(self, among: Collection[str]) -> str | None:
        return self.chance.choice(sorted(among)) if among else None

    def fail_a_link(self) -> set[str]:
        name = self._pick(self.ends.keys() - self.failing)
        if name is None:
            return set()
        self.failing.add(name)
        how = self.chance.choice(SEEN)
        self.story[-1] += f" {name}: {how}"
        return self.fail(self.ends[name], how)

    def mend_a_link(self) -> set[str]:
        name = self._pick(self.failing)
        if name is None:
            return set()
        self.failing.remove(name)
        self.story[-1] += f" {name}"
        return self.mend(self.ends[name])

    def cut_power(self) -> set[str]:
        name = self._pick(self.switches.keys() - self.off)
        self.story[-1] += f" {name}"
        self.emptied = True
        return self.power_off(name) if name and len(self.off) < 2 else set()

    def restore_power(self) -> set[str]:
        name = self._pick(self.off)
        self.story[-1] += f" {name}"
        return self.power_on(name) if name else set()

    def lose_a_connection(self) -> set[str]:
        name = self._pick(self.control.connected)
        self.story[-1] += f" {name}"
        if name:
            self.disconnect(name)
        return set()

    def connect_again(self) -> set[str]:
        name = self._pick(self.switches.keys() - self.off - self.control.connected.keys())
        self.story[-1] += f" {name}"
        if name:
            self.connect(name)
        return set()

    def restart(self) -> set[str]:
        """The controller, from its state; switches come back in any order, some now."""
        self.disconnect()
        self._restart()
        names = sorted(self.switches.keys() - self.off)
        for name in self.chance.sample(names, self.chance.randint(0, len(names))):
            self.connect(name)
        return set()

    def _restart(self) -> None:
        kept = json.loads(json.dumps([[*key, value] for key, value in snapshot(self.control.fabric).items()]))
        desired = self.control.fabric.desired
        self.control = Control(restore({(kind, name): value for kind, name, value in kept}))
        self.control.set_desired(desired)

    def change_servers(self) -> None:
        number = self.chance.randrange(SERVERS)
        gone = {home for home in self.homes if home[2] == number}
        self.homes -= gone
        if not gone or self.chance.random() < 0.6:
            at = self.chance.randrange(len(self.switches))
            self.homes.add((at, gone.pop()[1] if gone else self.chance.choice(SEGMENTS), number))
            self.moved.add(self._name(number))
        self._rewrite(self._with_homes(self.document))

    def change_links(self) -> None:
        """A link is declared, or declared no more, or costs something else."""
        name = self.chance.choice(sorted(self.all_links))
        links = dict(self.document.links)
        if name in links and self.chance.random() < 0.4:
            del links[name]
        else:
            links[name] = self.all_links[name].model_copy(update={"cost": self.chance.randint(1, 3)})
        self._rewrite(self.document.model_copy(update={"links": links}))

    def _rewrite(self, document: Document) -> None:
        self.document = document
        self.change(document)
        self.traffic = traffic_of(document, choices=2)

    def use_otherwise(self) -> set[str]:
        """An override of a link or a platform."""
        keys = [("links", name) for name in sorted(self.document.links)]
        keys += [("platforms", name) for name in sorted(self.switches)]
        key, state = self.chance.choice(keys), self.chance.choice(("up", "up", "drain", "down"))
        self.story[-1] += f" {key} {state}"
        self.control.set_admin(key, state)  # type: ignore[arg-type]
        return set()

    def take_steps(self) -> set[str]:
        for _ in range(self.chance.randint(1, 6)):
            self.discover()
            self.step()
        return set()

    def let_time_pass(self) -> set[str]:
        self.now += self.chance.choice((0.3, 2.0, 30.0))
        self.control.tick(self.now)
        return set()

    # Steps, one switch at a time

    def step(self) -> bool:
        self.now += 0.01
        batches = self.control.next_step(self.now)
        for name in self.chance.sample(sorted(batches), len(batches)):
            self.switches[name].carry_out(batches[name])
            if self.watching:
                self.story.append(f"{self.now:.2f} {name}: {_told(batches[name])}")
                self.look({name})
        for name in batches:
            self.control.step_confirmed(name, {}, self.now)
        return bool(batches)

    # What must be so

    def look(self, changed: set[str] | None) -> None:
        """At no moment does anything come twice, or go round. There is one exception: a switch that comes without
        rules gets all of them at once, and may know already where a server has moved to before its new home does."""
        network = self.network()
        for probe, journey in self.traffic.follow(network, changed if self.traffic.journeys else None):
            assert not journey.loops or (self.emptied and probe.to in self.moved), self.said(probe, journey)
            assert not twice(journey), self.said(probe, journey)

    def said(self, probe: Probe, journey: Journey) -> str:
        return "\n".join((probe.name, told(journey), *self.story[-40:]))

    def settle_down(self) -> None:
        """All that is there connects, and the fabric comes to rest."""
        for name in sorted(self.switches.keys() - self.off - self.control.connected.keys()):
            self.connect(name)
        self.settle()
        self.moved.clear()
        self.emptied = False
        self.look(None)
        self.check()

    def check(self) -> None:
        """Everybody with a way reaches everybody, once; nothing is left over."""
        graph = self.graph()
        for probe, journey in self.traffic.journeys.items():
            if probe.start[0] not in self.off:
                there = nx.node_connected_component(graph, probe.start[0])
                wanted = {end for end in probe.expected if end[0] in there}
                assert wanted <= journey.reached <= probe.expected, self.said(probe, journey)
        held = {name: rules for name, rules in self.rules().items() if name not in self.off}
        afresh = full_compile(self.control.fabric)
        assert held == {name: afresh.get(name, {}) for name in held}, "\n".join(self.story[-40:])
        if not self.off:
            given, used = numbers(self.control), self.control.rulebook.holdings()
            assert given == used, "\n".join((f"numbers {given ^ used}", *self.story[-40:]))

    def graph(self) -> nx.Graph[str]:
        """The links that may be used."""
        graph: nx.Graph[str] = nx.Graph()
        graph.add_nodes_from(self.switches)
        for name in self.document.links:
            keys = [("links", name), *(("platforms", platform) for platform, _ in self.ends[name])]
            if self.works(self.ends[name]) and all(self.control.fabric.admin_of(key) != "down" for key in keys):
                graph.add_edge(*(platform for platform, _ in self.ends[name]))
        return graph


def _told(batch: object) -> str:
    upserts, deletes = batch.upserts, batch.deletes  # type: ignore[attr-defined]
    kinds = sorted({f"{wanted.owner.kind} {wanted.owner.name}" for wanted, _ in upserts})
    return f"in {', '.join(kinds[:6])}{' …' if len(kinds) > 6 else ''}; {len(deletes)} out"


ACTS: Mapping[str, Callable[[Churning], set[str] | None]] = {
    "a link fails": Churning.fail_a_link,
    "another link fails": Churning.fail_a_link,
    "a link is mended": Churning.mend_a_link,
    "a platform loses power": Churning.cut_power,
    "a platform has power again": Churning.restore_power,
    "a connection is lost": Churning.lose_a_connection,
    "a switch connects": Churning.connect_again,
    "the controller restarts": Churning.restart,
    "servers change": Churning.change_servers,
    "links change": Churning.change_links,
    "an override": Churning.use_otherwise,
    "some steps": Churning.take_steps,
    "more steps": Churning.take_steps,
    "time passes": Churning.let_time_pass,
    "all settles": Churning.settle_down,
}


def full_compile(fabric: Fabric) -> Rules:
    """What a controller that was never there wants of the same state."""
    control = Control(restore(snapshot(fabric)))
    control.set_desired(fabric.desired)
    control.refresh()
    wanted = {name: switch.wanted for name, switch in control.reconciler.switches.items() if switch.wanted}
    return {name: {key: item.rule for key, item in rules.items()} for name, rules in wanted.items()}


def numbers(control: Control) -> set[Holding]:
    """The labels that are given out."""
    return {(pool, name) for pool, name, _ in control.fabric.ledger.held() if pool in COLLECTED}
