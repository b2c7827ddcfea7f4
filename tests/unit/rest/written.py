"""The API with a state folder and virtual switches: what is asked for over it is kept, and reaches them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ryu.lib import hub

from apps.state import State
from controller.control import Refused
from tests.unit.rest.conftest import Api
from tests.virtual import VirtualFabric

PLATFORMS = ("c1", "c2", "c3")
PORTS = (1, 2, 3, 4, 20, 21)
"""Of each platform; 20 leads to the next one's 21, round the ring."""
RING = tuple((f"c{one}", f"c{one % 3 + 1}") for one in (1, 2, 3))


class Written:
    """A controller, its folder, and the API. The switches outlive it; the time of day goes on by `later` alone."""

    def __init__(
        self,
        folder: Path,
        file: Path | None = None,
        virtual: VirtualFabric | None = None,
        time: float = 1_700_000_000.0,
    ) -> None:
        self.folder, self.file, self.time = folder, file, time
        self.state = State(str(folder), str(file) if file else None)
        self.virtual = VirtualFabric(fabric=self.state.fabric, clock=lambda: self.time)
        if virtual:
            self.virtual.switches, self.virtual.cables = virtual.switches, virtual.cables
        else:
            self._build()
        self.api = Api(self.virtual.control, self.state)
        self.settle()

    def _build(self) -> None:
        for number, name in enumerate(PLATFORMS, start=1):
            self.virtual.add_switch(name, number, PORTS)
        for one, other in RING:
            self.virtual.plug((one, 20), (other, 21))

    @property
    def control(self) -> Any:
        return self.virtual.control

    def settle(self) -> None:
        """Let switches connect and go as the controller says, until nothing is left to do; and keep the state."""
        self.virtual.settle()
        for name in self.control.dismissed():
            self.control.switch_gone(name)
        for name in PLATFORMS:
            if name not in self.control.connected:
                self._connect(name)
        self.virtual.settle()
        self.state.keep(self.control.fabric)

    def _connect(self, name: str) -> None:
        switch = self.virtual.switches[name]
        if not isinstance(self.control.switch_connected(switch.dpid, name, switch.ports.values()), Refused):
            self.control.switch_read(name, switch.report(), self.virtual.now)

    def later(self, seconds: float) -> None:
        """Time passes, and what is due happens."""
        self.time += seconds
        self.control.tick(self.virtual.now)
        self.settle()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Switches carry out their steps while the API is asked."""
        pump = hub.spawn(self._run)
        try:
            yield
        finally:
            hub.kill(pump)

    def _run(self) -> None:
        while True:
            self.virtual.discover()
            self.virtual.step()
            hub.sleep(0.002)

    def restarted(self) -> Written:
        """A new controller that starts from the folder, after an orderly end."""
        self.state.keep(self.control.fabric)
        self.state.close()
        return Written(self.folder, self.file, self.virtual, self.time)

    def crashed(self, folder: Path) -> Written:
        """A new controller that starts from what was on the disk at this moment."""
        shutil.copytree(self.folder, folder)
        self.state.close()
        return Written(folder, self.file, self.virtual, self.time)

    def rows(self, kind: str) -> dict[str, Any]:
        """What SQLite holds of one kind."""
        with sqlite3.connect(f"file:{self.folder / 'state.db'}?mode=ro", uri=True) as database:
            found = database.execute("SELECT name, value FROM state WHERE kind = ?", (kind,)).fetchall()
        return {name: json.loads(value) for name, value in found}
