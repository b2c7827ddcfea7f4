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
from apps.rest.guard.listener import serve_with
from apps.rest.guard.settings import Guard
from apps.rest.http import Router
from apps.rest.listening import openflow_missing
from apps.rest.metrics import metrics_route
from apps.rest.openapi.page import describing_routes
from apps.rest.probes import probe_routes
from apps.rest.rates import rate_routes
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
    views: FabricViews,
    metrics: Metrics,
    with_tokens: bool = False,
    not_ready: Callable[[], Collection[str]] = openflow_missing,
) -> Router:
    """All routes."""
    routes = (
        *probe_routes(not_ready),
        metrics_route(metrics),
        *fabric_routes(views),
        *document_routes(views),
        *rate_routes(views),
        *resource_routes(views),
        *trace_routes(views),
        *event_routes(Listeners(views.control.chronicle.history)),
    )
    return Router((*describing_routes(routes, with_tokens), *routes))


def attach(wsgi: Any, views: FabricViews, metrics: Metrics | None = None, guard: Guard | None = None) -> None:
    """Give Ryu's web application (`WSGIApplication`) the whole API, and have it served behind its guard."""
    wsgi.mapper.connect("backplane", r"/{path:[\s\S]*}", controller=Entry)
    measured = Metrics(views.control) if metrics is None else metrics
    router = build_router(views, measured, with_tokens=guard is not None and guard.has_tokens)
    if guard is None:
        wsgi.registory[Entry.__name__] = router
    else:
        wsgi.registory[Entry.__name__] = guard.gate(router, lambda: views.control.fabric.revision)
        serve_with(guard.certificate)
