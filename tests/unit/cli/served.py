"""A controller without switches that serves the whole API: ``python -m tests.unit.cli.served DOCUMENT file|api``.

It says its port, and serves until its input is closed. The switches are virtual: each change has settled before it is
answered.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import eventlet
import eventlet.wsgi
from ryu.app.wsgi import WSGIApplication

from apps.changes import Changes
from apps.reloading import Reload
from apps.rest.server import attach
from apps.views import FabricViews
from controller.model.desired import Desired, resources_of
from controller.model.document import parse_document
from tests.unit.rest.conftest import Source
from tests.virtual import VirtualFabric


def serve(file: Path, owner: str) -> None:
    """Serve on a free port of the loopback."""
    document = parse_document(file.read_text(encoding="utf-8"), str(file))
    fabric = VirtualFabric(document)
    if owner == "api":
        fabric.control.set_desired(Desired(None, resources_of(document)))
    fabric.start()
    source = Source(file if owner == "file" else None)
    changes = Changes(fabric.control, source, fabric.settle)
    application = WSGIApplication()
    reload = Reload(changes, fabric.control.alarms)
    attach(application, FabricViews(fabric.control, reload.now, source, changes))
    listener = eventlet.listen(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    eventlet.spawn(_end_with_input)
    eventlet.wsgi.server(listener, application, log_output=False)


def _end_with_input() -> None:
    eventlet.tpool.execute(sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2])
