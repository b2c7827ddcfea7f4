"""The metrics, where Prometheus looks for them."""

from __future__ import annotations

from webob import Response

from apps.metrics import TEXT, Metrics
from apps.rest.http import Call, Route
from apps.rest.routes import Answer


def metrics_route(metrics: Metrics) -> Route:
    """``/metrics``."""

    def answer(_: Call) -> Response:
        return Response(body=metrics.scrape(), content_type=TEXT, charset="utf-8")

    answers = {200: Answer(str, "the metrics")}
    return Route("GET", "/metrics", "What is measured, for Prometheus", answer, media=(TEXT,), answers=answers)
