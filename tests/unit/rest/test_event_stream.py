"""The stream of events, over Ryu's web server: green threads on a real socket."""

from __future__ import annotations

import http.client
import io
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import eventlet
import pytest
from eventlet import wsgi
from webob.dec import wsgify

from apps.rest.event_stream import MOST as MOST_OF_THE_API
from apps.rest.event_stream import Listeners
from apps.rest.events import event_routes
from apps.rest.http import Router
from controller.events import KINDS, History
from tests.unit.rest.conftest import Api
from tests.waiting import wait_until

IN_TIME_S = 5.0
MOST = 3


@dataclass
class Message:
    """What is between two empty lines."""

    fields: dict[str, str] = field(default_factory=dict)
    comment: str = ""

    @property
    def data(self) -> Any:
        return json.loads(self.fields["data"])


class Client:
    """A browser's EventSource, line by line."""

    def __init__(self, port: int, path: str = "/api/v1/events", **headers: str) -> None:
        self.socket = eventlet.connect(("127.0.0.1", port))
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Accept: text/event-stream"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def open(self) -> Client:
        """Read the head."""
        self._raw = self.socket.makefile("rb")
        self.status = int(self._line().split()[1])
        self.headers = http.client.parse_headers(self._raw)
        self._rest = io.BytesIO()
        return self

    def _line(self) -> bytes:
        with eventlet.Timeout(IN_TIME_S, AssertionError("nothing came in time")):
            return self._raw.readline()

    def _lines(self) -> Iterator[str]:
        """The lines of the chunks, each as soon as it is there."""
        while size := int(self._line(), 16):
            text = self._raw.read(size + 2)[:-2].decode()
            assert text.endswith("\n\n"), "a chunk is whole messages"
            yield from text.split("\n")[:-1]

    def messages(self) -> Iterator[Message]:
        message = Message()
        for line in self._lines():
            name, _, value = line.partition(": ")
            if not line:
                yield message
                message = Message()
            elif name:
                message.fields[name] = value
            else:
                message.comment = value

    def events(self) -> Iterator[Message]:
        return (message for message in self.messages() if "data" in message.fields)

    def close(self) -> None:
        self.socket.close()


@dataclass
class Served:
    """A web server with nothing but events."""

    history: History
    port: int

    def listen(self, path: str = "/api/v1/events", **headers: str) -> Client:
        return Client(self.port, path, **headers).open()

    def tell(self, *names: str, kind: str = "server") -> None:
        for name in names:
            self.history.tell(kind, name, "learned", f"{name} was learned")


@contextmanager
def serving(alive_s: float = 60.0, size: int = 100) -> Iterator[Served]:
    history = History(clock=lambda: 1000.0, size=size)
    router = Router(tuple(event_routes(Listeners(history, MOST, alive_s))))
    listening = eventlet.listen(("127.0.0.1", 0))
    quiet = logging.getLogger("tests.quiet")
    server = eventlet.spawn(wsgi.server, listening, wsgify(router), log=quiet, log_output=False)
    try:
        yield Served(history, listening.getsockname()[1])
    finally:
        server.kill()
        listening.close()


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as served:
        yield served


def names(events: Iterator[Message], count: int) -> list[str]:
    return [next(events).data["name"] for _ in range(count)]


# A stream


def test_a_listener_hears_what_happens_from_now_on(served: Served) -> None:
    served.tell("before")
    client = served.listen()
    assert (client.status, client.headers["Content-Type"]) == (200, "text/event-stream")
    events = client.events()
    eventlet.sleep(0)
    served.tell("web1")
    event = next(events)
    assert event.fields["event"] == "server"
    assert event.fields["id"] == str(event.data["id"])
    assert event.data == {
        "id": served.history.last,
        "time": 1000.0,
        "kind": "server",
        "name": "web1",
        "what": "learned",
        "text": "web1 was learned",
        "data": {},
    }


def test_all_who_listen_hear_the_same(served: Served) -> None:
    clients = [served.listen().events() for _ in range(MOST)]
    served.tell("web1", "web2")
    assert [names(events, 2) for events in clients] == [["web1", "web2"]] * MOST


def test_who_comes_back_misses_nothing(served: Served) -> None:
    served.tell("a", "b", "c")
    seen = served.history.last - 2
    assert names(served.listen(Last_Event_ID=str(seen)).events(), 2) == ["b", "c"]
    assert names(served.listen(f"/api/v1/events?after={seen}").events(), 2) == ["b", "c"]


def test_the_header_goes_before_the_address_which_a_browser_repeats(served: Served) -> None:
    served.tell("a", "b", "c")
    last = served.history.last
    client = served.listen(f"/api/v1/events?after={last - 3}", Last_Event_ID=str(last - 1))
    assert names(client.events(), 1) == ["c"]


def test_after_0_is_all_that_is_kept(served: Served) -> None:
    served.tell(*(f"s{number}" for number in range(150)))
    assert names(served.listen("/api/v1/events?after=0").events(), 1) == ["s50"]


def test_who_comes_back_too_late_is_told_to_begin_anew(served: Served) -> None:
    served.tell(*(f"s{number}" for number in range(150)))
    seen = served.history.last - 120
    events = served.listen(Last_Event_ID=str(seen)).events()
    reset = next(events)
    assert reset.fields["event"] == "reset"
    assert reset.data == {"lost_after": seen, "oldest": served.history.oldest}
    assert names(events, 2) == ["s50", "s51"]


@pytest.mark.parametrize("seen", [1, 10**17])
def test_an_id_of_another_life_is_told_to_begin_anew(served: Served, seen: int) -> None:
    served.tell("a")
    events = served.listen(Last_Event_ID=str(seen)).events()
    assert next(events).fields["event"] == "reset"
    assert names(events, 1) == ["a"]


def test_only_the_kinds_that_are_asked_for(served: Served) -> None:
    events = served.listen("/api/v1/events?kind=link&kind=port").events()
    served.tell("web1")
    served.tell("p1", kind="port")
    served.tell("l1", kind="link")
    assert names(events, 2) == ["p1", "l1"]


def test_a_quiet_stream_shows_that_it_lives_and_where_to_go_on() -> None:
    with serving(alive_s=0.05) as served:
        messages = served.listen("/api/v1/events?kind=link").messages()
        assert next(messages).fields == {"retry": "2000"}
        served.tell("not a link")
        alive = [next(messages) for _ in range(2)]
        assert [message.comment for message in alive] == ["alive", "alive"]
        assert alive[-1].fields == {"id": str(served.history.last)}


# Bounds


def test_a_client_too_many_is_told_to_come_again(served: Served) -> None:
    clients = [served.listen() for _ in range(MOST)]
    refused = served.listen()
    assert refused.status == 503
    assert refused.headers["Retry-After"] == "5"
    assert all(client.status == 200 for client in clients)


def test_a_client_that_has_gone_makes_room() -> None:
    with serving(alive_s=0.02) as served:
        for client in [served.listen() for _ in range(MOST)]:
            client.close()
        wait_until(lambda: served.listen().status == 200, IN_TIME_S, "there is still no room", eventlet.sleep)


def test_a_head_request_takes_no_room(api: Api) -> None:
    answers = [api.ask("/api/v1/events", "HEAD") for _ in range(2 * MOST_OF_THE_API)]
    assert {answer.status_code for answer in answers} == {200}


def test_one_who_does_not_read_holds_nobody_up_and_loses_what_is_too_old() -> None:
    with serving(size=20) as served:
        slow, quick = served.listen(), served.listen()
        events = quick.events()
        for number in range(150):
            served.history.tell("server", f"s{number}", "learned", "x" * 200_000)
            assert next(events).data["name"] == f"s{number}"
        behind = slow.events()
        heard = [next(behind)]
        while heard[-1].fields["id"] != str(served.history.last):
            heard.append(next(behind))
        got = [message.data["name"] for message in heard if message.fields["event"] == "server"]
        assert len(got) < 150
        assert any(message.fields["event"] == "reset" for message in heard)
        assert got == sorted(got, key=lambda name: int(name[1:]))


def test_waiting_listeners_ask_for_nothing_until_they_are_woken(served: Served) -> None:
    streams = [served.listen().messages() for _ in range(MOST)]
    assert [next(messages).fields for messages in streams] == [{"retry": "2000"}] * MOST
    eventlet.sleep(0)
    assert min(due_in_s(), default=IN_TIME_S) >= IN_TIME_S
    served.tell("web1")
    assert [next(messages).data["name"] for messages in streams] == ["web1"] * MOST


def due_in_s() -> list[float]:
    """When the event loop's timers are due."""
    loop = eventlet.hubs.get_hub()
    loop.prepare_timers()
    return [due - loop.clock() for due, timer in loop.timers if not timer.called]


# As JSON


def test_the_history_as_json(api: Api) -> None:
    api.control.alarms.raise_("bridge", "chassis1", "look here")
    answer = api.get("/api/v1/events?follow=false&kind=alarm")
    assert [(event["name"], event["what"], event["text"]) for event in answer["items"]] == [
        ("chassis1", "raised", "look here")
    ]
    assert answer["complete"]
    assert answer["last"] == answer["items"][-1]["id"]
    assert json.loads(api.ask("/api/v1/events?kind=alarm", Accept="application/json").body) == answer


def test_json_from_an_id_on_says_whether_something_is_lost(api: Api) -> None:
    seen = api.get("/api/v1/events?follow=false")["last"]
    assert api.get(f"/api/v1/events?follow=false&after={seen}") == {"items": [], "complete": True, "last": seen}
    assert not api.get(f"/api/v1/events?follow=false&after={seen + 1}")["complete"]


@pytest.mark.parametrize("query", ["after=x", "after=-1", "kind=weather", "follow=maybe", f"after={'9' * 19}"])
def test_a_wrong_question_is_a_problem(api: Api, query: str) -> None:
    assert api.problem(f"/api/v1/events?{query}")["reason"] == "not_readable"


# The page


def test_the_page_names_every_kind_of_event_and_no_other() -> None:
    page = (Path(__file__).parents[3] / "docs" / "events.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == set(KINDS)
