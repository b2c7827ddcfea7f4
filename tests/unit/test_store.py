"""The state folder: nothing accepted is lost, nobody else may use it, and trouble is said plainly."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.store import Store, StoreCorrupt, StoreLocked
from tests.waiting import wait_until

IN_TIME_S = 10.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    store = Store(folder)
    yield store
    store.close()


def reopened(folder: Path) -> dict[tuple[str, str], object]:
    store = Store(folder)
    try:
        return store.load()
    finally:
        store.close()


def program(text: str, folder: Path, first: str = "") -> subprocess.Popen[str]:
    """Another process that has `folder` and `Store`, after it has done what comes `first`."""
    head = f"{first}\nfrom apps.store import Store\nfolder = {str(folder)!r}\n"
    command = [sys.executable, "-u", "-W", "ignore", "-c", head + textwrap.dedent(text)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_rows_come_back_as_they_were_put(folder: Path, store: Store) -> None:
    values = {"text": "ü", "list": [1, [2, "three"]], "large": 2**80, "truth": True, "nested": {"a": None}}
    store.put([("kind", name, value) for name, value in values.items()])
    store.close()
    assert reopened(folder) == {("kind", name): value for name, value in values.items()}


def test_the_last_value_counts_and_none_deletes(folder: Path, store: Store) -> None:
    store.put([("k", "changed", 1), ("k", "gone", 1), ("k", "back", 1)])
    assert store.flush(IN_TIME_S)
    store.put([("k", "changed", 2), ("k", "gone", None), ("k", "back", None)])
    store.put([("k", "back", 3)])
    store.close()
    assert reopened(folder) == {("k", "changed"): 2, ("k", "back"): 3}


def test_a_ticket_tells_when_its_rows_are_on_the_disk(folder: Path, store: Store) -> None:
    ticket = store.put([("k", "n", 1)])
    assert store.flush(IN_TIME_S, ticket)
    assert store.is_durable(ticket)
    with sqlite3.connect(folder / "state.db") as reader:
        assert reader.execute("SELECT value FROM state").fetchall() == [("1",)]
    reader.close()


def test_a_value_that_cannot_be_kept_is_refused_whole(folder: Path, store: Store) -> None:
    with pytest.raises(TypeError):
        store.put([("k", "good", 1), ("k", "bad", object())])
    store.close()
    assert reopened(folder) == {}


def test_all_that_was_flushed_survives_a_kill_at_any_moment_and_calls_are_kept_whole_and_in_order(folder: Path) -> None:
    writer = program(
        """
        store = Store(folder)
        number = 0
        while True:
            number += 1
            store.put([("pair", "left", number), ("pair", "right", number), ("row", str(number), number)])
            if number % 50 == 0 and store.flush(60):
                print(number)
        """,
        folder,
    )
    flushed = [int(line(writer)) for _ in range(5)][-1]
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    rows = reopened(folder)
    kept = sorted(value for (kind, _), value in rows.items() if kind == "row")
    assert kept == list(range(1, len(kept) + 1))
    assert len(kept) >= flushed
    assert rows["pair", "left"] == rows["pair", "right"] == len(kept)


def test_an_orderly_exit_writes_what_is_pending(folder: Path) -> None:
    process = program("Store(folder).put([('k', str(n), n) for n in range(5000)])", folder)
    process.communicate()
    assert process.returncode == 0
    assert len(reopened(folder)) == 5000


def test_a_second_controller_is_refused_and_told_who_holds_the_folder(folder: Path) -> None:
    holder = program("store = Store(folder); print('held'); input()", folder)
    assert line(holder) == "held"
    with pytest.raises(StoreLocked, match=rf"{folder} .*process {holder.pid}\b"):
        Store(folder)
    holder.kill()
    holder.communicate()
    assert reopened(folder) == {}


def test_the_same_process_cannot_open_it_twice_until_it_is_closed(folder: Path, store: Store) -> None:
    with pytest.raises(StoreLocked):
        Store(folder)
    store.close()
    assert reopened(folder) == {}


def test_while_it_cannot_write_it_says_why_and_keeps_everything(folder: Path, store: Store) -> None:
    store.put([("k", "before", 1)])
    assert store.flush(IN_TIME_S)
    blocker = sqlite3.connect(folder / "state.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    ticket = store.put([("k", "during", 2), ("k", "before", 3)])
    wait_until(lambda: store.problem is not None, IN_TIME_S, "the trouble was not noticed")
    assert str(folder) in store.problem
    assert "locked" in store.problem
    assert not store.is_durable(ticket)
    assert not store.flush(0.05)
    store.put([("k", "during", 4)])
    blocker.close()
    assert store.flush(IN_TIME_S)
    assert store.problem is None
    store.close()
    assert reopened(folder) == {("k", "before"): 3, ("k", "during"): 4}


def test_a_full_disk_costs_nothing_once_there_is_room(folder: Path) -> None:
    """A limit on the size of files stands for a disk that is full."""
    process = program(
        """
        import resource
        store = Store(folder)
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, unlimited[1]))
        store.put([("k", str(n), "x" * 1000) for n in range(500)])
        while store.problem is None:
            pass
        print(store.problem)
        store.put([("k", "later", 1)])
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        print(store.flush(30), store.problem)
        """,
        folder,
    )
    said, _ = process.communicate()
    problem, end = said.splitlines()
    assert str(folder) in problem
    assert end == "True None"
    rows = reopened(folder)
    assert len(rows) == 501
    assert rows["k", "499"] == "x" * 1000


def test_putting_never_waits_for_the_disk(folder: Path, store: Store) -> None:
    blocker = sqlite3.connect(folder / "state.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    for number in range(100):
        store.put([("k", str(number), number)])
    assert time.monotonic() - started < 1
    assert not store.is_durable(100)
    blocker.close()


def test_under_ryu_other_greenlets_run_while_one_waits_for_the_disk(folder: Path) -> None:
    process = program(
        """
        import sqlite3
        store = Store(folder)
        blocker = sqlite3.connect(folder + "/state.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        ticket = store.put([("k", "n", 1)])
        eventlet.spawn_after(0.3, blocker.close)
        print(store.flush(30, ticket))
        """,
        folder,
        first="import eventlet; eventlet.monkey_patch()",
    )
    said, _ = process.communicate(timeout=60)
    assert said.strip() == "True"
    assert reopened(folder) == {("k", "n"): 1}


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(folder: Path) -> None:
    folder.mkdir()
    file = folder / "state.db"
    file.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreCorrupt, match=f"{file} is damaged"):
        Store(folder)
    assert file.read_bytes().startswith(b"not a database")


def test_a_damaged_database_is_refused(folder: Path) -> None:
    store = Store(folder)
    store.put([("k", str(number), "x" * 100) for number in range(1000)])
    store.close()
    with (folder / "state.db").open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(16384))
    with pytest.raises(StoreCorrupt, match="damaged"):
        Store(folder)


def test_state_of_a_newer_program_is_refused(folder: Path) -> None:
    reopened(folder)
    with sqlite3.connect(folder / "state.db") as database:
        database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(StoreCorrupt, match="newer program"):
        Store(folder)


def test_a_refused_folder_is_not_left_locked(folder: Path) -> None:
    folder.mkdir()
    (folder / "state.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreCorrupt):
        Store(folder)
    (folder / "state.db").unlink()
    assert reopened(folder) == {}


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=str(tmp_path / "file")):
        Store(tmp_path / "file" / "state")


def test_only_the_owner_can_read_it(folder: Path, store: Store) -> None:
    store.put([("secret", "key", "x")])
    assert store.flush(IN_TIME_S)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert modes.pop("state") == 0o700
    assert {"state.db", "state.db-wal"} <= modes.keys()
    assert set(modes.values()) == {0o600}
