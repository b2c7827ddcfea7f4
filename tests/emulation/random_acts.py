"""Things that happen at random to a lab, and what must be so when it has settled."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Any

import networkx as nx
from edits import free_port, with_cost, with_new_server, with_server
from experiments.reachability import endpoints_of
from fabric_api import ApiError
from lab import Lab
from prober import probe

from controller.model.document import dump_document
from controller.model.spec import Document, ServerSpec
from tests.emulation.adopted import Caught, Ears
from tests.emulation.leftover import differing
from tests.waiting import wait_until

SETTLED_S = 45.0
QUIET_S = 1.0
TIMES = 5
"""One frame may pass one interface so often in a quiet second: kernels ask again. A loop makes it thousands."""
FRAMES_PER_S = 5_000
"""All that one trunk may send at any time: probes of all pairs, BFD, discovery. A loop sends some 100,000."""


class RandomActs:
    """Does one thing at a time to a lab, the same for the same seed; `story` tells what was done."""

    def __init__(self, lab: Lab, seed: int) -> None:
        self.lab, self.seed, self.story = lab, seed, list[str]()
        self._random = Random(seed)
        self._failed: dict[str, str] = {}
        self._dark: set[str] = set()
        self._watched: set[str] = set()
        """Links that BFD has watched since the fabric was last at rest."""
        self._running = True
        self._more = 0
        self._sent, self._read_at = self._counters(), time.monotonic()

    # What happens

    def act(self) -> None:
        """One thing, of those that can happen now."""
        acts: list[Callable[[], str]] = [self._change_cost, self._change_server, self._move_server, self._add_server]
        acts += [self._kill if self._running else self._start] * 2
        acts += [self._fail_link] * 3 if len(self._failed) < 2 else []
        acts += [self._mend_link] * 3 if self._failed else []
        acts += [self._remove_server] if self._more else []
        acts += [self._restore_platform] * 3 if self._dark else [self._fail_platform]
        self.story.append("")
        self.story[-1] = self._random.choice(acts)()
        self.count_frames()

    def _pick(self, among: Any) -> str:
        return str(self._random.choice(sorted(among)))

    def _fail_link(self) -> str:
        """In silence only where BFD watches already: nobody could know of it elsewhere."""
        name = self._pick(self.lab.document.links.keys() - self._failed.keys())
        how = self._random.choice(("carrier", "silent", "one-way") if name in self._watched else ("carrier",))
        self.lab.fail_link(name, how)  # type: ignore[arg-type]
        self._watched.discard(name)
        self._failed[name] = how
        return f"{name} fails: {how}"

    def _mend_link(self) -> str:
        name = self._pick(self._failed)
        self.lab.mend_link(name)
        del self._failed[name]
        return f"{name} is mended"

    def _fail_platform(self) -> str:
        name = self._pick(self.lab.document.platforms)
        self.lab.fail_platform(name)
        self._dark.add(name)
        self._watched = {link for link in self._watched if self._works(link)}
        return f"{name} loses power"

    def _restore_platform(self) -> str:
        name = self._dark.pop()
        self.lab.restore_platform(name)
        return f"{name} has power again"

    def _kill(self) -> str:
        self.lab.kill_controller()
        self._running = False
        return "the controller is killed"

    def _start(self) -> str:
        self.lab.start_controller()
        self._running = True
        return "the controller starts"

    def _change_cost(self) -> str:
        name, cost = self._pick(self.lab.document.links), self._random.randint(1, 3)
        self._rewrite(with_cost(self.lab.document, name, cost))
        return f"{name} costs {cost}"

    def _change_server(self) -> str:
        """Another limit of what one may flood."""
        name, storm = self._pick(self.lab.document.servers), self._random.randint(500, 900)
        self._rewrite(with_server(self.lab.document, name, storm=storm))
        return f"{name} may flood {storm}/s"

    def _move_server(self) -> str:
        name = self._pick(self._here())
        home = self._pick(self.lab.document.platforms.keys() - self._dark)
        self.lab.move_server(name, home, free_port(self.lab.document, home))
        self._rewrite(self.lab.document)
        return f"{name} moves to {home}"

    def _add_server(self) -> str:
        """Under an address that nobody had before: others may remember for a while who had it."""
        self._more += 1
        name = f"more{self._more}"
        like = self._pick(n for n, s in self._here().items() if not n.startswith("more"))
        document = with_new_server(self.lab.document, name, like=like)
        subnet = int(self.lab.document.servers[like].ip[0]) & ~0xFF
        address = ip_address(subnet + 100 + self._more)
        spec = with_server(document, name, ip=(address,)).servers[name]
        self.lab.add_server(name, spec)
        self._rewrite(self.lab.document)
        return f"{name} comes, like {like}"

    def _here(self) -> dict[str, ServerSpec]:
        """Servers on platforms with power."""
        return {name: spec for name, spec in self.lab.document.servers.items() if spec.platform not in self._dark}

    def _remove_server(self) -> str:
        gone = [name for name in self._here() if name.startswith("more")]
        if not gone:
            return "nobody goes"
        name = self._pick(gone)
        self.lab.remove_server(name)
        self._rewrite(self.lab.document)
        return f"{name} goes"

    def _rewrite(self, document: Document) -> None:
        self.lab.wiring.document = document
        if self._running:
            wait_until(self._answers, 20, "the controller's API does not answer")
            self.lab.rewrite(dump_document(document))
        elif self.lab.file:
            self.lab.file.write_text(dump_document(document))

    def _answers(self) -> bool:
        """A controller that has only begun to start would die of a signal."""
        return self._ask("/fabric") is not None

    # What must be so

    def settle(self) -> None:
        """Wait until the fabric is at rest and its bridges hold what they should; then look at all of it."""
        if not self._running:
            self.story.append(self._start())
        last: list[str] = []

        def settled() -> bool:
            last[:] = self._open_points()
            return not last

        try:
            wait_until(settled, SETTLED_S, "it does not come to rest")
        except AssertionError as problem:
            raise AssertionError(f"{problem}: {last}; {self.said()}") from None
        self._watched = {name for name in self.lab.document.links if self._works(name)}
        self.count_frames()
        self._assert_all_reach()
        self._assert_quiet()

    def _open_points(self) -> list[str]:
        fabric, links = self._ask("/fabric"), self._ask("/links")
        if not fabric or not links:
            return ["no answer"]
        status = fabric["status"]
        points = [] if status["converged"] else ["not converged"]
        points += [] if set(status["absent"]) == self._dark else [f"absent: {status['absent']}"]
        states = {item["name"]: item["status"] for item in links["items"]}
        points += [
            f"{name}: {found['state']}" for name, found in states.items() if not self._is_as_it_should(name, found)
        ]
        lit = self.lab.document.platforms.keys() - self._dark
        return points or differing(self.lab, lit)

    def _is_as_it_should(self, name: str, status: dict[str, Any]) -> bool:
        """Links that work are up, in use, and watched by BFD; the others are not up."""
        if not self._works(name):
            return bool(status["state"] != "up")
        watched = all(end["bfd"] == "up" for end in status["ends"])
        return status["state"] == "up" and not status["waits"] and watched

    def _works(self, name: str) -> bool:
        ends = {end.partition(".")[0] for end in self.lab.document.links[name].ends}
        return name not in self._failed and ends.isdisjoint(self._dark)

    def _ask(self, path: str) -> Any:
        try:
            return self.lab.api(path)
        except ApiError:
            return None

    def _assert_all_reach(self) -> None:
        """Each pair with a way, once, in each IP version."""
        graph: nx.Graph[str] = nx.Graph()
        graph.add_nodes_from(self.lab.document.platforms.keys() - self._dark)
        for name, link in self.lab.document.links.items():
            if self._works(name):
                graph.add_edge(*(end.partition(".")[0] for end in link.ends))
        servers = self.lab.document.servers
        endpoints = [each for each in endpoints_of(self.lab) if servers[each.name].platform in graph]
        for version in (4, 6):
            wrong = []
            for (one, other), found in probe(endpoints, version, rounds=2, patience_s=4).items():
                names = endpoints[one].name, endpoints[other].name
                has_way = nx.has_path(graph, *(servers[name].platform for name in names))
                if found.duplicates or (has_way and found.lost):
                    wrong.append(f"{' to '.join(names)}: {found}")
            assert not wrong, f"IPv{version}: {wrong[:6]} of {len(wrong)}; {self.said()}"
        self.count_frames()

    def _assert_quiet(self) -> None:
        """Nobody sends: what is on the trunks is the fabric's own, and a little talk of kernels."""
        trunks = self._trunks(working=True)
        if not trunks:
            return
        with Ears(trunks) as ears:
            until = time.monotonic() + QUIET_S
            wait_until(lambda: time.monotonic() >= until, QUIET_S + 5, "no time passes")
        assert any(caught.ours for caught in ears.caught), "nothing is heard at all"
        times = Counter((caught.interface, _payload(caught)) for caught in ears.caught if not caught.ours)
        worst = times.most_common(1)
        assert not worst or worst[0][1] <= TIMES, f"{worst}; {self.said()}"

    def count_frames(self) -> None:
        """At no time does a trunk carry what only a loop makes."""
        sent, now = self._counters(), time.monotonic()
        most = max((sent[name] - self._sent.get(name, 0), name) for name in sent)
        assert most[0] <= FRAMES_PER_S * (now - self._read_at + 1), (
            f"{most} in {now - self._read_at:.1f} s; {self.said()}"
        )
        self._sent, self._read_at = sent, now

    def _trunks(self, working: bool = False) -> list[str]:
        names = (name for name in self.lab.document.links if not working or self._works(name))
        cables = (self.lab.wiring.cables[name] for name in names)
        return [interface for cable in cables for interface in (cable.intf1.name, cable.intf2.name)]

    def _counters(self) -> dict[str, int]:
        statistics = {name: Path(f"/sys/class/net/{name}/statistics/tx_packets") for name in self._trunks()}
        return {name: int(file.read_text()) for name, file in statistics.items()}

    def said(self) -> str:
        """The seed and all that was done."""
        return f"seed {self.seed}, {len(self.story)} acts: " + "; ".join(self.story[-30:])


def _payload(caught: Caught) -> bytes:
    """A frame without its tags."""
    frame, place = caught.frame, 12
    while frame[place : place + 2] == b"\x81\x00":
        place += 4
    return frame[:12] + frame[place:]
