"""A trace beside the bridges themselves: `?check=ovs` against a lab."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import Lab

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab((EXAMPLES / "ring.yaml").read_text()) as built:
        yield built


def trace(lab: Lab, **body: Any) -> Any:
    question = {key.removesuffix("_"): value for key, value in body.items()}
    return lab.fabric_api.post("/trace?check=ovs", question)


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ({"from_": "web1", "to": "web2"}, "delivered"),
        ({"from_": "web1", "to": "web3", "protocol": "tcp"}, "delivered"),
        ({"from_": "web1", "to": "web5", "version": 6}, "delivered"),
        ({"from_": "web1", "to": "web5", "protocol": "arp"}, "delivered"),
        ({"from_": "web1", "to": "ff:ff:ff:ff:ff:ff"}, "delivered"),
        ({"from_": "web1", "to": "db3"}, "dropped"),
        ({"from_": "web1", "to": "web3", "src_mac": "02:00:00:00:99:99"}, "dropped"),
    ],
)
def test_the_bridges_do_what_the_trace_says(lab: Lab, body: dict[str, Any], verdict: str) -> None:
    found = trace(lab, **body)
    assert found["verdict"] == verdict
    assert found["check"]["result"] == "agree", found["check"]
    assert [hop["platform"] for hop in found["check"]["hops"]] == [visit["platform"] for visit in found["visits"]]


def test_places_have_the_lines_of_the_labs_document(lab: Lab) -> None:
    found = trace(lab, from_="web1", to="web3")
    owner = found["visits"][0]["steps"][0]["owner"]
    assert lab.file is not None
    assert "web1:" in lab.file.read_text().splitlines()[owner["line"] - 1]


def test_a_rule_of_somebody_else_that_is_in_the_way_differs(lab: Lab) -> None:
    bridge = lab.switch("chassis1").bridge
    theirs = f"table=10,priority=65000,dl_dst={lab.document.servers['web2'].mac},actions=drop"
    add = ("ovs-ofctl", "-O", "OpenFlow13", "add-flow", bridge, theirs)
    subprocess.run(add, check=True, capture_output=True)
    found = trace(lab, from_="web1", to="web2")
    assert found["verdict"] == "delivered"
    (hop,) = found["check"]["hops"]
    assert (found["check"]["result"], hop["result"]) == ("differs", "differs")
    assert (hop["expected"], hop["found"]) == (["port 2"], [])
