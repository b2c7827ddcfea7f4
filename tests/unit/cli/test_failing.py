"""How `backplane` ends when it cannot do what was asked: one sentence, what to do, and an exit status."""

from __future__ import annotations

import json
import os
import pty
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import TOP, Shell, Stub, stubbed

COMMAND = [sys.executable, "-c", "from apps.cli.main import run; run()"]
FABRIC = {
    "name": "lab",
    "origin": "file",
    "counts": {},
    "spec": {},
    "status": {"revision": 3, "converged": True, "absent": [], "alarms": [], "rules": {"proper": 7}},
}
CLEAN = {"missing": 0, "excess": 0, "misconfigured": 0, "refused": 0, "foreign": 0, "proper": 7}


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound, and nobody listens there
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        said = Shell(url)("status")
    assert (said.code, said.out) == (3, "")
    first, second = said.err.splitlines()
    assert first == f"backplane: the API at {url} cannot be reached: Connection refused"
    assert "backplane doctor" in second


def test_nobody_answers_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        said = Shell(url)("--timeout", "0.2", "get", "servers")
    assert said.code == 3
    assert said.err.startswith(f"backplane: the API at {url} did not answer in time\n")


def test_a_name_that_nobody_has() -> None:
    said = Shell("http://nowhere.invalid")("status")
    assert said.code == 3
    assert "nowhere.invalid" in said.err


@pytest.mark.parametrize("status", [200, 404, 502])
def test_somebody_else_answers(stub: Stub, status: int) -> None:
    stub.answers["GET /api/v1/fabric"] = (status, "<h1>Welcome</h1>")
    said = stub.shell("status")
    assert said.code == 3
    assert f"is not Backplane's API: {status} with text/html" in said.err


@pytest.mark.parametrize(("status", "code"), [(401, 5), (403, 5), (404, 4), (409, 4), (412, 4), (422, 4), (503, 4)])
def test_each_refusal_has_its_exit_status(stub: Stub, status: int, code: int) -> None:
    stub.problem("GET /api/v1/fabric", status, "some_reason", "it says why")
    said = stub.shell("status")
    assert (said.code, said.out) == (code, "")
    assert said.err.splitlines()[0] == "backplane: it says why"
    assert ("--token-file" in said.err) == (code == 5)


def test_all_that_belongs_to_a_refusal_is_told(stub: Stub) -> None:
    fault = {"kind": "leak", "message": "web1 reaches db1", "packet": "0200", "failed": None, "steps": ["chassis1"]}
    referrer = {"resource": "servers/web9", "place": "segment", "message": "there is no segment 'lab'"}
    more = {"faults": [fault], "referrers": [referrer]}
    stub.problem("DELETE /api/v1/segments/lab", 409, "referred_to", "it is referred to", **more)
    assert stub.shell("delete", "segment", "lab").err.splitlines() == [
        "backplane: it is referred to",
        "  servers/web9: segment: there is no segment 'lab'",
        "  leak: web1 reaches db1",
        "    packet 0200",
        "    chassis1",
    ]


def test_the_token_is_sent_and_never_shown(stub: Stub, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("ops.s3cret\n")
    stub.problem("GET /api/v1/fabric", 403, "forbidden", "this token may not")
    said = stub.shell("--token-file", str(file), "status", "--json")
    assert stub.asked[0][2]["Authorization"] == "Bearer ops.s3cret"
    assert "s3cret" not in said.out + said.err
    file.write_text("two words\n")
    assert stub.shell("--token-file", str(file), "status").code == 2
    stub.shell("status")
    assert "Authorization" not in stub.asked[-1][2]


def test_certificates_are_trusted_and_shown_only_where_they_are_named(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    name = ("-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-days", "2", "-keyout", str(key), "-out", str(certificate))
    subprocess.run([*make, *name, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with stubbed(context) as stub:
        refused = stub.shell("get", "servers")
        assert refused.code == 3
        assert "has no certificate that is trusted here: self-signed certificate" in refused.err
        assert "--ca FILE" in refused.err
        assert stub.shell("--ca", str(certificate), "get", "servers").code == 0
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificate)
        both = tmp_path / "both.pem"
        both.write_text(certificate.read_text() + key.read_text())
        assert stub.shell("--ca", str(certificate), "get", "servers").code == 3
        assert stub.shell("--ca", str(certificate), "--cert", str(both), "get", "servers").code == 0


def test_names_are_quoted_in_addresses(stub: Stub) -> None:
    stub.problem("GET /api/v1/servers/..%2Ffabric", 404, "unknown_name", "there is none")
    assert stub.shell("get", "server", "../fabric").code == 4
    assert stub.asked[-1][1] == "/api/v1/servers/..%2Ffabric"


def status_of(stub: Stub, **status: object) -> None:
    now = {**FABRIC["status"], "rules": CLEAN, **status}  # type: ignore[dict-item]
    stub.answers["GET /api/v1/fabric"] = (200, {**FABRIC, "status": now})


def test_status_of_a_fabric_that_has_not_converged_is_1(stub: Stub) -> None:
    status_of(stub, converged=False, rules={**CLEAN, "missing": 1200})
    said = stub.shell("status")
    assert said.code == 1
    assert "  converged  not yet, 7 rules in place, 1,200 missing" in said.lines


def test_status_names_links_without_a_way_round_and_is_content_with_them(stub: Stub) -> None:
    status_of(stub, unprotected=[f"p{n}.east--p{n + 1}.west" for n in range(1, 7)])
    said = stub.shell("status")
    assert said.code == 0
    named = ", ".join(f"p{n}.east--p{n + 1}.west" for n in range(1, 5))
    assert f"  unprotected {named} and 2 more" in said.lines


def test_status_tells_who_is_absent_and_how_long_alarms_stand(stub: Stub) -> None:
    alarm = {"kind": "miswired", "subject": "chassis1.east", "message": "it leads elsewhere"}
    status_of(stub, absent=["chassis2"], alarms=[alarm, {**alarm, "subject": "chassis9.west"}])
    raised = {"kind": "alarm", "name": "chassis1.east", "what": "raised", "time": 1.0, "data": {"alarm": "miswired"}}
    stub.answers["GET /api/v1/events"] = (200, {"items": [raised], "complete": True, "last": 1})
    said = stub.shell("status")
    assert said.code == 1
    assert "  absent     chassis2" in said.lines
    first, second = said.lines[-2:]
    assert first.split()[1:4] == ["d", "miswired", "chassis1.east"]
    assert second.split()[0:3] == ["-", "miswired", "chassis9.west"]


def test_a_change_that_is_not_confirmed_in_time_is_1_where_one_waits(stub: Stub) -> None:
    pending = [{"platform": "chassis1", "rules": {**CLEAN, "missing": 4}}]
    answer = {"revision": 9, "converged": False, "pending": pending}
    stub.answers["DELETE /api/v1/servers/web9"] = (202, answer)
    said = stub.shell("delete", "server", "web9", "--wait", "2s")
    assert said.code == 1
    assert "the switches have yet to confirm it: chassis1 (4 missing)" in said.out
    assert stub.asked[-1][1].endswith("?wait=2s")
    assert stub.shell("delete", "server", "web9").code == 0


def test_a_plan_that_is_refused_is_1_and_is_not_carried_out(stub: Stub) -> None:
    misfit = {"resource": "servers/web1", "place": "ip", "message": "10.1.0.11 is taken"}
    fault = {"kind": "leak", "message": "web1 reaches db1", "packet": "0200", "failed": "a--b", "steps": ["chassis1"]}
    nothing = {"added": [], "changed": [], "removed": []}
    plan = {"id": "f00", "revision": 3, "accepted": False, "resources": nothing, "switches": {}, "servers": []}
    plan |= {"paths": ["a>b"], "losses": [], "rates": [], "refusals": [misfit], "inactive": [], "faults": [fault]}
    stub.answers["PUT /api/v1/document"] = (200, {**plan, "followed_packets": 2})
    said = stub.shell("plan", "-f", "-", "--apply", typed="fabric: lab\n")
    assert said.code == 1
    assert {"  servers/web1: ip: 10.1.0.11 is taken", "leak: web1 reaches db1", "  while a--b is down"} <= set(
        said.lines
    )
    assert said.lines[-1] == "Refused: nothing will be changed."
    assert len(stub.asked) == 1


# The process itself


def python(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment, command = {**os.environ, **more}, [sys.executable, *words]
    return subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_help_needs_neither_requests_nor_rich() -> None:
    script = (
        "import sys; sys.argv = ['backplane', '--help']\n"
        "from apps.cli.main import run\n"
        "try: run()\n"
        "finally: print({name for name in ('requests', 'rich', 'ryu', 'eventlet', 'pydantic') if name in sys.modules})"
    )
    done = python("-c", script)
    assert done.returncode == 0
    assert "Commands:" in done.stdout
    assert done.stdout.splitlines()[-1] == "set()"


def test_a_reader_that_has_enough_is_no_failure(stub: Stub) -> None:
    read, write = os.pipe()
    os.close(read)
    stub.answers["GET /api/v1/fabric"] = (200, FABRIC)
    command = [*COMMAND, "--api", stub.shell.api, "get", "fabric", "--json"]
    done = subprocess.run(command, cwd=TOP, stdout=write, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_terminal_gets_colours(stub: Stub) -> None:
    server = {"name": "web1", "origin": "file", "spec": {}, "status": {"state": "present", "alarms": []}}
    stub.answers["GET /api/v1/servers"] = (200, {"items": [server]})
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color"}
    command = [*COMMAND, "--api", stub.shell.api, "get", "servers"]
    done = subprocess.run(command, cwd=TOP, stdout=theirs, stderr=theirs, env=environment, timeout=60, check=False)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "\x1b[32mpresent" in shown


def complete(api: str, words: str) -> list[str]:
    """What bash would offer after these words."""
    count = str(len(words.split(" ")) - 1)
    more = {"_BACKPLANE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": count, "BACKPLANE_API": api}
    script = "import sys; sys.argv = ['backplane']; from apps.cli.main import run; run()"
    done = python("-c", script, **more)
    return [line.rpartition(",")[2] for line in done.stdout.split()]


def test_the_shell_completes_commands_kinds_and_names(stub: Stub) -> None:
    stub.answers["GET /api/v1/servers"] = (200, {"items": [{"name": "web1"}, {"name": "db1"}, {"name": "web2"}]})
    assert complete(stub.shell.api, "backplane un") == ["undrain"]
    assert complete(stub.shell.api, "backplane get pla") == ["platforms"]
    assert complete(stub.shell.api, "backplane get server we") == ["web1", "web2"]
    assert complete(stub.shell.api, "backplane paths web1 d") == ["db1"]
    assert complete("http://127.0.0.1:1", "backplane get server we") == []


def test_json_of_a_stub_is_as_it_was_given(stub: Stub) -> None:
    stub.answers["GET /api/v1/fabric"] = (200, FABRIC)
    assert json.loads(stub.shell("get", "fabric", "--json").out) == FABRIC
