"""What the controller starts from and keeps: the document file and the state folder."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from pathlib import Path

from apps.store import Store, StoreCorrupt, StoreLocked
from controller.discovery.frames import first_counter
from controller.model.document import DocumentError, parse_document
from controller.model.fabric import Fabric
from controller.model.snapshot import Rows, document_text, kept_document, restore, snapshot
from controller.model.spec import Document

_WRITTEN_WITHIN_S = 2.0


class CannotStart(Exception):
    """There is nothing to start from; the text says why."""


class State:
    """The fabric as it was kept, with the document of now."""

    def __init__(self, folder: str, document: str | None) -> None:
        self.file = Path(document) if document else None
        self.problem: dict[str, str] = {}
        try:
            self._store = Store(folder)
        except (StoreLocked, StoreCorrupt, OSError) as problem:
            raise CannotStart(str(problem)) from problem
        self._kept: Rows = dict(self._store.load())
        self.fabric: Fabric = restore(self._kept)
        self.key = bytes.fromhex(self._once("discovery_key", secrets.token_hex(32)))
        self.counter = first_counter(int(self._kept.get(("secret", "counter"), 0)), time.time_ns())
        self._put({("secret", "counter"): self.counter})
        self._store.flush(_WRITTEN_WITHIN_S)
        if self.file:
            accepted = self._kept.get(("document", "accepted"))
            self.fabric.set_desired(replace(self.fabric.desired, file=self._first_document()))
            self.fabric.revision += self._kept.get(("document", "accepted")) != accepted

    def read_document(self) -> Document | None:
        """The document as its file has it now; raises `DocumentError` or `OSError`."""
        if self.file is None:
            return None
        document = parse_document(self.file.read_text(encoding="utf-8"), str(self.file))
        self._put({("document", "accepted"): document_text(document)})
        return document

    def keep(self, fabric: Fabric) -> None:
        """Write down what has changed; answers at once."""
        now = snapshot(fabric)
        kept = {key: value for key, value in self._kept.items() if key[0] not in ("secret", "document")}
        gone: Rows = dict.fromkeys(kept.keys() - now.keys())
        self._put({**{key: value for key, value in now.items() if kept.get(key) != value}, **gone})

    @property
    def trouble(self) -> dict[str, str]:
        """Why state cannot be kept at the moment, by folder; empty when all is well."""
        problem = self._store.problem
        return {str(self._store.folder): problem} if problem else {}

    def close(self) -> None:
        """Write what is pending and let go of the folder."""
        self._store.close()

    def _first_document(self) -> Document:
        assert self.file is not None
        try:
            document = self.read_document()
            assert document is not None
            return document
        except (DocumentError, OSError, UnicodeDecodeError) as problem:
            text = self._kept.get(("document", "accepted"))
            if text is None:
                raise CannotStart(f"{self.file}: {problem}") from problem
            self.problem = {str(self.file): f"{problem}; the last accepted copy is used"}
            return kept_document(text)

    def _once(self, name: str, value: str) -> str:
        if ("secret", name) not in self._kept:
            self._put({("secret", name): value})
        return str(self._kept["secret", name])

    def _put(self, rows: Rows) -> None:
        if not rows:
            return
        self._store.put([(kind, name, value) for (kind, name), value in rows.items()])
        for key, value in rows.items():
            if value is None:
                self._kept.pop(key, None)
            else:
                self._kept[key] = value
