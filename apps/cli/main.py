"""The command `backplane`: where it begins, and where each failure becomes words and an exit status."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from apps.cli.app import app
from apps.cli.failures import Exit, Failed, Refused
from apps.cli.plans import fault_lines, misfit_line
from apps.cli.screen import Enough, Screen

_JSON: Final = (("-o", "json"), ("--output", "json"))


def run() -> None:
    """Run what was typed, and exit."""
    sys.exit(_run())


def _run() -> int:
    try:
        app()
    except Failed as failed:
        return _fail(failed)
    except Enough:
        # At exit Python would try to write the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else Exit.FINDING
    return Exit.OK


def _fail(failed: Failed) -> int:
    if _wants_json():
        print(json.dumps(failed.problem, ensure_ascii=False), file=sys.stderr)
    else:
        Screen(as_json=False).fail(list(failure_lines(failed)))
    return failed.code


def _wants_json() -> bool:
    given = sys.argv[1:]
    return "--json" in given or any(pair in _JSON for pair in itertools.pairwise(given))


def failure_lines(failed: Failed) -> Iterator[str]:
    """The sentence, the places that belong to it, and what to do."""
    if isinstance(failed, Refused):
        yield str(failed).replace("the body", failed.source or "the body", 1)
        yield from (f"  {line}" for line in _belonging(failed.body, failed.source))
    else:
        yield str(failed)
    if failed.advice:
        yield failed.advice


def _belonging(body: Mapping[str, Any], source: str) -> Iterator[str]:
    for problem in _each(body, "problems"):
        line = f"{source}:{problem['line']}" if source and problem.get("line") else ""
        yield ": ".join(part for part in (line, problem.get("place", ""), problem.get("message", "")) if part)
    for key in ("referrers", "conflicts"):
        yield from map(misfit_line, _each(body, key))
    for fault in _each(body, "faults"):
        yield f"{fault['kind']}: {fault['message']}"
        yield from (f"  {line}" for line in fault_lines(fault))


def _each(body: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    found = body.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
