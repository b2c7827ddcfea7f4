"""Running the system's own tools: lists of arguments, no shell, no terminal in between, errors that say what failed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable


class CommandFailed(Exception):
    """A tool refused; the text names the tool and gives its own words."""


def run(*args: str, stdin: str | None = None) -> str:
    """Run a tool to its end and return what it printed; raises `CommandFailed`."""
    try:
        done = subprocess.run(args, input=stdin, capture_output=True, text=True, check=False)
    except OSError as problem:
        raise CommandFailed(f"{args[0]}: {problem.strerror}") from problem
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
        raise CommandFailed(f"{' '.join(args)[:200]}: {said}")
    return done.stdout


def inside(pid: int) -> tuple[str, ...]:
    """What to put before a command to run it in the network namespace of a process."""
    return ("mnexec", "-a", str(pid))


def ip(lines: Iterable[str], pid: int | None = None) -> None:
    """Run many `ip` commands as one batch, in the network namespace of `pid` where given."""
    batch = "".join(f"{line}\n" for line in lines)
    if batch:
        run(*(inside(pid) if pid else ()), "ip", "-batch", "-", stdin=batch)


def vsctl(*args: str) -> str:
    """Call `ovs-vsctl` directly: Mininet's way, through a terminal, cuts commands at 4,096 bytes."""
    return run("ovs-vsctl", "--timeout=60", *args)
