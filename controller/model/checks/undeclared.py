"""What becomes of bridges and ports that nobody named."""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.draft import Draft, Entry, names, specs
from controller.model.problems import Found
from controller.model.spec import Undeclared
from controller.model.wording import did_you_mean, listed


def check(draft: Draft) -> Iterator[Found]:
    """Who learns says into which segment; who does not, says nothing more."""
    known = names(draft.segments)
    for entry, spec in specs(draft.undeclared):
        yield from _closed(entry, spec) if spec.mode == "closed" else _learns(entry, spec, known)


def _closed(entry: Entry[Undeclared], spec: Undeclared) -> Iterator[Found]:
    blank = Undeclared()
    for key in sorted(key for key in spec.model_fields_set if getattr(spec, key) != getattr(blank, key)):
        yield (*entry.place, key), "only mode learn has it, and this is closed"


def _learns(entry: Entry[Undeclared], spec: Undeclared, known: set[str]) -> Iterator[Found]:
    if spec.segment is None and known:
        choice = listed(sorted(known))
        yield entry.place, f"missing: the segment of learned servers, as {{mode: learn, segment: …}} (one of {choice})"
    elif spec.segment is not None and spec.segment not in known:
        hint = did_you_mean(spec.segment, known)
        yield (*entry.place, "segment"), f"there is no segment '{spec.segment}'{hint}"
