"""What changes elsewhere costs nobody else a packet: links, servers, the document, good and bad."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path

import pytest
from edits import free_port, with_new_server, with_server, without_link
from experiments.changes import Changes, outcomes_of
from fabric_api import ApiError
from lab import Lab
from steps import Outcome, Step, measure, rewrite, usual_flows
from stream import Flow

from controller.model.document import dump_document
from tests.waiting import wait_until

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SETTINGS = "\nstorm: 10000\nbfd: off"
"""A flooded stream of 1,000/s is not to meet the storm control; rules are compared, and BFD moves them when the machine
is busy."""
MOVER = "web2"


def example(name: str) -> Lab:
    text = (EXAMPLES / f"{name}.yaml").read_text()
    return Lab(text.replace("storm: 1000 ", "").replace(f"fabric: {name}", f"fabric: {name}{SETTINGS}"))


@pytest.fixture(scope="module")
def fabrics() -> Iterator[Callable[[str], Lab]]:
    """The labs of this module, each built when it is first asked for."""
    with ExitStack() as built:
        yield cache(lambda name: built.enter_context(example(name)))


@pytest.fixture(params=[pytest.param("two-chassis", marks=pytest.mark.long), "ring"])
def lab(request: pytest.FixtureRequest, fabrics: Callable[[str], Lab]) -> Lab:
    return fabrics(request.param)


@pytest.fixture
def ring(fabrics: Callable[[str], Lab]) -> Lab:
    return fabrics("ring")


def during(lab: Lab, act: Callable[[], None]) -> Outcome:
    return measure(lab, usual_flows(lab.document, spared=[MOVER]), Step("it", act))


def assert_clean(outcome: Outcome) -> None:
    assert outcome.others.clean, f"{outcome.step.title}:\n{outcome.result}"
    assert not outcome.result.duplicated, str(outcome.result)
    assert not outcome.rules.rewritten, f"{outcome.step.title}: {outcome.rules}"


def test_nothing_is_lost_between_the_others(lab: Lab) -> None:
    """Links added, made dearer, removed; servers added, changed, removed, moved; the controller killed amid changes."""
    text, rules = dump_document(lab.document), []
    for outcome in outcomes_of(lab):
        assert_clean(outcome)
        rules.append(outcome.rules)
    assert dump_document(lab.document) != text  # it has two trunks more, and the server is home again
    assert lab.document.servers[MOVER].platform == "chassis1"
    assert sum(bool(found.added) for found in rules) >= 8


def test_only_the_difference_is_sent(ring: Lab) -> None:
    spec = ring.document.servers[MOVER]
    changed = with_server(ring.document, MOVER, ip=(spec.ip[0] + 100, *spec.ip[1:]))
    outcome = during(ring, lambda: rewrite(ring, changed))
    assert_clean(outcome)
    rules = (*outcome.rules.added, *outcome.rules.removed)
    addresses = ("10.1.0.12", "10.1.0.112", "0xa01000c", "0xa010070")
    assert all(any(address in rule for address in addresses) for rule in rules), outcome.rules
    assert 0 < len(rules) <= 2 * (len(ring.document.platforms) + 2)
    rewrite(ring, ring.document)


def test_an_equal_document_changes_nothing(ring: Lab) -> None:
    before = ring.api("/fabric")["status"]["revision"]

    def again() -> None:
        assert ring.file is not None
        ring.file.write_text("# read again\n" + ring.file.read_text())
        assert ring.fabric_api.post("/document/reload")["revision"] == before

    outcome = during(ring, again)
    assert_clean(outcome)
    assert outcome.rules.nothing, outcome.rules


def test_a_document_is_reloaded_by_the_api(ring: Lab) -> None:
    assert ring.file is not None
    file, before = ring.file, ring.api("/fabric")["status"]["revision"]

    def reload() -> None:
        file.write_text(dump_document(with_new_server(ring.document, "late", like=MOVER)))
        assert ring.fabric_api.post("/document/reload")["revision"] == before + 1
        ring.wait_converged(beyond=before)

    assert_clean(during(ring, reload))
    assert ring.api("/servers/late")["spec"]["platform"] == "chassis1"
    rewrite(ring, ring.document)


@pytest.mark.parametrize("by_api", [False, True], ids=["SIGHUP", "API"])
def test_a_bad_document_changes_nothing_and_says_why(ring: Lab, by_api: bool) -> None:
    assert ring.file is not None
    file, good, revision = ring.file, ring.file.read_text(), ring.api("/fabric")["status"]["revision"]
    said = len(log_of(ring))

    def spoil() -> None:
        file.write_text(good.replace("10.1.0.12", "10.9.0.12"))
        if by_api:
            with pytest.raises(ApiError, match=r"422 .*10\.9\.0\.12"):
                ring.fabric_api.post("/document/reload")
        else:
            assert ring.controller is not None
            ring.controller.reload()
            wait_until(lambda: alarms(ring), 5, "no alarm stands")

    outcome = during(ring, spoil)
    assert_clean(outcome)
    assert outcome.rules.nothing, outcome.rules
    assert ring.api("/fabric")["status"]["revision"] == revision
    if not by_api:
        (alarm,) = alarms(ring)
        assert alarm["kind"] == "document"
        assert "servers.web2.ip" in alarm["message"]
        assert "10.9.0.12" in alarm["message"]
        lines = [line for line in log_of(ring)[said:] if "10.9.0.12" in line]
        assert len(lines) == 1, lines
        assert "document not taken over" in lines[0]
        assert "Traceback" not in "\n".join(log_of(ring)[said:])
    file.write_text(good)
    ring.fabric_api.post("/document/reload")
    assert not alarms(ring)


def alarms(lab: Lab) -> list[dict[str, str]]:
    return list(lab.api("/fabric")["status"]["alarms"])


def log_of(lab: Lab) -> list[str]:
    assert lab.controller is not None
    return lab.controller.log.read_text().splitlines()


def test_a_server_that_moves_is_away_for_its_move_alone(ring: Lab) -> None:
    away = "chassis3"

    def move() -> None:
        ring.move_server(MOVER, away, free_port(ring.document, away))
        rewrite(ring, ring.document)

    home = ring.document.servers[MOVER]
    flows = [*usual_flows(ring.document, spared=[MOVER]), Flow("web8", MOVER), Flow(MOVER, "web7")]
    outcome = measure(ring, flows, Step("move", move, MOVER))
    assert_clean(outcome)
    to_it = outcome.result.flow("web8", MOVER)
    assert 0 < to_it.longest_gap_s < outcome.took_s + 0.2, str(outcome.result)
    ring.move_server(MOVER, home.platform, home.port)
    rewrite(ring, ring.document)


@pytest.mark.long
def test_nothing_is_lost_by_many_changes(lab: Lab) -> None:
    for _ in range(10):
        changes = Changes(lab)
        for step in changes.steps():
            assert_clean(measure(lab, changes.flows(step), step))


@pytest.mark.long
def test_nothing_is_lost_whenever_the_controller_is_killed(lab: Lab) -> None:
    changes, moment = Changes(lab), random.Random(1)
    without = without_link(lab.document, changes.used)
    for document in (without, lab.document) * 20:
        after_s = moment.uniform(0, 0.4)
        act = partial(changes.change_and_kill, document, after_s)
        assert_clean(measure(lab, changes.flows(Step("", act)), Step(f"killed after {after_s:.3f} s", act)))
