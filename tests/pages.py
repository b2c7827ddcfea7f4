"""README.md and docs/ as tests read them: blocks, tables, names of files."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TOP = Path(__file__).parents[1]
PAGES = (TOP / "README.md", TOP / "CHANGELOG.md", *sorted((TOP / "docs").glob("*.md")))


def text(name: str) -> str:
    """A file of the tree."""
    return (TOP / name).read_text(encoding="utf-8")


def page_id(path: Path) -> str:
    """A file's path in the tree."""
    return str(path.relative_to(TOP))


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of one language (empty: those that name none)."""
    fenced = re.findall(r"^```([a-z]*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [block for of, block in fenced if of == language]


def prose(page: str) -> str:
    """What stands outside of blocks."""
    return re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)


def rows(page: str) -> Iterator[list[str]]:
    """The rows of all tables, as their cells."""
    for line in page.splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


@cache
def tree() -> tuple[str, ...]:
    """All files and folders (these end in a slash), with a slash before them."""
    found = [path.relative_to(TOP) for path in TOP.rglob("*") if not _is_made(path.relative_to(TOP))]
    return tuple(f"/{path}{'/' if (TOP / path).is_dir() else ''}" for path in found)


def _is_made(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts[:-1])


def is_there(name: str) -> bool:
    """Whether a file or folder of this name, or of this end of a path, is in the tree."""
    return any(path.endswith((f"/{name}", f"/{name}/")) for path in tree())


def commands() -> Iterator[tuple[str, list[str]]]:
    """All commands of all console blocks, with their pages, as words; what follows a # is for people."""
    for page in PAGES:
        for block in blocks(page.read_text(encoding="utf-8"), "console"):
            yield from ((page.name, words) for words in commands_of(block))


def commands_of(block: str) -> Iterator[list[str]]:
    """The commands of one block, as words."""
    for line in block.replace("\\\n", " ").splitlines():
        assert line.startswith("$ "), f"expected a command, found {line!r}"
        yield shlex.split(line[2:], comments=True)


def plain(words: list[str]) -> list[str]:
    """Without sudo and settings of the environment."""
    while words[0] == "sudo" or re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    return words


def starting(*first: str) -> list[list[str]]:
    """The commands that begin with these words."""
    found = [plain(words) for _, words in commands()]
    return [words for words in found if words[: len(first)] == list(first)]


@cache
def said(*arguments: str) -> str:
    """What Python says when it is run with these arguments."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True, timeout=60).stdout
