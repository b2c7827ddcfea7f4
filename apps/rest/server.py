"""The API inside Ryu's web server: one entry for every path, so that every answer is ours."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from ryu import cfg
from ryu.app.wsgi import ControllerBase
from webob import Request, Response

from apps.metrics import Metrics
from apps.rest.document import document_routes
from apps.rest.event_stream import Listeners
from apps.rest.events import event_routes
from apps.rest.fabric import fabric_routes
from apps.rest.http import Router
from apps.rest.listening import openflow_missing
from apps.rest.metrics import metrics_route
from apps.rest.probes import probe_routes
from apps.rest.resources import resource_routes
from apps.rest.trace import trace_routes
from apps.views import FabricViews


class Entry(ControllerBase):  # type: ignore[misc]
    """Ryu makes one for each request; `data` is the router."""

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        return self.data(request)


def listen_on_loopback() -> None:
    """Let the API listen on 127.0.0.1, not on all addresses as Ryu has it, unless ``--wsapi-host`` says otherwise."""
    cfg.CONF.set_default("wsapi_host", "127.0.0.1")


def build_router(
    views: FabricViews, metrics: Metrics, not_ready: Callable[[], Collection[str]] = openflow_missing
) -> Router:
    """All routes."""
    return Router(
        (
            *probe_routes(not_ready),
            metrics_route(metrics),
            *fabric_routes(views),
            *document_routes(views),
            *resource_routes(views),
            *trace_routes(views),
            *event_routes(Listeners(views.control.chronicle.history)),
        )
    )


def attach(wsgi: Any, views: FabricViews, metrics: Metrics | None = None) -> None:
    """Give Ryu's web application (`WSGIApplication`) the whole API."""
    wsgi.mapper.connect("backplane", r"/{path:[\s\S]*}", controller=Entry)
    wsgi.registory[Entry.__name__] = build_router(views, Metrics(views.control) if metrics is None else metrics)
