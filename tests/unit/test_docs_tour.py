"""docs/tour.md is true: every command runs, and what is shown of its answer is there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pages import blocks, text
from tests.unit.rest.guard.conftest import launched, wait_listening
from tests.unit.rest.test_server import TOP

PAGE = "docs/tour.md"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    document = str(TOP / "examples/two-chassis.yaml")
    with launched(tmp_path_factory.mktemp("tour"), document=document) as controller:
        wait_listening(controller)
        yield controller.api_port


def run(command: list[str], script: str) -> str:
    done = subprocess.run(command, input=script, capture_output=True, text=True, cwd=TOP, timeout=60, check=False)
    assert done.returncode == 0, script + done.stdout + done.stderr
    return done.stdout


def is_part(shown: Any, answer: Any) -> bool:
    """Whether all that is shown is in the answer."""
    if isinstance(shown, dict):
        return isinstance(answer, dict) and all(key in answer and is_part(shown[key], answer[key]) for key in shown)
    return bool(shown == answer)


def test_the_tour_can_be_walked(port: int) -> None:
    page = text(PAGE).replace("localhost:8080", f"localhost:{port}")
    steps = re.findall(r"^```sh\n(.*?)^```\n\n```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(steps) == len(blocks(page, "sh")) > 8
    for script, shown in steps:
        answers = run(["bash", "-e"], script).splitlines()
        assert len(answers) == len(script.splitlines()), script
        assert is_part(json.loads(shown), json.loads(answers[-1])), (script, answers[-1])
    (program,) = blocks(page, "python")
    assert "web1 " in run([sys.executable, "-"], program)


def test_what_is_not_in_an_answer_is_found() -> None:
    assert not is_part({"a": {"b": 1}}, {"a": {"b": 2}})
    assert not is_part({"a": 1}, {})
    assert is_part({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}})


def test_the_tour_ends_where_it_began(port: int) -> None:
    (document,) = run(["bash", "-e"], f"curl -s 'localhost:{port}/api/v1/fabric'").splitlines()
    assert json.loads(document)["counts"]["servers"] == 8
    assert Path(TOP / PAGE).exists()
