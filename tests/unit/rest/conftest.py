"""The API over a small fabric, through Ryu's own web application."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ryu.app.wsgi import WSGIApplication
from webob import Request, Response

from apps.changes import Changes
from apps.reloading import Reload
from apps.rest.http import Router
from apps.rest.server import attach
from apps.views import FabricViews
from controller.control import Control
from controller.model.document import parse_document
from controller.model.spec import Document
from tests.unit.rest.declared import check_declared
from tests.unit.rest.described import described
from tests.unit.rest.fabrics import DOCUMENT, running_fabric

Ask = Callable[..., Response]


@dataclass
class Source:
    """A document's file, and a state that is kept nowhere."""

    file: Path | None

    def read_document(self) -> Document | None:
        return parse_document(self.file.read_text(encoding="utf-8"), str(self.file)) if self.file else None

    def accept(self, document: Document) -> None: ...

    def write_made(self, *_: Any) -> bool:
        return True

    def write_admin(self, *_: Any) -> bool:
        return True


@dataclass
class Api:
    """A client without a network, for whom every answer is as its route declares; `problem` checks that it is one."""

    control: Control
    source: Any
    app: Any = field(default_factory=WSGIApplication)

    def __post_init__(self) -> None:
        self.changes = Changes(self.control, self.source, lambda: None)
        reload = Reload(self.changes, self.control.alarms)
        self.views = FabricViews(self.control, reload.now, self.source, self.changes)
        attach(self.app, self.views)
        self.router: Router = self.app.registory["Entry"]

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Response:
        """A body that is no bytes is sent as JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            named.setdefault("Content-Type", "application/json")
        given = {} if body is None else {"body": body}
        response = Request.blank(path, method=method, headers=named, **given).get_response(self.app)
        check_declared(self.router, method, path, response)
        _check_described(self.router, method, path, response)
        return response

    def get(self, path: str) -> Any:
        return self._said(200, self.ask(path))

    def put(self, path: str, body: Any, status: int = 200, **headers: str) -> Any:
        return self._said(status, self.ask(f"/api/v1/{path}", "PUT", body, **headers))

    def delete(self, path: str, status: int = 200, **headers: str) -> Any:
        return self._said(status, self.ask(f"/api/v1/{path}", "DELETE", **headers))

    def problem(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Any:
        response = self.ask(path, method, body, **headers)
        assert response.content_type == "application/problem+json", response.text
        said = json.loads(response.body)
        assert said["status"] == response.status_code
        assert said.keys() >= {"type", "title", "detail", "reason"}
        return said

    def refused(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str, Mapping[str, Any]]:
        """Status, reason and the rest of a problem."""
        said = self.problem(f"/api/v1/{path}", method, body, **headers)
        return said["status"], said["reason"], said

    @staticmethod
    def _said(status: int, response: Response) -> Any:
        assert response.status_code == status, response.text
        return json.loads(response.body)


def _check_described(router: Router, method: str, path: str, response: Response) -> None:
    if response.app_iter and response.content_length is not None:
        media = str(response.content_type or "")
        described(router).check(method, path.partition("?")[0], response.status_code, media, response.body)


@pytest.fixture
def api(tmp_path: Path) -> Api:
    file = tmp_path / "lab.yaml"
    file.write_text(DOCUMENT)
    return Api(running_fabric(), Source(file))
