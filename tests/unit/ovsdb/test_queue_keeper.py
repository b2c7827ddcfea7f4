"""The queues of a bridge whose database does not do what is asked: told as that, and nothing else is blamed."""

from __future__ import annotations

from typing import Any

from apps.ovsdb.client import OvsdbError
from apps.ovsdb.queue_keeper import ALARM, QueueKeeper
from controller.model.alarms import Alarms
from controller.queues import PortQueues


class Refusing:
    """A database that refuses."""

    def transact(self, *_: Any) -> Any:
        raise OvsdbError("the database refused a change: no space")


def test_a_refusal_is_an_alarm_of_the_queues_and_nothing_is_kept() -> None:
    alarms = Alarms()
    keeper = QueueKeeper(alarms, lambda _platform, _text: None)
    wanted = (PortQueues(20, "s1-eth20", 10**8, ()),)
    assert keeper.keep("p1", Refusing(), "s1", True, wanted) == {}  # type: ignore[arg-type]
    (alarm,) = alarms.standing()
    assert (alarm.kind, alarm.subject) == (ALARM, "p1")
    assert "no space" in alarm.message
    keeper.forget("p1")
    assert not alarms.standing()
