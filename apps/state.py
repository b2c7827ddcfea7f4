"""What the controller starts from and keeps: the document file and the state folder."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from apps.store import Store, StoreCorrupt, StoreLocked
from controller.discovery.frames import first_counter
from controller.model.desired import Key
from controller.model.document import DocumentError, parse_document
from controller.model.fabric import AdminState, Fabric
from controller.model.snapshot import (
    Rows,
    admin_row,
    document_text,
    kept_document,
    made_row,
    restore,
    snapshot,
    spec_row,
)
from controller.model.spec import Document, Spec

_WRITTEN_WITHIN_S = 2.0
_WRITTEN_APART = ("secret", "document", "made", "admin")
_REVISION = ("fabric", "revision")


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
        return parse_document(self.file.read_text(encoding="utf-8"), str(self.file))

    def accept(self, document: Document) -> None:
        """Keep a copy of the file's document, for a start at which the file is bad."""
        self._put({("document", "accepted"): document_text(document)})

    def keep(self, fabric: Fabric) -> None:
        """Write down what has changed; answers at once. What the API asks for was written when it was asked for."""
        now = {key: value for key, value in snapshot(fabric).items() if key[0] not in _WRITTEN_APART}
        # A change that is being written down has its revision already.
        now[_REVISION] = max(fabric.revision, self._kept.get(_REVISION, 0))
        kept = {key: value for key, value in self._kept.items() if key[0] not in _WRITTEN_APART}
        gone: Rows = dict.fromkeys(kept.keys() - now.keys())
        self._put({**{key: value for key, value in now.items() if kept.get(key) != value}, **gone})

    @property
    def trouble(self) -> dict[str, str]:
        """Why state cannot be kept at the moment, by folder; empty when all is well."""
        problem = self._store.problem
        return {str(self._store.folder): problem} if problem else {}

    @property
    def problem_text(self) -> str:
        """Why state cannot be written, in words."""
        return self._store.problem or f"it took longer than {_WRITTEN_WITHIN_S:.0f} s"

    def write_made(self, made: Mapping[Key, Spec], before: Mapping[Key, Spec], revision: int) -> bool:
        """Put what the API makes on the disk before it is taken over; false, and as it was, where that fails."""
        new: Rows = {made_row(key): spec_row(spec) for key, spec in made.items() if before.get(key) != spec}
        new |= {made_row(key): None for key in before.keys() - made.keys()}
        return self._write_now({**new, _REVISION: revision})

    def write_admin(self, key: Key, state: AdminState, revision: int) -> bool:
        """Put an override on the disk before it is taken over."""
        return self._write_now({admin_row(key): None if state == "up" else state, _REVISION: revision})

    def _write_now(self, rows: Rows) -> bool:
        old: Rows = {key: self._kept.get(key) for key in rows}
        self._put(rows)
        if self._store.flush(_WRITTEN_WITHIN_S):
            return True
        self._put(old)
        return False

    def close(self) -> None:
        """Write what is pending and let go of the folder."""
        self._store.close()

    def _first_document(self) -> Document:
        assert self.file is not None
        try:
            document = self.read_document()
            assert document is not None
            self.accept(document)
            return document
        except (DocumentError, OSError, UnicodeDecodeError) as problem:
            text = self._kept.get(("document", "accepted"))
            if text is None:
                raise CannotStart(self._named(problem)) from problem
            self.problem = {str(self.file): f"{self._named(problem)}; the last accepted copy is used"}
            return kept_document(text)

    def _named(self, problem: Exception) -> str:
        """What is wrong, with the file's name once."""
        return str(problem) if str(self.file) in str(problem) else f"{self.file}: {problem}"

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
