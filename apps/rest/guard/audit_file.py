"""The file of the audit log, written by a thread of its own: a full or slow disk holds nobody up.

Ryu makes `threading` green; this thread is a real one and touches only the file and the primitives below.
"""

from __future__ import annotations

import atexit
import os
from collections import deque
from pathlib import Path
from typing import Final

import eventlet.patcher

_native = eventlet.patcher.original("threading")

MOST_KEPT: Final = 100_000
"""Lines that wait for a disk that takes none; more than that are lost, the oldest first, and counted."""
_RETRY_S: Final = 1.0


class AuditFile:
    """Lines to append; `problem` says why none can be written at the moment. Raises `OSError` where it cannot be made.

    A file that was moved away (rotated) is made anew with the next line.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.problem: str | None = None
        self._handle = _open(self.path)
        self._lines: deque[bytes] = deque()
        self._written = 0
        """How much of the first line is in the file already."""
        self._lost = 0
        self._changed = _native.Condition()
        self._closing = False
        self._writer = _native.Thread(target=self._write, name="audit", daemon=True)
        self._writer.start()
        atexit.register(self.close)

    def put(self, line: str) -> None:
        """Accept a line; answers at once."""
        with self._changed:
            if len(self._lines) >= MOST_KEPT:
                self._lines.popleft()
                self._lost, self._written = self._lost + 1, 0
            self._lines.append(line.encode() + b"\n")
            self._changed.notify()

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what waits, if it can be written."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._writer.join(timeout_s)
        atexit.unregister(self.close)

    # In the thread

    def _write(self) -> None:
        while self._wait():
            self.problem = self._try()
            if self.problem and self._closing:
                return

    def _try(self) -> str | None:
        """Append a line; why that cannot be done, if so."""
        try:
            self._append()
        except OSError as problem:
            lost = f", {self._lost} lines are lost" if self._lost else ""
            return f"{self.path}: the audit log cannot be written ({problem}): it is tried again{lost}"
        return None

    def _wait(self) -> bool:
        """Wait for a line; after a failure, for some time. False: no more will come."""
        with self._changed:
            if self.problem:
                self._changed.wait_for(lambda: self._closing, _RETRY_S)
            while not self._lines and not self._closing:
                self._changed.wait()
            return bool(self._lines)

    def _append(self) -> None:
        self._reopen()
        with self._changed:
            line, start = self._lines[0], self._written
        done = os.write(self._handle, line[start:])
        with self._changed:
            self._written += done
            if self._written >= len(line) and self._lines[0] is line:
                self._lines.popleft()
                self._written = 0

    def _reopen(self) -> None:
        """Follow the name: another file of it is ours to write from now on."""
        if _identity(self.path) == _identity(self._handle):
            return
        handle = _open(self.path)
        os.close(self._handle)
        self._handle, self._written = handle, 0


def _identity(file: Path | int) -> tuple[int, int] | None:
    try:
        found = os.stat(file)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _open(path: Path) -> int:
    """To append to, readable by its owner alone."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
