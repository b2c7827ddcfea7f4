"""Random changes, restarts and crashes: what GET says, what SQLite holds and what the switches hold agree."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from controller.control import Control
from controller.model.resource_reader import read_resource
from controller.model.snapshot import restore, snapshot, spec_of
from controller.rules.rules import Rule, RuleKey
from tests.unit.rest.written import PLATFORMS, PORTS, RING, Written

NAMES = ("web", "data", "s1", "s2", "s3")
"""Shared by segments, servers and uplinks, so that they get in each other's way."""
LINKS = tuple("--".join(sorted((f"{one}.east", f"{other}.west"))) for one, other in RING)
CAPACITY = 100_000_000
TRUNKS = {"east": {"port": 20, "rate": CAPACITY}, "west": {"port": 21, "rate": CAPACITY}}
RESERVATIONS = ("r1", "r2", "r3", "r4")
FILE = """
segments: {data: {subnet: 10.0.0.0/24}}
platforms:
  c1:
    dpid: 1
    servers: {s1: {port: 1, segment: data, mac: "02:00:00:00:00:01", ip: 10.0.0.1}}
    trunks: {east: {port: 20, rate: 100 Mbit/s}, west: {port: 21, rate: 100 Mbit/s}}
"""

BEGINNING: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("segments", "web", {}),
    ("segments", "data", {"subnet": "10.0.0.0/24"}),
    *(("platforms", f"c{number}", {"dpid": number, "trunks": TRUNKS}) for number in (1, 2, 3)),
    *(("links", name, {"ends": name.split("--")}) for name in LINKS),
    ("servers", "s2", {"platform": "c2", "port": 1, "segment": "data", "mac": "02:00:00:00:00:02", "ip": "10.0.0.5"}),
    ("servers", "s3", {"platform": "c3", "port": 2, "segment": "data", "mac": "02:00:00:00:00:03"}),
    ("reservations", "r1", {"from": "s2", "to": "s3", "rate": "60 Mbit/s", "lease": 25}),
)
"""A fabric that is there from the start, as far as the file leaves room for it."""

names = st.sampled_from(NAMES)
segments = st.tuples(
    st.just("segments"),
    st.sampled_from((*NAMES, "default")),
    st.fixed_dictionaries({}, optional={"subnet": st.sampled_from(["10.0.0.0/24", "10.0.0.0/30", "fd00::/64"])}),
)
platforms = st.integers(1, 3).flatmap(
    lambda number: st.tuples(
        st.just("platforms"),
        st.just(f"c{number}"),
        st.fixed_dictionaries(
            {"dpid": st.just(number)},
            optional={
                "trunks": st.sampled_from([TRUNKS, TRUNKS, {"east": {"port": 20}}, {}]),
                "undeclared": st.sampled_from(["closed", {"mode": "learn", "segment": "web"}]),
            },
        ),
    )
)
servers = st.tuples(
    st.just("servers"),
    names,
    st.fixed_dictionaries(
        {
            "platform": st.sampled_from(PLATFORMS),
            "port": st.sampled_from(PORTS[:4]),
            "segment": st.sampled_from(NAMES[:2]),
        },
        optional={
            "mac": st.sampled_from(["02:00:00:00:00:01", "02:00:00:00:00:02"]),
            "ip": st.sampled_from(["10.0.0.1", "10.0.0.5", "fd00::1"]),
            "vlan": st.sampled_from([100, 200]),
        },
    ),
)
uplinks = st.tuples(
    st.just("uplinks"),
    names,
    st.fixed_dictionaries(
        {
            "platform": st.sampled_from(PLATFORMS),
            "port": st.sampled_from(PORTS[:4]),
            "segment": st.sampled_from(NAMES[:2]),
        },
        optional={"rate": st.sampled_from(["1 Gbit/s", 1000])},
    ),
)
links = st.sampled_from(LINKS).flatmap(
    lambda name: st.tuples(
        st.just("links"),
        st.just(name),
        st.fixed_dictionaries({"ends": st.just(name.split("--"))}, optional={"cost": st.integers(1, 3)}),
    )
)


def reservations_between(names: Sequence[str]) -> st.SearchStrategy[tuple[str, str, dict[str, Any]]]:
    """From one of some to another."""
    pairs = st.sampled_from([{"from": one, "to": other} for one, other in permutations(names, 2)])
    rates = st.fixed_dictionaries(
        {"rate": st.sampled_from(["40 Mbit/s", "80 Mbit/s"])},
        optional={
            "floor": st.sampled_from(["10 Mbit/s", "40 Mbit/s"]),
            "priority": st.integers(0, 2),
            "lease": st.sampled_from([10, 25]),
            "both": st.booleans(),
            "protected": st.booleans(),
            "match": st.sampled_from([{"tcp_dst": 80}, {"dscp": 46}]),
        },
    )
    named = st.sampled_from(RESERVATIONS)
    return st.builds(lambda name, ends, rate: ("reservations", name, {**ends, **rate}), named, pairs, rates)


reservations = reservations_between(NAMES[2:])
resources = st.one_of(segments, platforms, servers, uplinks, links, reservations)
overrides = st.one_of(
    st.tuples(st.just("platforms"), st.sampled_from(PLATFORMS)), st.tuples(st.just("links"), st.sampled_from(LINKS))
)


class Changing(RuleBasedStateMachine):
    """`made` and `admin` are what was answered with 2xx: a crash may not lose any of it."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="backplane-api-")
        self._folders = 0
        self.made: dict[tuple[str, str], dict[str, Any]] = {}
        self.admin: dict[str, str] = {}
        self.until: dict[str, float] = {}
        """When the leases of reservations end."""
        self.revision = 0

    @initialize(with_file=st.booleans(), filled=st.booleans())
    def start(self, with_file: bool, filled: bool) -> None:
        file = Path(self._folder.name) / "lab.yaml"
        file.write_text(FILE)
        self.lab = Written(self._next_folder(), file if with_file else None)
        for resource in BEGINNING if filled else ():
            self._put(resource)

    def _next_folder(self) -> Path:
        self._folders += 1
        return Path(self._folder.name) / f"state{self._folders}"

    @rule(resource=resources, dry=st.sampled_from([False] * 4 + [True]))
    def put(self, resource: tuple[str, str, dict[str, Any]], dry: bool) -> None:
        self._put(resource, dry)

    def _put(self, resource: tuple[str, str, dict[str, Any]], dry: bool = False) -> None:
        section, name, spec = resource
        before = snapshot(self.lab.control.fabric)
        response = self.lab.api.ask(f"/api/v1/{section}/{name}{'?dry_run=true' if dry else ''}", "PUT", spec)
        assert response.status_code in (200, 201, 409, 422), response.text
        if dry or response.status_code >= 300:
            assert snapshot(self.lab.control.fabric) == before
            return
        assert response.json["spec"] == self.shown((section, name))["spec"]
        self._make((section, name), spec)
        self._follow(response.json["revision"])

    def _make(self, key: tuple[str, str], spec: dict[str, Any]) -> None:
        """It was made: a reservation's lease begins."""
        self.made[key] = spec
        if key[0] == "reservations":
            self.until.pop(key[1], None)
            if "lease" in spec:
                self.until[key[1]] = self.lab.time + spec["lease"]

    @rule(data=st.data())
    def reserve(self, data: st.DataObject) -> None:
        """Between hosts that there are, once more perhaps."""
        again = [(*key, spec) for key, spec in self.made.items() if key[0] == "reservations"]
        declared = self.lab.control.fabric.declared
        known = sorted(declared.servers.keys() | declared.uplinks)
        anew = reservations_between(known) if len(known) > 1 else reservations
        self._put(data.draw(st.one_of(st.sampled_from(again), anew, anew) if again else anew))

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        known = sorted({*self.made, ("servers", "s1"), ("platforms", "c2")})
        section, name = data.draw(st.sampled_from(known))
        response = self.lab.api.ask(f"/api/v1/{section}/{name}", "DELETE")
        assert response.status_code in (200, 404, 409), response.text
        if response.status_code == 200:
            del self.made[section, name]
            self.until.pop(name if section == "reservations" else "", None)
            self._follow(response.json["revision"])

    @rule(resource=overrides, state=st.sampled_from(["up", "drain", "down"]))
    def override(self, resource: tuple[str, str], state: str) -> None:
        path = "/".join(resource)
        response = self.lab.api.ask(f"/api/v1/{path}/admin", "PUT", {"state": state})
        assert response.status_code in (200, 404), response.text
        if response.status_code == 200:
            self.admin = (
                {**self.admin, path: state} if state != "up" else {k: v for k, v in self.admin.items() if k != path}
            )
            self._follow(response.json["revision"])

    @rule(resource=resources)
    def carry_out_a_plan(self, resource: tuple[str, str, dict[str, Any]]) -> None:
        section, name, spec = resource
        planned = self.lab.api.ask(f"/api/v1/{section}/{name}?dry_run=true", "PUT", spec)
        if planned.status_code == 200 and planned.json["accepted"]:
            response = self.lab.api.ask(f"/api/v1/document?plan={planned.json['id']}", "PUT")
            assert response.status_code == 200, response.text
            known = self.made.get((section, name))
            if known is None or as_read((section, name), known) != as_read((section, name), spec):
                self._make((section, name), spec)
            self.made[section, name] = spec
            self._follow(response.json["revision"])

    @rule(seconds=st.sampled_from([4, 12, 30]))
    def time_passes(self, seconds: int) -> None:
        self.lab.later(seconds)

    def _follow(self, revision: int) -> None:
        """A revision never comes again for something else."""
        assert self.revision <= revision == self.lab.control.fabric.revision
        self.revision = revision

    @rule()
    def settle(self) -> None:
        self.lab.settle()

    @precondition(lambda self: self._folders < 20)
    @rule()
    def restart(self) -> None:
        before = negotiated(self.lab.control)
        self.lab = self.lab.restarted()
        assert negotiated(self.lab.control) == before

    @precondition(lambda self: self._folders < 20)
    @rule()
    def crash(self) -> None:
        self.lab = self.lab.crashed(self._next_folder())

    def shown(self, key: tuple[str, str]) -> Any:
        return self.lab.api.get(f"/api/v1/{key[0]}/{key[1]}")

    @invariant()
    def get_says_what_was_asked_for(self) -> None:
        for section in ("segments", "platforms", "servers", "uplinks", "links", "reservations"):
            items = self.lab.api.get(f"/api/v1/{section}")["items"]
            found = {item["name"]: item["spec"] for item in items if item["origin"] == "api"}
            assert found == {
                name: as_shown((of, name), spec) for (of, name), spec in self.made.items() if of == section
            }

    @invariant()
    def sqlite_holds_what_was_asked_for(self) -> None:
        rows = self.lab.rows("made")
        kept = {key: spec_of(key, rows["/".join(key)]) for key in self.made}
        assert len(rows) == len(self.made)
        assert kept == {key: as_read(key, spec) for key, spec in self.made.items()}
        assert self.lab.rows("admin") == self.admin
        assert self.revision <= self.lab.rows("fabric").get("revision", 0)

    @invariant()
    def get_says_what_is_granted(self) -> None:
        grants = self.lab.control.fabric.grants
        for item in self.lab.api.get("/api/v1/reservations")["items"]:
            name, status = item["name"], item["status"]
            granted = grants[name].rate_bps if name in grants else 0
            assert status["granted_bps"] == granted
            assert (status["state"] == "expired") == (self.until.get(name, float("inf")) <= self.lab.time), item
            enough = status["floor_bps"] <= granted <= status["asked_bps"]
            assert (status["state"] in ("granted", "reduced")) == enough, item
            assert (status["state"] == "granted") == (granted == status["asked_bps"]), item

    @invariant()
    def nothing_is_held_that_nobody_has(self) -> None:
        self.lab.settle()
        fabric = self.lab.control.fabric
        asked = fabric.declared.reservations
        assert fabric.grants.keys() <= asked.keys() - {n for n, end in self.until.items() if end <= self.lab.time}
        assert fabric.leases == self.until
        assert fabric.promised <= asked.keys()
        paths = [name for pool, name, _ in fabric.ledger.held() if pool == "path"]
        assert len(paths) == sum(map(len, self.lab.control.granted.values()))
        for way, load in loads(self.lab.control).items():
            assert load <= self.lab.control.loads[way] <= CAPACITY, way

    @invariant()
    def switches_hold_what_a_controller_that_was_never_there_would_want(self) -> None:
        self.lab.settle()
        expected = wanted_anew(self.lab.control)
        for name in PLATFORMS:
            assert dict(self.lab.virtual.switches[name].rules) == expected.get(name, {}), name

    def teardown(self) -> None:
        if hasattr(self, "lab"):
            self.lab.state.close()
        self._folder.cleanup()


class _Plain:
    """A body that was read."""

    def __init__(self, value: Any) -> None:
        self.value, self.found, self.lines = value, [], {}


def as_read(key: tuple[str, str], spec: dict[str, Any]) -> Any:
    return read_resource(key, _Plain(spec))  # type: ignore[arg-type]


def as_shown(key: tuple[str, str], spec: dict[str, Any]) -> Any:
    return as_read(key, spec).model_dump(mode="json", by_alias=True)


def negotiated(control: Control) -> dict[tuple[str, str], Any]:
    """What is kept of reservations: grants, leases, the labels of their paths."""
    kept = {key: value for key, value in snapshot(control.fabric).items() if key[0] in ("grant", "lease", "promised")}
    return kept | {key: value for key, value in snapshot(control.fabric).items() if key[1].startswith("path/")}


def loads(control: Control) -> Counter[tuple[str, str]]:
    """What grants add up to, by link and the platform that it leaves."""
    found = Counter[tuple[str, str]]()
    for name, grant in control.fabric.grants.items():
        spec = control.fabric.declared.reservations[name]
        at = control.fabric.declared.uplinks.get(spec.source) or control.fabric.servers[spec.source]
        platform = at.platform
        for link in grant.links:
            beyond = control.routing.known[link].other(platform)[0]
            for near in (platform, beyond) if spec.both else (platform,):
                found[link, near] += grant.rate_bps
            platform = beyond
    return found


def wanted_anew(control: Control) -> dict[str, dict[RuleKey, Rule]]:
    """The rules by the same state, read by a controller that was never there."""
    now = control.chronicle.history.now
    again = Control(restore(snapshot(control.fabric)), lambda: now)
    again.set_desired(control.fabric.desired)
    again.refresh()
    return {
        name: {key: item.rule for key, item in held.wanted.items()} for name, held in again.reconciler.switches.items()
    }


_LAX = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def test_api_store_and_switches_agree_at_every_step() -> None:
    run_state_machine_as_test(
        Changing, settings=settings(max_examples=6, stateful_step_count=20, suppress_health_check=_LAX)
    )


@pytest.mark.long
def test_api_store_and_switches_agree_over_a_thousand_steps() -> None:
    run_state_machine_as_test(
        Changing,
        settings=settings(
            max_examples=20, stateful_step_count=50, derandomize=False, print_blob=True, suppress_health_check=_LAX
        ),
    )
