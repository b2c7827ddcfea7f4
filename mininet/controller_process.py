"""The controller as a process of the lab's: started, killed, restarted, told to read its document again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from namespaces import listens

ROOT = Path(__file__).resolve().parent.parent
_STOP_S = 5.0
_START_S = 10.0
_POLL_S = 0.02


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ControllerProcess:
    """`ryu-manager apps.backplane` on free ports of the loopback."""

    def __init__(self, document: Path | None, state_dir: Path) -> None:
        self.document, self.state_dir = document, state_dir
        self.log = state_dir / "controller.log"
        self.openflow_port, self.api_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def target(self) -> str:
        """Where the switches connect to."""
        return f"tcp:127.0.0.1:{self.openflow_port}"

    @property
    def pid(self) -> int:
        """The process id; raises `RuntimeError` when it is not running."""
        if self._process is None:
            raise RuntimeError("the controller is not running")
        return self._process.pid

    def start(self) -> None:
        """Start it; the same ports and state folder each time."""
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C at the CLI is not for the controller.
            self._process = subprocess.Popen(
                self._command(), env=self._environment(), cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )

    def _command(self) -> list[str]:
        manager = Path(sys.prefix) / "bin" / "ryu-manager"
        listen = ["--ofp-listen-host", "127.0.0.1", "--ofp-tcp-listen-port", str(self.openflow_port)]
        return [str(manager), "apps.backplane", *listen, "--wsapi-port", str(self.api_port)]

    def _environment(self) -> dict[str, str]:
        settings = {"OS_BACKPLANE__STATE_DIR": str(self.state_dir)}
        if self.document:
            settings["OS_BACKPLANE__DOCUMENT"] = str(self.document)
        return {**os.environ, **settings}

    def running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.poll() is None

    def wait_listening(self) -> None:
        """Wait until it takes connections of switches, or has ended."""
        deadline = time.monotonic() + _START_S
        while self.running() and not listens(os.getpid(), self.openflow_port) and time.monotonic() < deadline:
            time.sleep(_POLL_S)

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end (SIGTERM); after some seconds, kill it."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def reload(self) -> None:
        """Tell it to read its document again (SIGHUP)."""
        os.kill(self.pid, signal.SIGHUP)

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])
