"""All ordered pairs of servers: who reached whom, in which time, and whether anything crossed between segments.

    .venv/bin/python mininet/lab.py DOCUMENT --experiment reachability [--rounds N] [--json FILE]

Within a segment every probe must be answered, once; across segments nothing may arrive. Exit status 1 otherwise.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from addressing import mac_of
from endpoints import Endpoint, Pair, pairs_of
from forger import forge
from prober import Found, probe
from report import CONSOLE, percentile, table, verdict, write_json
from rich.table import Table

if TYPE_CHECKING:
    from lab import Lab

_MATRIX_SERVERS = 16
_RESULT = Path("results/reachability.json")


@dataclass
class Family:
    """What was found in one IP version."""

    version: int
    within: dict[Pair, Found]
    across: int
    """Ordered pairs of servers of different segments."""
    crossed: Counter[Pair]
    took_s: float

    @property
    def lost(self) -> int:
        """Probes without an answer."""
        return sum(found.lost for found in self.within.values())

    @property
    def duplicates(self) -> int:
        """Probes and answers that came more than once."""
        return sum(found.duplicates for found in self.within.values())

    @property
    def good(self) -> bool:
        """Whether all is as expected."""
        return not (self.lost or self.duplicates or self.crossed)


def run(lab: Lab, arguments: list[str]) -> int:
    """The experiment, in a lab that is ready; the exit status."""
    options = _options(arguments)
    families, endpoints = measure(lab, options.rounds, options.patience)
    show(families, endpoints)
    write_json(options.json, as_json(lab.document.fabric, families, endpoints))
    return 0 if judge(families) else 1


def judge(families: list[Family]) -> bool:
    """Say in one line whether all is as expected."""
    good = all(family.good for family in families) and bool(families)
    verdict(good, _summary(families) if families else "no two servers have addresses: nothing to probe")
    return good


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="reachability", description="All pairs: who reaches whom.")
    parser.add_argument("--rounds", type=int, default=2, help="probes for each pair; the first is the timed one")
    parser.add_argument("--patience", type=float, default=4.0, help="seconds after which a probe is lost")
    parser.add_argument("--json", type=Path, default=_RESULT, help=f"where the result goes ({_RESULT})")
    return parser.parse_args(arguments)


def endpoints_of(lab: Lab) -> list[Endpoint]:
    """The lab's servers, as the prober needs them."""
    document = lab.document
    return [
        Endpoint(
            name,
            server.segment,
            lab.host(name).pid,
            mac_of(document, name),
            tuple(str(address) for address in server.ip),
        )
        for name, server in document.servers.items()
    ]


def measure(lab: Lab, rounds: int = 2, patience_s: float = 4.0) -> tuple[list[Family], list[Endpoint]]:
    """Probe everything, in each IP version that two servers or more have an address of."""
    endpoints = endpoints_of(lab)
    versions = [version for version in (4, 6) if sum(e.address(version) is not None for e in endpoints) > 1]
    return [_measure(endpoints, version, rounds, patience_s) for version in versions], endpoints


def _measure(endpoints: list[Endpoint], version: int, rounds: int, patience_s: float) -> Family:
    began = time.monotonic()
    within = probe(endpoints, version, rounds, patience_s)
    took = time.monotonic() - began
    across = len(pairs_of(endpoints, version, same_segment=False))
    return Family(version, within, across, forge(endpoints, version) if across else Counter(), took)


def show(families: list[Family], endpoints: list[Endpoint]) -> None:
    """Print the matrix, where it fits, and the figures."""
    if len(endpoints) <= _MATRIX_SERVERS:
        _matrix(families, endpoints)
    columns = [
        "",
        "pairs",
        "reached",
        "lost",
        "twice",
        "median ms",
        "p99 ms",
        "max ms",
        "took s",
        "kept apart",
        "crossed",
    ]
    footnote = "ms: first packet and its answer, neighbour discovery included   kept apart: pairs across segments"
    table("All ordered pairs", columns, [_row(family) for family in families], footnote)


def _row(family: Family) -> list[str]:
    times = [found.first_ms for found in family.within.values() if found.first_ms is not None]
    reached = sum(found.answered > 0 for found in family.within.values())
    row = [f"IPv{family.version}", len(family.within), reached, family.lost, family.duplicates]
    row += [f"{percentile(times, share):.2f}" for share in (0.5, 0.99, 1)]
    return [
        str(cell) for cell in (*row, f"{family.took_s:.2f}", family.across - len(family.crossed), len(family.crossed))
    ]


def _matrix(families: list[Family], endpoints: list[Endpoint]) -> None:
    made = Table(title="From (row) to (column)", title_justify="left", title_style="bold", caption_justify="left")
    made.caption = "✔ reached   · kept apart   ✘ lost or twice   ! crossed between segments"
    order = sorted(range(len(endpoints)), key=lambda at: endpoints[at].segment)
    made.add_column("segment")
    made.add_column("server")
    for at in order:
        made.add_column(endpoints[at].name, justify="center")
    for source in order:
        cells = [_cell(families, endpoints, (source, target)) for target in order]
        made.add_row(endpoints[source].segment, endpoints[source].name, *cells)
    CONSOLE.print(made)


def _cell(families: list[Family], endpoints: list[Endpoint], pair: Pair) -> str:
    if pair[0] == pair[1]:
        return ""
    if any(family.crossed[pair] for family in families):
        return "[bold red]![/]"
    if endpoints[pair[0]].segment != endpoints[pair[1]].segment:
        return "[dim]·[/]"
    found = [family.within[pair] for family in families if pair in family.within]
    if not found:
        return "[dim]-[/]"
    good = not any(one.lost or one.duplicates for one in found)
    return "[green]✔[/]" if good else "[bold red]✘[/]"


def _summary(families: list[Family]) -> str:
    lost, twice = sum(f.lost for f in families), sum(f.duplicates for f in families)
    crossed = sum(len(family.crossed) for family in families)
    pairs = sum(len(family.within) for family in families)
    return f"{pairs} pairs within segments: {lost} lost, {twice} twice; across segments {crossed} crossed"


def as_json(fabric: str, families: list[Family], endpoints: list[Endpoint]) -> dict[str, Any]:
    """The result as a program reads it."""
    return {
        "fabric": fabric,
        "good": all(f.good for f in families),
        "families": [_json(f, endpoints) for f in families],
    }


def _json(family: Family, endpoints: list[Endpoint]) -> dict[str, Any]:
    def names(pair: Pair) -> dict[str, str]:
        return {"from": endpoints[pair[0]].name, "to": endpoints[pair[1]].name}

    return {
        "ip_version": family.version,
        "took_s": round(family.took_s, 3),
        "lost": family.lost,
        "duplicates": family.duplicates,
        "pairs": [{**names(pair), **vars(found), "lost": found.lost} for pair, found in family.within.items()],
        "pairs_across_segments": family.across,
        "crossed": [{**names(pair), "frames": frames} for pair, frames in family.crossed.items()],
    }
