"""The guard as it is launched: TLS, tokens, slow clients, settings that are refused."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.unit.rest.guard.conftest import Launched, launched, wait_ended, wait_listening, write_tokens
from tests.waiting import wait_until


@dataclass(frozen=True)
class Authority:
    """A private certificate authority in a folder."""

    folder: Path

    @property
    def ca(self) -> str:
        return str(self.folder / "ca.pem")

    def make_ca(self) -> None:
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                      "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test CA")  # fmt: skip

    def issue(self, name: str) -> tuple[str, str]:
        """A certificate for 127.0.0.1, and its key."""
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                      "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")  # fmt: skip
        (self.folder / "san").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                      "-days", "2", "-extfile", "san", "-out", f"{name}.pem")  # fmt: skip
        return str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key")

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("ca"))
    made.make_ca()
    return made


@dataclass(frozen=True)
class Secured:
    """A controller with tokens, TLS and an audit log."""

    controller: Launched
    tokens: dict[str, str]
    audit: Path
    ca: str

    def ask(self, method: str, path: str, token: str | None = None, **options: object) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.tokens[token]}"} if token else {}
        address = f"https://127.0.0.1:{self.controller.api_port}{path}"
        return requests.request(method, address, headers=headers, verify=self.ca, timeout=10, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    file, tokens = write_tokens(folder, reader="read", writer="write")
    cert, key = authority.issue("controller")
    audit = folder / "audit.log"
    settings = {"api_tokens": str(file), "api_cert": cert, "api_key": key, "audit_log": str(audit)}
    with launched(folder, **settings) as controller:
        wait_listening(controller)
        yield Secured(controller, tokens, audit, authority.ca)


def test_the_api_speaks_tls_and_asks_for_a_token(secured: Secured) -> None:
    assert secured.ask("GET", "/healthz").json() == {"status": "alive"}
    assert secured.ask("GET", "/api/v1/fabric").status_code == 401
    assert secured.ask("GET", "/api/v1/fabric", "reader").status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"https://127.0.0.1:{secured.controller.api_port}/healthz", timeout=10)


def test_a_change_is_written_to_the_audit_log(secured: Secured) -> None:
    assert secured.ask("PUT", "/api/v1/segments/audited", "writer", json={}).status_code == 201
    assert secured.ask("PUT", "/api/v1/segments/audited", "reader", json={}).status_code == 403
    lines = wait_until(lambda: _lines(secured.audit, 2), 5, "the audit log has no such lines")
    assert [(line["who"], line["status"]) for line in lines] == [("writer", 201), ("reader", 403)]
    assert secured.audit.stat().st_mode & 0o777 == 0o600
    written = secured.controller.log.read_text() + secured.audit.read_text()
    assert not any(token.partition(".")[2] in written for token in secured.tokens.values())


def _lines(file: Path, number: int) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return lines if len(lines) >= number else []


def test_a_body_without_a_content_type_is_yaml(secured: Secured) -> None:
    made = secured.ask("PUT", "/api/v1/segments/untyped", "writer", data=b"subnet: 10.77.0.0/24")
    assert (made.status_code, made.json()["spec"]["subnet"]) == (201, ["10.77.0.0/24"])


def test_a_client_that_speaks_no_tls_or_says_nothing_holds_nobody_up(secured: Secured) -> None:
    port = secured.controller.api_port
    with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert secured.ask("GET", "/healthz").status_code == 200
        plain.settimeout(5)
        assert b"200" not in plain.recv(1000)
    assert "Traceback" not in secured.controller.log.read_text()


def test_a_renewed_certificate_is_taken_over_without_a_restart(secured: Secured, authority: Authority) -> None:
    before = _shown(secured.controller.api_port)
    authority.issue("controller")
    wait_until(lambda: _shown_after_a_request(secured) != before, 10, "the old certificate is still shown")
    assert secured.ask("GET", "/healthz").status_code == 200


def _shown_after_a_request(secured: Secured) -> str:
    secured.ask("GET", "/healthz")
    return _shown(secured.controller.api_port)


def _shown(port: int) -> str:
    return ssl.get_server_certificate(("127.0.0.1", port))


def test_clients_must_show_a_certificate_where_a_ca_is_given(tmp_path: Path, authority: Authority) -> None:
    cert, key = authority.issue("strict")
    client = authority.issue("client")
    with launched(tmp_path, api_cert=cert, api_key=key, api_client_ca=authority.ca) as controller:
        wait_listening(controller)
        answer = controller.get("/healthz", "https", verify=authority.ca, cert=client)
        assert answer.status_code == 200
        with pytest.raises(requests.exceptions.ConnectionError):
            controller.get("/healthz", "https", verify=authority.ca)


def test_the_controller_does_not_start_where_everybody_could_change_it(tmp_path: Path) -> None:
    with launched(tmp_path, "--wsapi-host", "0.0.0.0") as controller:
        status, said = wait_ended(controller)
    assert status == 1
    assert "the API would listen on 0.0.0.0 without tokens: expected api_tokens" in said
    assert "Traceback" not in said


def test_with_tokens_it_listens_off_loopback(tmp_path: Path) -> None:
    file, tokens = write_tokens(tmp_path, reader="read")
    with launched(tmp_path, "--wsapi-host", "0.0.0.0", api_tokens=str(file)) as controller:
        wait_listening(controller)
        assert controller.get("/api/v1/fabric").status_code == 401
        headers = {"Authorization": f"Bearer {tokens['reader']}"}
        assert controller.get("/api/v1/fabric", headers=headers).status_code == 200
        assert "without TLS: tokens can be read on their way" in controller.log.read_text()


# Slow clients: the limits are made short


IMPATIENT = """
import apps.rest.guard.gate as gate, apps.rest.guard.listener as listener
gate.BODY_WITHIN_S = listener.HEADERS_WITHIN_S = listener.IDLE_S = listener.UNWANTED_WITHIN_S = 0.5
"""


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("impatient")
    with launched(folder, first=IMPATIENT) as controller:
        wait_listening(controller)
        yield controller.api_port


@pytest.mark.parametrize("said", [b"", b"GET /heal", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_a_client_that_does_not_finish_its_request_is_cut_off(impatient: int, said: bytes) -> None:
    with socket.create_connection(("127.0.0.1", impatient), timeout=10) as sock:
        sock.sendall(said)
        assert sock.recv(1000) == b""


def test_a_body_that_does_not_come_is_408(impatient: int) -> None:
    with socket.create_connection(("127.0.0.1", impatient), timeout=10) as sock:
        sock.sendall(b"PUT /api/v1/segments/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        answer = b"".join(iter(lambda: sock.recv(10_000), b""))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert answer.endswith(b"}\n")
