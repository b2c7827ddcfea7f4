"""Examples in README.md and docs/ are true: documents, messages and answers of the API."""

from __future__ import annotations

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from apps.rest.problems import Reason
from controller.model.document import DocumentError, parse_document
from controller.views.kinds import KINDS, Kind
from tests.pages import PAGES, TOP, blocks, page_id, rows, text
from tests.unit.rest.conftest import Api, Source
from tests.virtual import VirtualFabric


@pytest.fixture(scope="module")
def api() -> Api:
    """The API, over the fabric that the pages speak of."""
    fabric = VirtualFabric(text("examples/two-chassis.yaml"))
    fabric.start()
    return Api(fabric.control, Source(TOP / "examples/two-chassis.yaml"))


def test_the_api_answers_every_curl(api: Api) -> None:
    told = "\n".join(block for page in PAGES for block in blocks(page.read_text(encoding="utf-8"), "console"))
    asked = re.findall(r"^\$ curl .*", told, re.MULTILINE)
    assert len(asked) > 5
    for line in asked:
        method, path, body, headers = request_of(shlex.split(line)[2:])
        answer = api.ask(path, method, body, **headers)
        assert answer.status_code < 300, (line, answer.text)


def request_of(words: list[str]) -> tuple[str, str, bytes | None, dict[str, str]]:
    """What curl would ask, of the options that the pages use."""
    (url,) = [word for word in words if word.startswith("localhost:8080")]
    given = dict(pairwise(words))
    body, headers = None, {}
    if "-H" in given:
        name, value = given["-H"].split(": ")
        headers[name] = value
    if "--json" in given:
        body, headers["Content-Type"] = given["--json"].encode(), "application/json"
    if "-T" in given:
        body = (TOP / given["-T"]).read_bytes()
    method = given.get("-X", "PUT" if "-T" in given else "POST" if "--json" in given else "GET")
    return method, url.removeprefix("localhost:8080"), body, headers


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_documents_in_a_page_are_valid(page: Path) -> None:
    for block in blocks(page.read_text(encoding="utf-8"), "yaml"):
        if "\nplatforms:" in block:
            parse_document(block, page.name)


def test_messages_in_the_page_are_those_that_one_gets() -> None:
    page = text("docs/document.md")
    (good,) = blocks(page, "yaml")
    (told,) = [block for block in blocks(page, "") if block.startswith("fabric.yaml:")]
    bad = good.replace("ip: 10.1.0.11", "ip: 10.9.0.11").replace("segment: data, ip: [", "segment: dat, ip: [")
    bad = bad.replace("- [chassis1.east,", "- [chassis1.web1,")
    with pytest.raises(DocumentError) as caught:
        parse_document(bad, "fabric.yaml")
    assert str(caught.value).splitlines() == told.splitlines()


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_json_in_a_page_can_be_read(page: Path) -> None:
    for block in blocks(page.read_text(encoding="utf-8"), "json"):
        json.loads(block)


def test_the_resource_in_the_page_has_the_fields_of_the_api(api: Api) -> None:
    shown = json.loads(blocks(text("docs/api.md"), "json")[0])
    answered = api.get("/api/v1/servers/web1")
    assert shown.keys() == answered.keys()
    for part in ("spec", "status"):
        assert shown[part].keys() == answered[part].keys()


def test_reasons_of_the_api_stand_with_their_status() -> None:
    told = {reason: cells[0] for cells in rows(text("docs/api.md")) for reason in re.findall(r"`(\w+)`", cells[1])}
    for reason in Reason:
        assert str(int(reason.status)) in told.get(reason.word, ""), reason.word


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_states_and_filters_of_a_kind_are_told(kind: Kind) -> None:
    _, states, filters = next(cells for cells in rows(text("docs/api.md")) if cells[0] == kind.name)
    assert set(re.findall(r"`(\w+)`", states)) == set(kind.states)
    assert set(re.findall(r"`(\w+)`", filters)) == set(kind.filters)
