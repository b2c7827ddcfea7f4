"""A packet's journey as lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from controller.rules.outcome import Step
from controller.rules.readable import actions_text, entry_text, group_name, match_text, table_name
from controller.rules.rules import FlowEntry, Group
from controller.verifier import Journey


def walk_lines(journey: Journey) -> Iterator[str]:
    """Each step on each platform, in the order in which the packet came by."""
    for (platform, port), outcome in journey.visits:
        yield f"{platform}: in by port {port}"
        for step in outcome.steps:
            yield f"{platform}: {step_text(step)}"
        yield from (f"{platform}: {note}" for note in outcome.notes)
        yield from (f"{platform}: out by port {out.port}" for out in outcome.outputs)


def step_text(step: Step) -> str:
    """One step: where, what matched, what it does, whose it is."""
    whose = f" ({step.owner.kind} {step.owner.name})" if step.owner else ""
    return f"{step_place(step)}: {step_asks(step)} -> {step_does(step)}{whose}"


def step_place(step: Step) -> str:
    """The table, or the group and its bucket."""
    if isinstance(step.rule, Group):
        return f"{group_name(step.rule.number)}, bucket {step.bucket}"
    return f"table {table_name(step.table or 0)}"


def step_asks(step: Step) -> str:
    """What the rule asks of a packet."""
    if isinstance(step.rule, FlowEntry):
        return match_text(step.rule.match)
    if step.rule is None or step.bucket is None:
        return "nothing matches"
    bucket = step.rule.buckets[step.bucket]
    if bucket.watch_group is not None:
        return "when nothing else works"
    return "every packet" if bucket.watch_port is None else f"while port {bucket.watch_port} works"


def step_does(step: Step) -> str:
    """What the rule does to a packet."""
    if isinstance(step.rule, FlowEntry):
        return entry_text(step.rule)
    if step.rule is None or step.bucket is None:
        return "drop"
    return actions_text(step.rule.buckets[step.bucket].actions)
