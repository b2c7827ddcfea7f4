"""Lets Ryu 4.34 run on current eventlet.

``ryu.app.wsgi`` imports ``ALREADY_HANDLED`` from ``eventlet.wsgi``, which eventlet dropped in 0.31. ``script/setup``
puts this module and a ``.pth`` line that imports it into the virtual environment. It imports nothing at start-up: a
finder waits for ``eventlet.wsgi``, completes it when it has been loaded, and is gone.

The name stands for an answer with nothing left to send. Eventlet's own websocket handler now says so by
``WSGI_LOCAL.already_handled``, which leaves an empty body for Ryu to return.
"""

from __future__ import annotations

import sys

MODULE = "eventlet.wsgi"


class Finder:
    """Finds ``eventlet.wsgi`` as the others would, once, and completes it when it has been run."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):  # type: ignore[no-untyped-def]
        """Return the module's own spec, its loader made to add the missing name; None for any other module."""
        if name != MODULE:
            return None
        sys.meta_path.remove(cls)
        spec = _first_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            _complete_after_run(spec.loader)
        return spec


def _first_spec(name, path, target):  # type: ignore[no-untyped-def]
    specs = (finder.find_spec(name, path, target) for finder in list(sys.meta_path))
    return next((spec for spec in specs if spec is not None), None)


def _complete_after_run(loader):  # type: ignore[no-untyped-def]
    run = loader.exec_module

    def exec_module(module):  # type: ignore[no-untyped-def]
        run(module)
        module.__dict__.setdefault("ALREADY_HANDLED", ())

    loader.exec_module = exec_module


def install() -> None:
    """Wait for ``eventlet.wsgi``, before any other finder, unless already waiting or too late."""
    if Finder not in sys.meta_path and MODULE not in sys.modules:
        sys.meta_path.insert(0, Finder)  # type: ignore[arg-type]


install()
