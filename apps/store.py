"""The state folder: rows of JSON values in SQLite, written by a thread of its own so that no event waits for a disk.

What `put` accepts is held in memory until it is on the disk, in the order of the calls: a commit always
holds whole calls. `flush` waits for it.

Ryu makes `threading` green; this thread is a real one, and touches only the database and the primitives below
(no logging: its locks are green).
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias

import eventlet.patcher
from sqlalchemy import Column, Connection, Engine, MetaData, Table, Text, create_engine, event, select, text
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

_native = eventlet.patcher.original("threading")

Key: TypeAlias = tuple[str, str]
Row: TypeAlias = tuple[str, str, Any]

_VERSION: Final = 1
_RETRY_S: Final = 1.0
_POLL_S: Final = 0.002
_ROWS = Table(
    "state",
    MetaData(),
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)


class StoreLocked(Exception):
    """Another controller uses the state folder; the text names both."""


class StoreCorrupt(Exception):
    """The state cannot be read, or is of a newer program; the text says what to do."""


class Store:
    """The rows of one state folder, which it locks until `close` or the end of the process.

    Raises `StoreLocked`, `StoreCorrupt`, or `OSError` where the folder cannot be used at all.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _lock(self.folder)
        try:
            self._engine = _open(self.folder / "state.db")
            self._rows = _read(self._engine, self.folder / "state.db")
        except BaseException:
            os.close(self._lock)
            raise
        self.problem: str | None = None
        """Why nothing can be written at the moment; what was put is kept in memory and tried again."""
        self._changed = _native.Condition()
        self._pending: dict[Key, str | None] = {}
        self._accepted = self._durable = 0
        self._closing = False
        self._writer = _native.Thread(target=self._write, name="store", daemon=True)
        self._writer.start()
        atexit.register(self.close)

    def load(self) -> dict[Key, Any]:
        """All rows as they were when the folder was opened, by kind and name."""
        return {key: json.loads(value) for key, value in self._rows.items()}

    def put(self, rows: Iterable[Row]) -> int:
        """Accept rows to be written, all or none; a value of None deletes. Answers at once.

        Returns a ticket for `flush`. Raises `TypeError` for a value that JSON cannot hold.
        """
        encoded = {(kind, name): None if value is None else json.dumps(value) for kind, name, value in rows}
        with self._changed:
            self._pending.update(encoded)
            self._accepted += 1
            self._changed.notify()
            return self._accepted

    def is_durable(self, ticket: int) -> bool:
        """Whether what a `put` accepted is on the disk."""
        return self._durable >= ticket

    def flush(self, timeout_s: float, ticket: int | None = None) -> bool:
        """Wait until a `put` (by default the last one) is on the disk; false where it is not in time.

        Other greenlets run meanwhile, so an answer can wait for its change.
        """
        wanted = self._accepted if ticket is None else ticket
        deadline = time.monotonic() + timeout_s
        while not self.is_durable(wanted):
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def close(self, timeout_s: float = 5.0) -> bool:
        """Write what is pending and let go of the folder; false where something could not be written in time."""
        if self._closing:
            return self._durable == self._accepted
        done = self.flush(timeout_s)
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._writer.join(timeout_s)
        os.close(self._lock)
        atexit.unregister(self.close)
        return done

    # In the thread

    def _write(self) -> None:
        while self._wait():
            with self._changed:
                batch, self._pending, ticket = self._pending, {}, self._accepted
            try:
                _commit(self._engine, batch)
            except Exception as problem:  # whatever it is, the rows must not be lost
                self._take_back(batch, problem)
            else:
                self._durable, self.problem = ticket, None
        self._engine.dispose()

    def _wait(self) -> bool:
        """Wait for something to write; after a failure, for some time. False: no more will come."""
        with self._changed:
            if self.problem and not self._closing:
                self._changed.wait_for(lambda: self._closing, _RETRY_S)
            while self._durable == self._accepted and not self._closing:
                self._changed.wait()
            return not self._closing

    def _take_back(self, batch: dict[Key, str | None], problem: Exception) -> None:
        cause = getattr(problem, "orig", None) or problem
        with self._changed:
            self._pending = {**batch, **self._pending}
            self.problem = f"{self.folder}: state cannot be written ({cause}): it is kept in memory and tried again"
        self._engine.dispose()


def _lock(folder: Path) -> int:
    """Take the folder; the kernel gives it free when this process ends, however it ends."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise StoreLocked(
            f"{folder} is in use by another controller (process {holder}): expected a state folder for each"
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def _open(file: Path) -> Engine:
    """The database, readable by its owner alone: it holds a key. SQLite gives its other files the same mode."""
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    os.chmod(file, 0o600)
    options = {"check_same_thread": False, "timeout": 0}
    engine = create_engine(f"sqlite:///{file}", poolclass=StaticPool, connect_args=options)
    event.listen(engine, "connect", _configure)
    return engine


def _configure(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _read(engine: Engine, file: Path) -> dict[Key, str]:
    try:
        with engine.begin() as connection:
            _check(connection, file)
            _ROWS.metadata.create_all(connection)
            connection.execute(text(f"PRAGMA user_version={_VERSION}"))
            return {(row.kind, row.name): row.value for row in connection.execute(select(_ROWS))}
    except (DBAPIError, sqlite3.Error) as problem:
        cause = getattr(problem, "orig", problem)
        if isinstance(cause, sqlite3.OperationalError):
            raise OSError(f"{file} cannot be used: {cause}") from problem
        raise _damaged(file, str(cause)) from problem


def _check(connection: Connection, file: Path) -> None:
    version = connection.execute(text("PRAGMA user_version")).scalar_one()
    if version > _VERSION:
        raise StoreCorrupt(f"{file} was written by a newer program (version {version}): expected {_VERSION} at most")
    verdict = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
    if verdict != "ok":
        raise _damaged(file, verdict)


def _damaged(file: Path, why: str) -> StoreCorrupt:
    return StoreCorrupt(
        f"{file} is damaged ({why}): put a good copy in its place, or move it and its -wal and -shm files away "
        "to start with nothing learned or allotted"
    )


def _commit(engine: Engine, batch: dict[Key, str | None]) -> None:
    upserts = [{"kind": k, "name": n, "value": value} for (k, n), value in batch.items() if value is not None]
    gone = [{"k": kind, "n": name} for (kind, name), value in batch.items() if value is None]
    with engine.begin() as connection:
        if upserts:
            statement = insert(_ROWS)
            keep = {"value": statement.excluded.value}
            connection.execute(statement.on_conflict_do_update(index_elements=["kind", "name"], set_=keep), upserts)
        if gone:
            connection.execute(text("DELETE FROM state WHERE kind = :k AND name = :n"), gone)
