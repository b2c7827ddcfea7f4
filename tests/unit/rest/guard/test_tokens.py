"""Tokens: made, kept as hashes, read from a file that only its owner may read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from apps.rest.guard.settings import ApiSettings, BadSettings, Guard
from apps.rest.guard.token_file import TokenFile
from apps.rest.tokens import BadTokens, make_token, read_tokens
from tests.unit.rest.guard.conftest import write_tokens
from tests.unit.rest.test_server import TOP


def test_a_token_fits_its_line_and_no_other() -> None:
    token, line = make_token("alice", "write")
    other, _ = make_token("alice", "write")
    kept = read_tokens(line, "tokens")["alice"]
    assert kept.scope == "write"
    assert kept.fits(token.partition(".")[2])
    assert not kept.fits(other.partition(".")[2])
    assert token.partition(".")[2] not in line


@pytest.mark.parametrize("name", ["", "Alice", "a b", "-a", "a.b", "ä", "a" * 64])
def test_a_name_that_cannot_stand_in_a_line_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a name"):
        make_token(name, "read")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: line.replace(" read ", " admin "),
        lambda line: line.replace("scrypt:16384", "scrypt:16383"),
        lambda line: line.replace("scrypt:16384", "scrypt:8388608"),
        lambda line: line.replace("scrypt", "plain"),
        lambda line: line[:-2] + "*=",
        lambda line: f"{line} more",
        lambda line: "reader",
    ],
)
def test_a_line_that_cannot_be_read_is_told_with_its_number(spoil: object) -> None:
    _, line = make_token("reader", "read")
    with pytest.raises(BadTokens, match=r"tokens, line 2: expected NAME read\|write scrypt"):
        read_tokens(f"# readers\n{spoil(line)}", "tokens")  # type: ignore[operator]


def test_two_lines_of_one_name_are_refused() -> None:
    with pytest.raises(BadTokens, match="line 2: alice has a line already"):
        read_tokens("\n".join(make_token("alice", "read")[1] for _ in range(2)), "tokens")


def test_a_file_without_tokens_is_refused() -> None:
    with pytest.raises(BadTokens, match="has no token"):
        read_tokens("# nobody\n", "tokens")


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602])
def test_a_file_that_everybody_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    file, _ = write_tokens(tmp_path, alice="read")
    file.chmod(mode)
    with pytest.raises(BadTokens, match=f"open to everybody \\(mode 0{mode:o}\\): expected 0600 or 0640"):
        TokenFile(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="cannot be read"):
        Guard(ApiSettings(tokens=str(tmp_path / "none")))


def test_a_file_that_changes_is_read_again_and_one_that_turns_bad_changes_nothing(tmp_path: Path) -> None:
    path, _ = write_tokens(tmp_path, alice="read")
    file = TokenFile(path)
    assert not file.refresh()
    write_tokens(tmp_path, bob="write")
    assert file.refresh()
    assert list(file.tokens) == ["bob"]
    path.write_text("nonsense")
    assert not file.refresh()
    assert list(file.tokens) == ["bob"]
    assert file.problem is not None
    assert "the tokens that were read before hold" in file.problem
    write_tokens(tmp_path, carol="write")
    assert file.refresh()
    assert (list(file.tokens), file.problem) == (["carol"], None)


def test_the_command_makes_a_token_that_works(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "apps.rest.tokens", "alice", "--scope", "read"]
    said = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True, env=os.environ)
    token, line = said.stdout.splitlines()[1], said.stdout.splitlines()[-1]
    assert read_tokens(line, "tokens")["alice"].fits(token.removeprefix("alice."))


def test_the_command_refuses_a_name_that_is_none() -> None:
    command = [sys.executable, "-m", "apps.rest.tokens", "A B", "--scope", "read"]
    said = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (2, "")
    assert "'A B' is not a name" in said.stderr
