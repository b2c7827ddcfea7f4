"""The API over a small fabric, through Ryu's own web application."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ryu.app.wsgi import WSGIApplication
from webob import Request, Response

from apps.rest.server import attach
from apps.views import FabricViews
from controller.control import Control
from controller.model.document import parse_document
from tests.unit.rest.fabrics import DOCUMENT, running_fabric

Ask = Callable[..., Response]


@dataclass
class Source:
    """A document's file."""

    file: Path | None


@dataclass
class Api:
    """A client without a network; `problem` also checks that it is one."""

    control: Control
    source: Source
    app: Any = field(default_factory=WSGIApplication)

    def __post_init__(self) -> None:
        attach(self.app, FabricViews(self.control, self._reload, self.source))

    def _reload(self) -> None:
        assert self.source.file is not None
        text = self.source.file.read_text(encoding="utf-8")
        self.control.set_document(parse_document(text, str(self.source.file)))

    def ask(self, path: str, method: str = "GET", **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Request.blank(path, method=method, headers=named).get_response(self.app)

    def get(self, path: str) -> Any:
        response = self.ask(path)
        assert response.status_code == 200, response.text
        return json.loads(response.body)

    def problem(self, path: str, method: str = "GET", **headers: str) -> Any:
        response = self.ask(path, method, **headers)
        assert response.content_type == "application/problem+json"
        body = json.loads(response.body)
        assert body["status"] == response.status_code
        assert body.keys() >= {"type", "title", "detail", "reason"}
        return body


@pytest.fixture
def api(tmp_path: Path) -> Api:
    file = tmp_path / "lab.yaml"
    file.write_text(DOCUMENT)
    return Api(running_fabric(), Source(file))
