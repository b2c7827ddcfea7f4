"""README.md, docs/ and package docstrings are a true map: what they name is there, and what is there is named."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.pages import PAGES, TOP, is_there, page_id, prose, rows, text

PICTURES = sorted((TOP / "docs").glob("*.svg"))
PACKAGES = sorted(path.parent for room in ("apps", "controller") for path in (TOP / room).rglob("__init__.py"))
FILE = r"(?:[\w.-]+/)*[\w.-]+\.(?:py|ya?ml|svg|md)"
FOLDER = r"(?:[\w.-]+/)+"
PATH = r"(?:apps|controller|script|tests)(?:/[\w.-]+)+"
NAME = re.compile(f"{FILE}|{FOLDER}|{PATH}")
NOT_OURS = {"fabric.yaml", "results/"}
"""Names of what people make themselves, or have made by running something."""


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    spans = re.findall(r"`([^`\n]+)`", prose(page.read_text(encoding="utf-8")))
    named = {span for span in spans if NAME.fullmatch(span)} - NOT_OURS
    assert [name for name in sorted(named) if not is_there(name)] == []


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if not target.startswith("https://")]
    assert [target for target in local if not (page.parent / target.partition("#")[0]).exists()] == []


def test_the_readme_leads_to_every_page_and_picture() -> None:
    pages = [path for path in (*PAGES, *PICTURES) if path.parent.name == "docs"]
    assert [page_id(path) for path in pages if f"({page_id(path)})" not in text("README.md")] == []


@pytest.mark.parametrize("picture", PICTURES, ids=page_id)
def test_files_in_a_picture_are_there(picture: Path) -> None:
    words = [word for label in re.findall(r">([^<>]+)</text>", picture.read_text()) for word in label.split()]
    named = [word for word in words if re.fullmatch(r"[\w/]+\.py|(?:apps|controller)/[\w/]*", word)]
    named = [word for word in named if word not in ("apps/", "controller/")]
    assert [name for name in named if not is_there(name)] == []


# The map


def rooms(folder: str) -> list[str]:
    """What a folder holds, as the map names it."""
    files = [path.name for path in (TOP / folder).glob("[a-z]*.py")]
    return sorted([*files, *(f"{path.parent.name}/" for path in (TOP / folder).glob("*/__init__.py"))])


@pytest.mark.parametrize("folder", ["controller", "apps"])
def test_the_house_names_every_room(folder: str) -> None:
    named = {cells[0] for cells in rows(text("docs/house.md"))}
    assert [room for room in rooms(folder) if f"`{room}`" not in named] == []


def test_mininet_names_every_file() -> None:
    files = [name for name in rooms("mininet") if name.endswith(".py")]
    experiments = [name.removesuffix(".py") for name in rooms("mininet/experiments")]
    page = text("docs/mininet.md")
    assert [name for name in (*files, *experiments) if f"`{name}`" not in page] == []


@pytest.mark.parametrize("package", PACKAGES, ids=page_id)
def test_a_package_names_its_modules(package: Path) -> None:
    map_of = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8")))
    assert map_of
    modules = {path.removesuffix(".py").rstrip("/") for path in rooms(page_id(package))}
    named = {word.partition(".")[0] for word in re.findall(r"`([a-z_.]+)`", map_of)}
    known = modules | {"apps", "controller", "check", "docs"}
    assert named <= known, f"named, and not there: {sorted(named - known)}"
    if package.parent != TOP:
        assert modules <= named, f"there, and not named: {sorted(modules - named)}"
