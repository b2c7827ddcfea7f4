"""Who is let in: tokens and scopes, other web pages, clients that are too fast; and what is written down of it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from apps.rest.guard.access import WRONG_COSTS
from apps.rest.guard.audit_file import AuditFile
from apps.rest.guard.pacing import MOST_KNOWN, Pace, neighbourhood
from apps.rest.guard.settings import ApiSettings, BadSettings, Guard
from tests.unit.rest.conftest import Api
from tests.unit.rest.guard.conftest import Guarded, write_tokens
from tests.waiting import wait_until

SEGMENT = "/api/v1/segments/extra"
JSON = {"Content_Type": "application/json"}


@pytest.mark.parametrize(
    ("path", "method", "token", "expected"),
    [
        ("/healthz", "GET", None, (200, None)),
        ("/metrics", "GET", None, (401, "unauthenticated")),
        ("/metrics", "GET", "reader", (200, None)),
        ("/api/v1/fabric", "GET", None, (401, "unauthenticated")),
        ("/api/v1/fabric", "GET", "reader", (200, None)),
        ("/api/v1/fabric", "HEAD", "reader", (200, None)),
        ("/api/v1/fabric", "GET", "writer", (200, None)),
        ("/api/v1/nothing", "GET", None, (401, "unauthenticated")),
        ("/api/v1/nothing", "GET", "reader", (404, "unknown_path")),
        ("/%ff", "GET", None, (401, "unauthenticated")),
        (SEGMENT, "PUT", None, (401, "unauthenticated")),
        (SEGMENT, "PUT", "reader", (403, "out_of_scope")),
        (SEGMENT, "PUT", "writer", (201, None)),
        ("/api/v1/document/reload", "POST", "reader", (403, "out_of_scope")),
        ("/api/v1/fabric", "GET", "reader.wrong", (401, "unauthenticated")),
        ("/api/v1/fabric", "GET", "nobody.secret", (401, "unauthenticated")),
        ("/api/v1/fabric", "GET", "x" * 1000, (401, "unauthenticated")),
        ("/healthz", "GET", "reader.wrong", (401, "unauthenticated")),
    ],
)
def test_a_client_may_do_what_its_token_allows(
    closed_api: Guarded, path: str, method: str, token: str | None, expected: tuple[int, str | None]
) -> None:
    body = b"{}" if method == "PUT" else None
    assert closed_api.reason(path, method, token, body, **JSON) == expected


def test_a_client_without_a_token_is_told_how_to_bring_one(closed_api: Guarded) -> None:
    assert closed_api.ask("/api/v1/fabric").headers["WWW-Authenticate"] == 'Bearer realm="backplane"'
    refused = closed_api.ask(SEGMENT, "PUT", "reader", b"{}")
    assert 'error="insufficient_scope", scope="write"' in refused.headers["WWW-Authenticate"]


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "Bearer a b", "bearer"])
def test_an_authorization_that_cannot_be_read_is_401(closed_api: Guarded, header: str) -> None:
    assert closed_api.reason("/api/v1/fabric", Authorization=header)[0] == 401


def test_a_token_is_hashed_once(closed_api: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    assert closed_api.ask("/api/v1/fabric", token="reader").status_code == 200
    monkeypatch.setattr("apps.rest.tokens._hash", lambda *_: pytest.fail("hashed again"))
    assert closed_api.ask("/api/v1/fabric", token="reader").status_code == 200


def test_a_token_whose_line_is_taken_out_is_refused_at_once(closed_api: Guarded, tmp_path: Path) -> None:
    assert closed_api.ask("/api/v1/fabric", token="reader").status_code == 200
    write_tokens(tmp_path, writer="write")
    assert closed_api.ask("/api/v1/fabric", token="reader").status_code == 401


def test_a_tokens_file_that_turns_bad_is_told(closed_api: Guarded, tmp_path: Path) -> None:
    (tmp_path / "tokens").chmod(0o644)
    assert closed_api.ask("/api/v1/fabric", token="reader").status_code == 200
    assert "open to everybody" in closed_api.guard.trouble[str(tmp_path / "tokens")]


def test_without_tokens_all_is_open(open_api: Guarded) -> None:
    assert open_api.ask("/api/v1/fabric").status_code == 200
    assert open_api.ask(SEGMENT, "PUT", None, b"{}", **JSON).status_code == 201


# Other web pages


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:81"},
        {"Origin": "http://["},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Origin": "http://localhost"},
    ],
)
def test_another_web_page_changes_nothing(open_api: Guarded, headers: dict[str, str]) -> None:
    assert open_api.reason(SEGMENT, "PUT", None, b"{}", Host="localhost", **headers) == (403, "other_origin")
    assert open_api.reason("/api/v1/document/reload", "POST", Host="localhost", **headers) == (403, "other_origin")


def test_our_own_page_may_change_things(open_api: Guarded) -> None:
    headers = {"Origin": "http://localhost:8080", "Sec_Fetch_Site": "same-origin", "Host": "localhost:8080", **JSON}
    assert open_api.ask(SEGMENT, "PUT", None, b"{}", **headers).status_code == 201


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "192.0.2.1", "", "[", "localhost.evil.example"])
def test_a_page_whose_name_leads_here_sees_nothing(open_api: Guarded, host: str) -> None:
    assert open_api.reason("/api/v1/fabric", Host=host) == (403, "other_origin")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080", "127.0.0.2"])
def test_names_of_this_machine_are_answered(open_api: Guarded, host: str) -> None:
    assert open_api.ask("/api/v1/fabric", Host=host).status_code == 200


def test_with_tokens_any_name_will_do(closed_api: Guarded) -> None:
    assert closed_api.ask("/api/v1/fabric", token="reader", Host="controller.example").status_code == 200


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_body_of_another_media_type_is_415(open_api: Guarded, media: str) -> None:
    assert open_api.reason(SEGMENT, "PUT", None, b"{}", Content_Type=media) == (415, "wrong_media")


# Clients that are too fast


def test_a_client_that_is_too_fast_is_429_until_it_pauses(api: Api) -> None:
    slow = Guarded(api, Guard(ApiSettings(rate_per_s=1)))
    answers = [slow.ask("/healthz") for _ in range(4)]
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    assert answers[-1].status_code == 429
    assert answers[-1].headers["Retry-After"] == "1"
    slow.address = "192.0.2.8"
    assert slow.ask("/healthz").status_code == 200


def test_guesses_are_paid_dearly_by_their_address_alone(api: Api, tmp_path: Path) -> None:
    file, tokens = write_tokens(tmp_path, reader="read")
    guarded = Guarded(api, Guard(ApiSettings(tokens=str(file), rate_per_s=WRONG_COSTS // 2)), tokens=tokens)
    guesses = [guarded.reason("/api/v1/fabric", token=f"reader.{number}")[0] for number in range(2)]
    assert guesses == [401, 429]
    guarded.address = "192.0.2.8"
    assert guarded.ask("/api/v1/fabric", token="reader").status_code == 200


def test_the_pace_comes_back_with_time() -> None:
    now = [100.0]
    pace = Pace(10, lambda: now[0])
    assert [pace.take("a") for _ in range(20)] == [0] * 20
    assert pace.take("a") == pytest.approx(0.1)
    now[0] += 0.5
    assert [pace.take("a") > 0 for _ in range(6)] == [False] * 5 + [True]
    now[0] += 3600
    assert [pace.take("a") > 0 for _ in range(21)] == [False] * 20 + [True]


def test_only_so_many_clients_are_remembered() -> None:
    pace = Pace(10, lambda: 0.0)
    for number in range(MOST_KNOWN + 10):
        pace.charge(str(number), 100)
    assert pace.wait_s("0") == 0
    assert pace.wait_s(str(MOST_KNOWN)) > 0


@pytest.mark.parametrize(
    ("address", "expected"),
    [("2001:db8::1", "2001:db8::/64"), ("fe80::1%eth0", "fe80::/64"), ("192.0.2.1", "192.0.2.1"), ("x", "x")],
)
def test_one_host_is_one_client(address: str, expected: str) -> None:
    assert neighbourhood(address) == expected


# The audit log


def audited(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [json.loads(record.getMessage()) for record in caplog.records if record.name == "backplane.audit"]


def test_every_change_is_told_with_who_made_it_and_what_came_of_it(
    closed_api: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "backplane.audit")
    closed_api.ask("/api/v1/fabric", token="reader")
    closed_api.ask(SEGMENT, "PUT", "reader", b"{}", **JSON)
    closed_api.ask(SEGMENT, "PUT", None, b"{}", **JSON)
    closed_api.ask(f"{SEGMENT}?dry_run=false", "PUT", "writer", b"{}", **JSON)
    told = audited(caplog)
    assert [(line["who"], line["status"], line["reason"]) for line in told] == [
        ("reader", 403, "out_of_scope"),
        ("192.0.2.7", 401, "unauthenticated"),
        ("writer", 201, None),
    ]
    made = told[-1]
    assert (made["method"], made["path"], made["query"]) == ("PUT", SEGMENT, "dry_run=false")
    assert made["revision_after"] == made["revision_before"] + 1  # type: ignore[operator]
    assert made["address"] == "192.0.2.7"


def test_no_token_is_ever_written_down(closed_api: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for token in ("writer", "writer.wrong"):
        closed_api.ask(SEGMENT, "PUT", token, b"{}", **JSON)
    assert closed_api.tokens["writer"].partition(".")[2] not in caplog.text
    assert "writer.wrong" not in caplog.text


def test_the_audit_file_is_appended_to_and_followed_when_it_is_rotated(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_text("before\n")
    file = AuditFile(path)
    file.put("one")
    wait_until(lambda: path.read_text() == "before\none\n", 5, "one is not written")
    path.rename(tmp_path / "audit.log.1")
    file.put("two")
    wait_until(lambda: path.exists() and path.read_text() == "two\n", 5, "two is not in a new file")
    file.close()
    assert (tmp_path / "audit.log.1").read_text() == "before\none\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_audit_file_that_cannot_be_written_holds_nobody_up_and_is_told(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.log"
    guarded = Guarded(api, Guard(ApiSettings(audit_log=str(path))))
    folder = path.rename(tmp_path / "away") and path
    folder.mkdir()
    assert guarded.ask(SEGMENT, "PUT", None, b"{}", **JSON).status_code == 201
    wait_until(lambda: guarded.guard.trouble, 5, "nobody is told")
    assert "audit log cannot be written" in guarded.guard.trouble[str(path)]
    folder.rmdir()
    wait_until(lambda: path.is_file() and SEGMENT in path.read_text(), 10, "the line is lost")
    wait_until(lambda: not guarded.guard.trouble, 5, "it is not over")
    guarded.guard.close()


def test_a_full_disk_loses_no_line() -> None:
    with pytest.raises(OSError, match="No space"):
        Path("/dev/full").write_text("x")
    file = AuditFile("/dev/full")
    file.put("one")
    wait_until(lambda: file.problem, 5, "nobody is told")
    assert "No space left" in (file.problem or "")
    file.close()


# What does not go together


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (ApiSettings(host="0.0.0.0"), "would listen on 0.0.0.0 without tokens: expected api_tokens"),
        (ApiSettings(host="::"), "without tokens"),
        (ApiSettings(host="controller.example"), "without tokens"),
        (ApiSettings(cert="c.pem"), "api_cert and api_key together"),
        (ApiSettings(client_ca="c.pem"), "with api_cert and api_key alone"),
        (ApiSettings(cert="none.pem", key="none.key"), "api_cert none.pem with api_key none.key cannot be used"),
        (ApiSettings(rate_per_s=0), "api_rate is 0"),
        (ApiSettings(audit_log="/nowhere/audit.log"), "audit_log /nowhere/audit.log cannot be written"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: ApiSettings, said: str) -> None:
    with pytest.raises(BadSettings, match=said):
        Guard(settings)
