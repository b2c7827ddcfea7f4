"""The command as it is typed, beside a controller without switches, or beside a server that says what it is told to."""

from __future__ import annotations

import contextlib
import io
import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from apps.cli.main import run

TOP = Path(__file__).parents[3]
EXAMPLE = TOP / "examples" / "two-chassis.yaml"


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit status."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@dataclass
class Shell:
    """Types commands for one controller."""

    api: str
    file: Path = EXAMPLE

    def __call__(self, *words: str, typed: str = "") -> Said:
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patch.setattr(sys, "argv", ["backplane", *words])
            patch.setattr(sys, "stdin", io.StringIO(typed))
            patch.setenv("BACKPLANE_API", self.api)
            with pytest.raises(SystemExit) as exited:
                run()
        assert isinstance(exited.value.code, int)
        assert "Traceback" not in err.getvalue()
        return Said(int(exited.value.code), out.getvalue(), err.getvalue())


@contextlib.contextmanager
def controller(file: Path, owner: str) -> Iterator[Shell]:
    """A controller whose document is the file's, or the API's."""
    command = [sys.executable, "-m", "tests.unit.cli.served", str(file), owner]
    with subprocess.Popen(command, cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Shell(f"http://127.0.0.1:{int(process.stdout.readline())}", file)
        finally:
            process.stdin.close()


@pytest.fixture(scope="module")
def seen() -> Iterator[Shell]:
    """A fabric to look at; its document is a file."""
    with controller(EXAMPLE, "file") as shell:
        yield shell


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[Shell]:
    """A fabric to change, file and all; its document is a file."""
    file = tmp_path / "fabric.yaml"
    file.write_text(EXAMPLE.read_text())
    with controller(file, "file") as shell:
        yield shell


@pytest.fixture
def free() -> Iterator[Shell]:
    """A fabric to change; its document came over the API."""
    with controller(EXAMPLE, "api") as shell:
        yield shell


@dataclass
class Stub:
    """Answers by method and path, what it was asked, and how to ask it."""

    shell: Shell = field(default_factory=lambda: Shell(""))
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def problem(self, what: str, status: int, reason: str, detail: str, **more: Any) -> None:
        """Refuse: ``GET /api/v1/fabric``."""
        body = {"type": "about:blank", "title": "No", "status": status, "reason": reason, "detail": detail, **more}
        self.answers[what] = (status, body)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes, str]:
        self.asked.append((method, path, headers, body))
        status, given = self.answers.get(f"{method} {path.partition('?')[0]}", (200, {"items": []}))
        kind = "application/json" if status < 300 else "application/problem+json"
        if isinstance(given, str):
            return status, given.encode(), "text/html"
        return status, json.dumps(given).encode(), kind


@pytest.fixture
def stub() -> Iterator[Stub]:
    with stubbed() as told:
        yield told


class Quiet(ThreadingHTTPServer):
    """Says nothing of clients that go away."""

    def handle_error(self, *_: Any) -> None: ...


@contextlib.contextmanager
def stubbed(context: ssl.SSLContext | None = None) -> Iterator[Stub]:
    """A stub that serves, over TLS where a context is given."""
    told = Stub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer, kind = told.answer(self.command, self.path, dict(self.headers), body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None: ...

    with Quiet(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        told.shell = Shell(f"{'https' if context else 'http'}://127.0.0.1:{server.server_address[1]}")
        yield told
        server.shutdown()
