"""Whether a rule is the one that was there before, however long the switches took to answer."""

from __future__ import annotations

from rule_ages import difference


def test_a_slow_answer_makes_no_rule_young() -> None:
    assert difference({"a": (1.0, 2.0)}, {"a": (1.9, 1.9)}).nothing


def test_a_rule_put_in_again_is_found() -> None:
    found = difference({"a": (1.0, 1.1), "b": (1.0, 1.1)}, {"a": (1.0, 1.1), "b": (5.0, 5.1)})
    assert (found.rewritten, found.kept, found.nothing) == (("b",), 1, False)


def test_what_came_and_went_is_named() -> None:
    found = difference({"old": (1.0, 1.0)}, {"new": (2.0, 2.0)})
    assert (found.added, found.removed, found.rewritten) == (("new",), ("old",), ())
    assert "old" in str(found)
    assert "new" in str(found)
