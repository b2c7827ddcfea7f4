"""The API inside ``ryu-manager``, over a real socket."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

TOP = Path(__file__).parents[3]
APPLICATION = """
from pathlib import Path

from ryu.app.wsgi import WSGIApplication
from ryu.base.app_manager import RyuApp

from apps.changes import Changes
from apps.rest.server import attach, listen_on_loopback
from apps.state import State
from apps.views import FabricViews
from tests.unit.rest.fabrics import running_fabric

listen_on_loopback()


class Small(RyuApp):
    _CONTEXTS = {"wsgi": WSGIApplication}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        control, state = running_fabric(), State(str(Path(__file__).parent / "state"), None)
        changes = Changes(control, state, lambda: None)
        attach(kwargs["wsgi"], FabricViews(control, changes.reload, state, changes))
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def served(folder: Path, *options: str, openflow: bool = True) -> Iterator[int]:
    """Run the application under ``ryu-manager``; gives the port of its API."""
    (folder / "small.py").write_text(APPLICATION)
    port, manager = free_port(), "from ryu.cmd.manager import main; main()"
    apps = [*(["ryu.controller.ofp_handler"] if openflow else []), str(folder / "small.py")]
    ports = ["--wsapi-port", str(port), "--ofp-tcp-listen-port", str(free_port()), "--ofp-listen-host", "127.0.0.1"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", manager, *ports, *options, *apps], cwd=TOP, stdout=log, stderr=log
        )
        try:
            yield port
        finally:
            process.kill()
            process.wait()


def patient(*statuses: int) -> requests.Session:
    """A client that asks again while nobody listens, or while the answer is one of `statuses`."""
    session = requests.Session()
    retry = Retry(total=200, status_forcelist=statuses, backoff_factor=0.1, backoff_max=0.2, raise_on_status=False)
    session.mount("http://", HTTPAdapter(max_retries=retry))
    return session


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("api")) as port:
        address = f"http://127.0.0.1:{port}"
        assert patient().get(f"{address}/healthz").status_code == 200
        yield address


def test_the_api_answers_over_a_socket_on_one_connection(address: str) -> None:
    with requests.Session() as session:
        fabric = session.get(f"{address}/api/v1/fabric")
        servers = session.get(f"{address}/api/v1/servers", params={"segment": "web"})
        document = session.get(f"{address}/api/v1/document")
    assert fabric.json()["status"]["converged"]
    assert [server["name"] for server in servers.json()["items"]] == ["web1", "web2", "web3"]
    assert document.headers["Content-Type"] == "application/yaml"


def test_a_change_is_made_over_a_socket_while_others_are_answered(address: str) -> None:
    with ThreadPoolExecutor() as pool:
        names = [f"extra{number}" for number in range(8)]
        puts = [pool.submit(requests.put, f"{address}/api/v1/segments/{name}", json={}) for name in names]
        reads = [pool.submit(requests.get, f"{address}/healthz") for _ in names]
    assert [put.result().status_code for put in puts] == [201] * len(names)
    assert sorted(put.result().json()["revision"] for put in puts) == list(range(2, 2 + len(names)))
    assert {read.result().status_code for read in reads} == {200}
    listed = requests.get(f"{address}/api/v1/segments").json()["items"]
    assert {item["name"] for item in listed if item["origin"] == "api"} == set(names)


def test_the_controller_is_ready_once_it_listens_for_switches(address: str) -> None:
    assert patient(503).get(f"{address}/readyz").json() == {"status": "ready"}


def test_a_controller_that_does_not_listen_for_switches_is_not_ready(tmp_path: Path) -> None:
    with served(tmp_path, openflow=False) as port:
        answer = patient().get(f"http://127.0.0.1:{port}/readyz")
        assert (answer.status_code, answer.json()["reasons"]) == (503, ["OpenFlow is not listening yet"])


@pytest.mark.parametrize("path", ["/", "/nothing", "/a%0ab", "/%ff"])
def test_what_is_not_there_is_a_problem_and_never_ryus_page(address: str, path: str) -> None:
    answer = requests.get(f"{address}{path}")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.status_code == (400 if path == "/%ff" else 404)


def test_a_body_that_is_not_wanted_does_not_spoil_the_connection(address: str) -> None:
    with requests.Session() as session:
        refused = session.post(f"{address}/api/v1/document/reload", data=b"x" * 100_000)
        again = session.get(f"{address}/healthz")
    assert (refused.status_code, again.status_code) == (409, 200)


def test_the_api_listens_on_loopback_alone(address: str) -> None:
    port = int(address.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=5)


def test_the_operator_may_choose_another_address(tmp_path: Path) -> None:
    with served(tmp_path, "--wsapi-host", "127.0.0.2") as port:
        assert patient().get(f"http://127.0.0.2:{port}/healthz").status_code == 200
