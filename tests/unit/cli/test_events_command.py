"""`backplane events`: the past, what follows, and a connection that is lost."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, Any

import pytest

from apps.cli.event_stream import Reader, Received
from tests.unit.cli.conftest import TOP, Shell
from tests.waiting import wait_until


def event(number: int, kind: str = "link") -> dict[str, Any]:
    text = f"event {number}"
    return {"id": number, "time": 1.0 + number, "kind": kind, "name": "x", "what": "up", "text": text, "data": {}}


def sent(number: int, kind: str = "link") -> bytes:
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(event(number, kind))}\n\n".encode()


# Reading a stream


def test_events_come_whole_however_the_stream_is_cut() -> None:
    stream = b"retry: 2000\n\n" + sent(7) + b": alive\r\nid: 9\r\n\r\n" + "id: 10\ndata: \u00e4\ndata: b\n\n".encode()
    for size in (1, 2, 7, 1000):
        reader = Reader()
        pieces = (stream[start : start + size] for start in range(0, len(stream), size))
        assert list(reader.read(pieces)) == [
            Received("link", "7", json.dumps(event(7))),
            Received("message", "10", "\u00e4\nb"),
        ]
        assert reader.last == "10"


def test_an_event_that_is_not_complete_is_not_told() -> None:
    reader = Reader("5")
    assert list(reader.read([sent(7)[:-1]])) == []


# The command


def test_the_past_is_told_newest_last(seen: Shell) -> None:
    said = seen("events", "--kind", "link", "--last", "1")
    (line,) = said.lines
    assert " link " in line
    assert line.endswith("is up, it was down")
    told = [json.loads(line) for line in seen("events", "--json").lines]
    assert [item["id"] for item in told] == sorted(item["id"] for item in told)
    assert {"platform", "link"} <= {item["kind"] for item in told}


def test_after_tells_what_came_after_an_event(seen: Shell) -> None:
    first, second, *_ = (json.loads(line) for line in seen("events", "--json").lines)
    after = [json.loads(line) for line in seen("events", "--json", "--after", str(first["id"])).lines]
    assert after[0] == second


class Streams:
    """A server whose streams end after what is scripted; it notes from where clients want to go on."""

    def __init__(self) -> None:
        self.scripts: list[bytes] = []
        self.asked: list[str | None] = []
        self.open = threading.Event()
        streams = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                streams.asked.append(self.headers.get("Last-Event-ID"))
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                if streams.scripts:
                    self.wfile.write(streams.scripts.pop(0))
                else:
                    streams.open.wait(60)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def streams() -> Iterator[Streams]:
    made = Streams()
    yield made
    made.open.set()
    made.server.shutdown()
    made.server.server_close()


@contextlib.contextmanager
def follow(api: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    script = "from apps.cli.main import run; run()"
    command = [sys.executable, "-c", script, "--api", api, "events", "--follow", *words]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=TOP, text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def said_of(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdout, process.stderr


def test_following_goes_on_from_the_last_event_when_the_connection_is_lost(streams: Streams) -> None:
    streams.scripts = [sent(1) + sent(2), b'event: reset\nid: 8\ndata: {"lost_after":2,"oldest":9}\n\n' + sent(9)]
    with follow(streams.api, "--json") as process:
        out, err = said_of(process)
        assert [json.loads(out.readline())["id"] for _ in range(3)] == [1, 2, 9]
        wait_until(lambda: len(streams.asked) == 3, 30, "a third connection")
        process.send_signal(2)
        assert process.wait(30) == 130
        assert err.read().splitlines() == [
            "warning: the connection is lost: trying again",
            "warning: some events in between are not kept any more",
            "warning: the connection is lost: trying again",
        ]
    assert streams.asked == [None, "2", "9"]


def test_following_tells_of_a_change_as_it_is_made(owned: Shell) -> None:
    with follow(owned.api, "--last", "1") as process:
        out, _ = said_of(process)
        assert out.readline()  # the past: it listens from here on
        owned.file.write_text(owned.file.read_text().replace("      db4:", "      db5:"))
        assert owned("reload").code == 0
        told = iter(out.readline, "")
        assert " server " in next(line for line in told if "db5" in line)
        process.send_signal(2)
        assert process.wait(30) == 130


def test_following_ends_at_once_where_nobody_is() -> None:
    said = Shell("http://127.0.0.1:1")("events", "--follow")
    assert said.code == 3
