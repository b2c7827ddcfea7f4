"""The API behind its guard, without a network; and the controller as it is launched, with one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from webob import Request, Response

from apps.rest.guard.settings import ApiSettings, Guard
from apps.rest.tokens import make_token
from tests.unit.rest.conftest import Api
from tests.unit.rest.test_server import TOP, free_port
from tests.waiting import wait_until


@dataclass
class Guarded:
    """A client of a guarded API, at an address."""

    api: Api
    guard: Guard
    address: str = "192.0.2.7"
    tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.gate = self.guard.gate(self.api.router, lambda: self.api.control.fabric.revision)

    def ask(
        self, path: str, method: str = "GET", token: str | None = None, body: bytes | None = None, **headers: str
    ) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            named["Authorization"] = f"Bearer {self.tokens.get(token, token)}"
        given = {} if body is None else {"body": body}
        request = Request.blank(path, {"REMOTE_ADDR": self.address}, method=method, headers=named, **given)
        return self.gate(request)

    def reason(self, *args: Any, **given: Any) -> tuple[int, str | None]:
        """The status, and the reason of a problem."""
        response = self.ask(*args, **given)
        return response.status_code, json.loads(response.body)["reason"] if "problem" in response.content_type else None


def write_tokens(folder: Path, **scopes: Any) -> tuple[Path, dict[str, str]]:
    """A file with a token for each name, and the tokens."""
    made = {name: make_token(name, scope) for name, scope in scopes.items()}
    file = folder / "tokens"
    file.write_text("# who may use the API\n\n" + "".join(f"{line}\n" for _, line in made.values()))
    file.chmod(0o600)
    return file, {name: token for name, (token, _) in made.items()}


@pytest.fixture
def open_api(api: Api) -> Guarded:
    """As on the loopback, where nobody needs a token."""
    return Guarded(api, Guard(ApiSettings()))


@pytest.fixture
def closed_api(api: Api, tmp_path: Path) -> Guarded:
    """With tokens."""
    file, tokens = write_tokens(tmp_path, reader="read", writer="write")
    return Guarded(api, Guard(ApiSettings(tokens=str(file))), tokens=tokens)


@dataclass
class Launched:
    """A controller that runs."""

    process: subprocess.Popen[bytes]
    log: Path
    api_port: int
    openflow_port: int

    def get(self, path: str, scheme: str = "http", **options: Any) -> requests.Response:
        return requests.get(f"{scheme}://127.0.0.1:{self.api_port}{path}", timeout=10, **options)


@contextmanager
def launched(folder: Path, *options: str, first: str = "", **settings: str) -> Iterator[Launched]:
    """``ryu-manager apps.backplane`` on free ports, after the program `first`; `settings` are of ``[backplane]``."""
    api, openflow, log = free_port(), free_port(), folder / "controller.log"
    ports = ["--wsapi-port", str(api), "--ofp-listen-host", "127.0.0.1"]
    ports += ["--ofp-tcp-listen-port", str(openflow), "--ofp-ssl-listen-port", str(openflow)]
    environment = {f"OS_BACKPLANE__{name.upper()}": value for name, value in settings.items()}
    environment = {**os.environ, "OS_BACKPLANE__STATE_DIR": str(folder / "state"), **environment}
    manager = f"from ryu.cmd.manager import main\n{first}\nmain()"
    with log.open("wb") as out:
        command = [sys.executable, "-W", "ignore", "-c", manager, "apps.backplane", *options, *ports]
        process = subprocess.Popen(command, cwd=TOP, env=environment, stdout=out, stderr=out)
        try:
            yield Launched(process, log, api, openflow)
        finally:
            process.kill()
            process.wait()


def wait_listening(controller: Launched) -> None:
    """Until the API's port is open."""
    hexadecimal = f":{controller.api_port:04X} "
    ended = controller.process.poll
    wait_until(lambda: hexadecimal in Path("/proc/net/tcp").read_text() or ended() is not None, 30, "no API")
    assert ended() is None, controller.log.read_text()


def wait_ended(controller: Launched) -> tuple[int, str]:
    """The exit status of a controller that does not start, and what it said."""
    status = controller.process.wait(30)
    return status, controller.log.read_text()
