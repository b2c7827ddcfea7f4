"""The order of the house: every room imports only what it may (.importlinter says what that is)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the house that a test may spoil."""
    for room in ("apps", "controller"):
        shutil.copytree(TOP / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TOP / ".importlinter", tmp_path)
    return tmp_path


def test_the_house_keeps_its_order() -> None:
    result = lint_imports(TOP)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("controller.model.spec", "socket"),
        ("controller.control", "time"),
        ("controller.rules.rules", "ryu"),
        ("controller.rules.rules", "controller.compile.base"),
        ("controller.model.spec", "controller.rules.rules"),
        ("controller.compile.base", "controller.model.fabric"),
        ("apps.settings", "apps.backplane"),
        ("apps.rest", "apps.openflow.switch"),
        ("apps.cli.client", "eventlet"),
        ("apps.cli.client", "controller.control"),
        ("apps.cli.main", "apps.settings"),
    ],
)
def test_an_import_out_of_order_is_found(house: Path, importer: str, imported: str) -> None:
    with source_of(house, importer).open("a") as source:
        source.write(f"\nimport {imported}\n")
    result = lint_imports(house)
    assert result.returncode == 1
    assert f"{importer} -> {imported}" in result.stdout


def source_of(house: Path, module: str) -> Path:
    path = house / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
