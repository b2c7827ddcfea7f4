"""What Open vSwitch of this machine says of itself, through `ovs-vsctl`."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_TIMEOUT_S: Final = 5
_COLUMNS: Final = {
    "Open_vSwitch": "ovs_version,other_config",
    "Bridge": "name,datapath_type,fail_mode,protocols,controller,other_config",
    "Controller": "_uuid,target,is_connected",
}
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Bridge:
    """A bridge; `controllers`: target, and whether it is connected."""

    name: str
    datapath: str
    fail_mode: str
    protocols: tuple[str, ...]
    controllers: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class OpenVSwitch:
    """This machine's; `problem`: why its database says nothing."""

    installed: bool
    problem: str = ""
    version: str = ""
    vlan_limit: str = ""
    bridges: tuple[Bridge, ...] = field(default=())

    @property
    def reachable(self) -> bool:
        """Whether its database answers."""
        return self.installed and not self.problem


def find_open_vswitch() -> OpenVSwitch:
    """Ask it."""
    if shutil.which("ovs-vsctl") is None:
        return OpenVSwitch(installed=False)
    try:
        (machine,), bridges, controllers = map(_table, _COLUMNS)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return OpenVSwitch(installed=True, problem=_why(error))
    return read_tables(machine, bridges, controllers)


def read_tables(machine: Row, bridges: list[dict[str, Any]], controllers: list[dict[str, Any]]) -> OpenVSwitch:
    """The rows of three tables, put together."""
    by_id = {row["_uuid"][0]: (str(row["target"]), bool(row["is_connected"])) for row in controllers}
    return OpenVSwitch(
        True,
        version=_first(machine["ovs_version"]),
        vlan_limit=dict(machine["other_config"]).get("vlan-limit", ""),
        bridges=tuple(sorted((_bridge(row, by_id) for row in bridges), key=lambda bridge: bridge.name)),
    )


def _bridge(row: Row, controllers: Mapping[str, tuple[str, bool]]) -> Bridge:
    return Bridge(
        str(row["name"]),
        _first(row["datapath_type"]),
        _first(row["fail_mode"]),
        tuple(map(str, _as_list(row["protocols"]))),
        tuple(controllers[number] for number in _as_list(row["controller"]) if number in controllers),
    )


def _table(name: str) -> list[dict[str, Any]]:
    command = ["ovs-vsctl", f"--timeout={_TIMEOUT_S}", "--format=json", f"--columns={_COLUMNS[name]}", "list", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S + 1)
    found = json.loads(done.stdout)
    return [dict(zip(found["headings"], map(plain, row), strict=True)) for row in found["data"]]


def plain(value: Any) -> Any:
    """A value of the database (RFC 7047, 5.1): a set or one value as a list, a map as pairs, the rest as it is."""
    match value:
        case ["set", items]:
            return [inner for item in items for inner in _as_list(plain(item))]
        case ["uuid", text]:
            return [text]
        case ["map", pairs]:
            return pairs
    return value


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _first(value: Any) -> str:
    found = _as_list(value)
    return str(found[0]) if found else ""


def _why(error: Exception) -> str:
    said = getattr(error, "stderr", None) or str(error)
    return said.strip().splitlines()[-1].removeprefix("ovs-vsctl: ") if said.strip() else "it does not answer"
