"""Random changes of a running fabric, over its document and over the API, away from what is watched."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias

from churn_site import Site
from edits import (
    free_port,
    with_cost,
    with_link,
    with_new_server,
    with_segment,
    with_server,
    without_link,
    without_segment,
    without_server,
)
from fabric_api import ApiError

from controller.model.document import dump_document
from controller.model.spec import Document, link_name

if TYPE_CHECKING:
    from lab import Lab

Ask: TypeAlias = Callable[[], None]
_GUEST, _GUESTS = "/servers/guest", "/segments/guests"


@dataclass(frozen=True)
class Change:
    """`ask` returns when the change was asked for, or the controller died of it."""

    title: str
    ask: Ask


class Churn:
    """Changes to the fabric of a lab, one at a time; the same for the same seed."""

    def __init__(self, lab: Lab, site: Site, seed: int) -> None:
        self._lab, self._site, self._random = lab, site, Random(seed)
        self._first = self.document = lab.document
        self._home = site.far[0] if site.far else site.near[0]
        watched = {name for flow in site.flows(lab.document) for name in (flow.source, flow.target)}
        servers = lab.document.servers.items()
        self._model = next(name for name, spec in servers if spec.platform == self._home and name not in watched)
        self._answered: dict[str, Any] = {}

    def next(self) -> Change:
        """The next change."""
        acts = self._acts()
        title = self._random.choice(list(acts))
        return Change(title, acts[title])

    def _acts(self) -> dict[str, Ask]:
        links: dict[str, Ask] = {
            "document: link": self._link,
            "document: cost": self._cost,
            "API: link's admin": partial(self._admin, f"/links/{self._site.spare}/admin", ("up", "drain", "down")),
        }
        platforms = {"API: platform's admin": self._platform} if self._site.far else {}
        return {
            "document: server": self._server,
            "document: address": self._address,
            "document: segment": self._segment,
            "API: server": partial(self._toggle, _GUEST, self._guest),
            "API: server's port": lambda: self._put(_GUEST, self._guest()),
            "API: segment": partial(self._toggle, _GUESTS, dict),
            **(links if self._site.spare else {}),
            **platforms,
        }

    # The document

    def _rewrite(self, document: Document) -> None:
        self.document = document
        with suppress(RuntimeError, ProcessLookupError):  # killed before it was told: it reads the file as it starts
            self._lab.rewrite(dump_document(document))

    def _server(self) -> None:
        if "newcomer" in self.document.servers:
            self._rewrite(without_server(self.document, "newcomer"))
        else:
            self._rewrite(with_new_server(self.document, "newcomer", like=self._model))

    def _address(self) -> None:
        first, *others = self._first.servers[self._model].ip
        at_first = self.document.servers[self._model].ip[0] == first
        address = first + self._random.randrange(100, 200) if at_first else first
        self._rewrite(with_server(self.document, self._model, ip=(address, *others)))

    def _segment(self) -> None:
        if "annex" in self.document.segments:
            self._rewrite(without_segment(self.document, "annex"))
        else:
            self._rewrite(with_segment(self.document, "annex", {self._home, self._site.near[0]}))

    def _link(self) -> None:
        ends = self._site.extra_ends(self._first)
        assert ends is not None
        name = link_name(*ends)
        there = name in self.document.links
        self._rewrite(without_link(self.document, name) if there else with_link(self.document, *ends))

    def _cost(self) -> None:
        assert self._site.spare is not None
        self._rewrite(with_cost(self.document, self._site.spare, self._random.choice((1, 2, 5))))

    # The API

    def _guest(self) -> dict[str, Any]:
        port = free_port(self._first, self._home) + 10 + self._random.randrange(5)
        return {"platform": self._home, "port": port, "segment": self._first.servers[self._model].segment}

    def _toggle(self, path: str, body: Callable[[], Any]) -> None:
        if self._is_made(path):
            self._asked(path, None, partial(self._lab.fabric_api.delete, path))
        else:
            self._put(path, body())

    def _is_made(self, path: str) -> bool:
        with suppress(ApiError):
            return bool(self._lab.api(path)["origin"] == "api")
        return False

    def _put(self, path: str, body: dict[str, Any]) -> None:
        self._asked(path, body, partial(self._lab.fabric_api.put, path, body))

    def _admin(self, path: str, states: tuple[str, ...]) -> None:
        self._put(path, {"state": self._random.choice(states)})

    def _platform(self) -> None:
        self._admin(f"/platforms/{self._random.choice(self._site.far)}/admin", ("up", "drain"))

    def _asked(self, path: str, wanted: Any, ask: Callable[[], Any]) -> None:
        """What is not answered may be so or not; what is answered stays so."""
        self._answered.pop(path, None)
        with suppress(ApiError):
            ask()
            self._answered[path] = wanted

    def forgotten(self) -> list[str]:
        """What the API has answered and does not have any more."""
        return [path for path, wanted in self._answered.items() if not self._has(path, wanted)]

    def _has(self, path: str, wanted: Any) -> bool:
        try:
            found = self._lab.api(path)
        except ApiError:
            return wanted is None
        spec = found.get("spec", found)
        return wanted is not None and all(spec.get(name) == value for name, value in wanted.items())

    def undo(self) -> None:
        """Take back what was asked for over the API; what the document says stays."""
        for path in (_GUEST, _GUESTS):
            with suppress(ApiError):
                self._lab.fabric_api.delete(path)
        paths = [f"/platforms/{name}/admin" for name in self._site.far]
        for path in [*paths, *([f"/links/{self._site.spare}/admin"] if self._site.spare else [])]:
            self._lab.fabric_api.put(path, {"state": "up"})
        self._answered.clear()
