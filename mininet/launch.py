"""The command line of the lab."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from commands import CommandFailed
from fabric_api import NotReady
from lab import READY_S, Lab
from mininet.cli import CLI
from mininet.log import setLogLevel
from report import CONSOLE, say, verdict

from controller.model.document import DocumentError

EXPERIMENTS = sorted(path.stem for path in (Path(__file__).parent / "experiments").glob("*.py"))


def main(arguments: list[str] | None = None) -> int:
    """Build the lab, do what was asked for, take it down; the exit status."""
    options, rest = _parser().parse_known_args(arguments)
    if rest and not options.experiment:
        _parser().error(f"unknown: {' '.join(rest)}")
    if os.geteuid() != 0:
        verdict(False, "network namespaces and bridges need root: run this with sudo")
        return 1
    setLogLevel("output")  # what commands say at the CLI is of this level
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    try:
        return _in_lab(options, rest)
    except (DocumentError, NotReady, CommandFailed, OSError) as problem:
        CONSOLE.print(f"[bold red]✘[/] {type(problem).__name__}:", end=" ")
        CONSOLE.print(str(problem), markup=False)
    except KeyboardInterrupt:
        CONSOLE.print("interrupted")
    return 1


def _leave(number: int, _frame: Any) -> None:
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab.py", description="Build what a fabric document says, with Mininet.")
    parser.add_argument("document", type=Path, help="the fabric document (YAML)")
    parser.add_argument(
        "--run", metavar="COMMAND", help="run one command ('web1 ping -c1 web2') and exit with its status"
    )
    parser.add_argument("--experiment", choices=EXPERIMENTS, help="run an experiment; what else is given is for it")
    parser.add_argument("--controller", metavar="HOST:PORT", help="a controller that runs already")
    parser.add_argument("--api", metavar="URL", help="where its REST API is (http://127.0.0.1:8080)")
    parser.add_argument(
        "--state-dir", type=Path, metavar="DIR", help="where state and log are kept (a temporary folder)"
    )
    parser.add_argument("--timeout", type=float, default=READY_S, metavar="S", help=f"wait so long ({READY_S:g} s)")
    return parser


def _in_lab(options: argparse.Namespace, rest: list[str]) -> int:
    say(f"building {options.document}")
    places = {"controller": options.controller, "api": options.api, "state_dir": options.state_dir}
    with Lab(options.document, ready_s=0, **places) as lab:
        _announce(lab)
        with CONSOLE.status("waiting for the fabric to converge"):
            revision = lab.wait_converged(options.timeout)["status"]["revision"]
        say(f"ready: every platform connected and converged, revision {revision}")
        return _use(lab, options, rest)


def _announce(lab: Lab) -> None:
    bridges = ", ".join(f"{name} = {switch.bridge}" for name, switch in lab.wiring.switches.items())
    say(f"{len(lab.net.hosts)} servers, {len(lab.document.links)} links, bridges {bridges}")
    if lab.controller:
        say(f"controller: process {lab.controller.pid}, API {lab.fabric_api.base}, log {lab.controller.log}")


def _use(lab: Lab, options: argparse.Namespace, rest: list[str]) -> int:
    if options.experiment:
        return int(importlib.import_module(f"experiments.{options.experiment}").run(lab, rest))
    if options.run:
        return run_command(lab, options.run)
    CLI(lab.net)
    return 0


def run_command(lab: Lab, line: str) -> int:
    """Run ``SERVER COMMAND …``, names of servers in it replaced by their addresses; the command's exit status."""
    name, _, command = line.strip().partition(" ")
    if name not in lab.document.servers or not command:
        verdict(False, f"expected SERVER COMMAND, found '{line}'; servers: {', '.join(lab.document.servers)}")
        return 2
    command = re.sub(r"[^\s]+", lambda word: _address(lab, word.group()), command)
    started = lab.host(name).popen(
        ["bash", "-c", command], stdout=sys.stdout, stderr=sys.stderr, stdin=subprocess.DEVNULL
    )
    return int(started.wait())


def _address(lab: Lab, word: str) -> str:
    return shlex.quote(lab.host(word).IP() or word) if word in lab.document.servers else word
