"""Schemathesis, over the API as it describes itself, with all its checks; what servers send meanwhile arrives.

Overrides are for real: they go to a second link that nobody needs and to a platform that carries nothing.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab
from stream import Flow, Stream

from tests.waiting import wait_until

TEXT = """
fabric: fuzzed
segments:
  web: {subnet: [10.1.0.0/24, "fd00:1::/64"]}
platforms:
  chassis1:
    dpid: 0x61
    servers:
      web1: {port: 1, segment: web, ip: [10.1.0.11, "fd00:1::11"], mac: "02:00:00:00:01:01"}
      web2: {port: 2, segment: web, ip: [10.1.0.12, "fd00:1::12"], mac: "02:00:00:00:01:02"}
    trunks: {east1: {port: 21, rate: 1 Gbit/s}, east2: {port: 22, rate: 1 Gbit/s}}
  chassis2:
    dpid: 0x62
    servers:
      web3: {port: 1, segment: web, ip: [10.1.0.13, "fd00:1::13"], mac: "02:00:00:00:02:01"}
    trunks: {west1: {port: 21, rate: 1 Gbit/s}, west2: {port: 22, rate: 1 Gbit/s}}
  spare:
    dpid: 0x63
links:
  - [chassis1.east1, chassis2.west1]
  - [chassis1.east2, chassis2.west2]
"""
FLOWS = (Flow("web1", "web3"), Flow("web2", "web1"), Flow("web3", "web2", version=6))
PACE_S = 0.005
CONFIG = """
[parameters]
"query.follow" = "false"  # a stream of events has no end

[checks.positive_data_acceptance]
# A schema cannot tell that a server's platform exists (422), or that nothing else has changed (412).
expected-statuses = ["2xx", "304", "404", "409", "412", "422"]

[[operations]]
include-operation-id = "put_links_name_admin"
parameters = { "path.name" = "chassis1.east2--chassis2.west2" }

[[operations]]
include-operation-id = "put_platforms_name_admin"
parameters = { "path.name" = "spare" }
"""
LONGEST_S = 1200
AT_REST_S = 30.0


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OS_BACKPLANE__API_RATE", "100000")
        with Lab(TEXT) as built:
            yield built


def fuzz(lab: Lab, folder: Path, examples: int, *options: str) -> int:
    """Ask everything, with so many examples of each operation; how many requests that were."""
    (folder / "schemathesis.toml").write_text(CONFIG)
    tool = Path(sys.prefix) / "bin" / "schemathesis"
    command = [str(tool), "--config-file", "schemathesis.toml", "run", f"{lab.fabric_api.base}/openapi.json"]
    command += ["--checks", "all", "--max-examples", str(examples), "--no-color", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    failures = done.stdout.partition("= FAILURES =")[2].partition("= WARNINGS =")[0]
    assert done.returncode == 0, (failures or done.stdout[-5000:]) + done.stderr
    (generated,) = re.findall(r"(\d+) generated", done.stdout)
    return int(generated)


def fuzz_with_traffic(lab: Lab, folder: Path, examples: int, *options: str) -> int:
    """Ask, while servers talk: nothing is lost, and the fabric is at rest afterwards."""
    with Stream(lab, FLOWS, PACE_S) as stream:
        asked = fuzz(lab, folder, examples, *options)
    assert not stream.result.lost, stream.result
    wait_until(lambda: lab.api("/fabric")["status"]["converged"], AT_REST_S, "it does not come to rest")
    return asked


def test_a_few_random_requests_are_answered_as_described(lab: Lab, tmp_path: Path) -> None:
    assert fuzz_with_traffic(lab, tmp_path, 2, "--phases", "fuzzing", "--seed", "1") >= 50


@pytest.mark.long
def test_thousands_of_random_requests_are_answered_as_described(lab: Lab, tmp_path: Path) -> None:
    assert fuzz_with_traffic(lab, tmp_path, 60) >= 2000
