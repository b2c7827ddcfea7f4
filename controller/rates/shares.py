"""What each priority has of one way."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from controller.rates.network import Failure


class Change(NamedTuple):
    """How much more somebody of a priority has, and how much more of that is above his floor."""

    priority: int
    rate_bps: int
    slack_bps: int


@dataclass(slots=True)
class Share:
    """What those of one priority have, and how much of that is above their floors."""

    rate_bps: int = 0
    slack_bps: int = 0

    def add(self, by: Change, times: int) -> None:
        """Take in a change, so many times."""
        self.rate_bps += times * by.rate_bps
        self.slack_bps += times * by.slack_bps


class Shares:
    """By priority: what loads the way, and what each failure diverts onto it."""

    def __init__(self) -> None:
        self.loads: defaultdict[int, Share] = defaultdict(Share)
        self.diverted: defaultdict[Failure, defaultdict[int, Share]] = defaultdict(lambda: defaultdict(Share))

    def load(self, by: Change, times: int) -> None:
        """What loads the way has changed."""
        self.loads[by.priority].add(by, times)

    def divert(self, failure: Failure, by: Change, times: int) -> None:
        """What a failure diverts onto it has changed."""
        self.diverted[failure][by.priority].add(by, times)
