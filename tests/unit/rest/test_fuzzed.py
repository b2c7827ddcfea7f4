"""What random requests have found (tests/emulation/test_fuzzed_api.py), each by itself."""

from __future__ import annotations

import pytest

from tests.unit.rest.conftest import Api
from tests.unit.rest.fabrics import EAST_A

UP = {"state": "up"}


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize("tags", ["", ",", '""', "{}", "W/"])
def test_an_etag_that_is_none_fits_nothing(api: Api, header: str, tags: str) -> None:
    named = {header.replace("-", "_"): tags}
    response = api.ask(f"/api/v1/links/{EAST_A}/admin", "PUT", UP, **named)
    assert response.status_code == (412 if header == "If-Match" else 200)


def test_a_plan_that_comes_with_a_document_is_422(api: Api) -> None:
    assert api.refused("PUT", "document?plan=0&dry_run=true", {})[:2] == (422, "contradictory")


def test_a_document_that_is_not_sent_is_422(api: Api) -> None:
    assert api.refused("PUT", "document?dry_run=true")[:2] == (422, "contradictory")


def test_a_name_with_a_slash_is_nowhere(api: Api) -> None:
    assert api.refused("PUT", "segments/a%2Fb", {})[:2] == (404, "unknown_path")
