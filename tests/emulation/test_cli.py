"""The lab's command line, as a person types at it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]
DOCUMENT = """
segments: {web: {subnet: 10.1.0.0/24}}
platforms:
  chassis1:
    dpid: 1
    servers:
      web1: {port: 1, segment: web, ip: 10.1.0.11}
      web2: {port: 2, segment: web, ip: 10.1.0.12}
"""


def test_what_commands_say_at_the_cli_is_shown(tmp_path: Path) -> None:
    document = tmp_path / "fabric.yaml"
    document.write_text(DOCUMENT)
    command = [sys.executable, "mininet/lab.py", str(document)]
    typed = "web1 ping -c1 web2\npingall\nexit\n"
    done = subprocess.run(command, cwd=TOP, input=typed, capture_output=True, text=True, timeout=90, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "1 packets transmitted, 1 received" in said
    assert "0% dropped (2/2 received)" in said
