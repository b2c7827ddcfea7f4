"""Links come and go, servers move, the document is edited, under a probe every millisecond between the others.

    .venv/bin/python mininet/lab.py DOCUMENT --experiment changes [--json FILE] [--plot FILE]

Between servers that are not unplugged themselves nothing may be lost or come twice, and rules that have nothing to do
with a change stay as they are. Exit status 1 otherwise. It works on a lab of its own, made of the same document.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import networkx as nx
from edits import free_port, with_cost, with_link, with_new_server, with_server, with_trunk, without_link
from report import CONSOLE, verdict, write_json
from step_report import as_json, plot, show
from steps import Flow, Outcome, Step, await_link, measure, rewrite, usual_flows

from controller.model.document import dump_document
from controller.model.spec import Document, link_name

if TYPE_CHECKING:
    from lab import Lab

_RESULT = Path("results/changes.json")
_PLOT = Path("results/changes.png")
_MOMENTS_S = (0.03, 0.06)
"""When the controller is killed after it was told of a change: one takes it some 0.3 s."""
_STORM = 10_000
"""A flooded stream of 1,000/s is not to meet the storm control."""


def run(lab: Lab, arguments: list[str]) -> int:
    """The experiment; the exit status."""
    options = _options(arguments)
    if not lab.document.links:
        verdict(False, "the document has no link: nothing to change")
        return 1
    with CONSOLE.status("building a lab whose document may change"):
        own = type(lab)(dump_document(lab.document.model_copy(update={"storm": _STORM})))
        own.__enter__()
    with own:
        outcomes = outcomes_of(own)
    show("Changes elsewhere, under a probe every millisecond", outcomes)
    write_json(options.json, as_json(lab.document.fabric, outcomes))
    plot("What a change elsewhere costs", outcomes, options.plot)
    bad = [outcome.step.title for outcome in outcomes if not is_good(outcome)]
    verdict(not bad, f"lost, doubled or rewritten: {', '.join(bad)}" if bad else "nothing lost between the others")
    return 1 if bad else 0


def is_good(outcome: Outcome) -> bool:
    """Nothing lost between the others, nothing twice, and no rule put in again that was there."""
    return outcome.others.clean and not outcome.result.duplicated and not outcome.rules.rewritten


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="changes", description="Change things elsewhere under a stream.")
    parser.add_argument("--json", type=Path, default=_RESULT, help=f"where the result goes ({_RESULT})")
    parser.add_argument("--plot", type=Path, default=_PLOT, help=f"where the picture goes ({_PLOT})")
    return parser.parse_args(arguments)


def outcomes_of(lab: Lab) -> list[Outcome]:
    """Do all steps, one after the other."""
    changes = Changes(lab)
    return [measure(lab, changes.flows(step), step) for step in changes.steps()]


class Changes:
    """The steps, for whatever fabric has a link and two servers besides the one that is moved."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.mover = list(lab.document.servers)[1]
        self._flows = usual_flows(lab.document, spared=[self.mover])
        self.used, link = next(iter(lab.document.links.items()))
        self._link = link
        self.platforms = [end.split(".")[0] for end in link.ends]
        self.extra = link_name(*(f"{platform}.extra" for platform in self.platforms))

    def steps(self) -> list[Step]:
        """All, in order: what one adds a later one removes."""
        moves = (Step("a server moved", self.move_away, self.mover), Step("and back", self.move_home, self.mover))
        acts = {**self._link_acts(), **(self._used_link_acts() if self._has_detour() else {}), **self._server_acts()}
        return [*(Step(title, act) for title, act in acts.items()), *moves]

    def _link_acts(self) -> dict[str, Callable[[], None]]:
        return {
            "link added: declared, then cabled": self.add_link,
            "its cost raised": lambda: rewrite(self.lab, with_cost(self.lab.document, self.extra, 10)),
            "its cost lowered": lambda: rewrite(self.lab, self.lab.document),
            "link removed: document, then cable": lambda: self.remove_link(self.extra),
            "link added: cabled, then declared": self.cable_then_declare,
            "the same link removed": lambda: self.remove_link(self.extra),
        }

    def _used_link_acts(self) -> dict[str, Callable[[], None]]:
        return {
            "a link in use removed": lambda: self.remove_link(self.used),
            "and put back": self.put_back,
            "controller killed as a link goes": lambda: self.change_and_kill(self._without_used(), _MOMENTS_S[0]),
            "controller killed as it comes": lambda: self.change_and_kill(self.lab.document, _MOMENTS_S[1]),
        }

    def _server_acts(self) -> dict[str, Callable[[], None]]:
        return {
            "an unrelated server's address changed": self.change_address,
            "and changed back": lambda: rewrite(self.lab, self.lab.document),
            "a server added": self.add_server,
            "and removed": self.remove_server,
        }

    def _has_detour(self) -> bool:
        """Whether the fabric hangs together without the link in use."""
        joined: nx.MultiGraph[str] = nx.MultiGraph()
        for name, link in self.lab.document.links.items():
            joined.add_edge(*(end.split(".")[0] for end in link.ends), key=name)
        joined.remove_edge(*self.platforms, key=self.used)
        return bool(nx.has_path(joined, *self.platforms))

    def flows(self, step: Step) -> list[Flow]:
        """The usual streams, and one to the server that is unplugged."""
        if step.concerns is None:
            return self._flows
        servers = self.lab.document.servers
        segment = servers[self.mover].segment
        others = [name for name, spec in servers.items() if spec.segment == segment and name != self.mover]
        return [*self._flows, Flow(others[-1], self.mover)]

    # Links

    def _with_extra(self) -> Document:
        document = self.lab.document
        for platform in self.platforms:
            if "extra" not in document.platforms[platform].trunks:
                document = with_trunk(document, platform, "extra")
        return with_link(document, *(f"{platform}.extra" for platform in self.platforms))

    def _plug(self, document: Document) -> None:
        ends = {end: document.platforms[end.split(".")[0]].trunks["extra"] for end in document.links[self.extra].ends}
        self.lab.add_link(document.links[self.extra], ends)

    def add_link(self) -> None:
        """The document first, then the cable."""
        document = self._with_extra()
        rewrite(self.lab, document)
        self._plug(document)
        await_link(self.lab, self.extra, up=True)

    def cable_then_declare(self) -> None:
        """The cable first, then the document."""
        document = self._with_extra()
        self._plug(document)
        rewrite(self.lab, document)
        await_link(self.lab, self.extra, up=True)

    def remove_link(self, name: str) -> None:
        """The document first, then the cable."""
        rewrite(self.lab, without_link(self.lab.document, name))
        self.lab.remove_link(name)
        self.lab.wait_converged()

    def put_back(self) -> None:
        """The cable first, then the document."""
        self.lab.add_link(self._link)
        rewrite(self.lab, self.lab.document)
        await_link(self.lab, self.used, up=True)

    def _without_used(self) -> Document:
        return without_link(self.lab.document, self.used)

    def change_and_kill(self, document: Document, after_s: float) -> None:
        """Give the controller a document, kill it so long after, and start it again."""
        self.lab.rewrite(dump_document(document))
        time.sleep(after_s)
        self.lab.kill_controller()
        self.lab.start_controller()
        self.lab.wait_converged()

    # Servers

    def change_address(self) -> None:
        """The document has another address for a server that nobody probes."""
        address = self.lab.document.servers[self.mover].ip[0] + 100
        rewrite(self.lab, with_server(self.lab.document, self.mover, ip=(address,)))

    def add_server(self) -> None:
        """One more server: declared, then plugged in."""
        document = with_new_server(self.lab.document, "newcomer", like=self.mover)
        rewrite(self.lab, document)
        self.lab.add_server("newcomer", document.servers["newcomer"])

    def remove_server(self) -> None:
        """Unplugged, then taken out of the document."""
        self.lab.remove_server("newcomer")
        rewrite(self.lab, self.lab.document)

    def move_away(self) -> None:
        """Unplugged here, plugged in there, and the document told."""
        here = self.lab.document.servers[self.mover]
        self._home = (here.platform, here.port)
        there = next(platform for platform in self.platforms if platform != here.platform)
        self._move(there, free_port(self.lab.document, there))

    def move_home(self) -> None:
        """And back."""
        self._move(*self._home)

    def _move(self, platform: str, port: int) -> None:
        self.lab.move_server(self.mover, platform, port)
        rewrite(self.lab, self.lab.document)
