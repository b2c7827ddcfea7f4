"""Ryu's own OpenFlow server with an application of a benchmark's, in its process."""

from __future__ import annotations

import socket
from typing import TypeVar

from ryu import cfg
from ryu.base.app_manager import AppManager, RyuApp

A = TypeVar("A", bound=RyuApp)


def listen(kind: type[A], module: str) -> tuple[A, int]:
    """Load the application of a module; the application, and the free loopback port that switches find it at."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    cfg.CONF(args=["--ofp-listen-host", "127.0.0.1", "--ofp-tcp-listen-port", str(port)], project="ryu")
    manager = AppManager.get_instance()
    manager.load_apps(["ryu.controller.ofp_handler", module])
    manager.instantiate_apps(**manager.create_contexts())
    (app,) = (app for app in manager.applications.values() if isinstance(app, kind))
    return app, port
