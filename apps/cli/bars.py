"""A reservation as a bar: what is measured, what is granted beyond that, and what was asked for beyond that."""

from __future__ import annotations

from typing import Final

WIDTH: Final = 20
_MEASURED, _GRANTED, _ASKED, _FLOOR = "█", "▒", "·", "|"


def bar(asked_bps: int, floor_bps: int, granted_bps: int, measured_bps: int) -> str:
    """As wide as what was asked for; the line marks the floor, where there is one below that.

    ``████████▒▒▒▒|·······``: measured, granted and not used, floor, asked for and not granted.
    """
    cells = [_cell(place, asked_bps, granted_bps, measured_bps) for place in range(WIDTH)]
    if floor_bps < asked_bps:
        cells[min(floor_bps * WIDTH // asked_bps, WIDTH - 1)] = _FLOOR
    return "".join(cells)


def _cell(place: int, asked_bps: int, granted_bps: int, measured_bps: int) -> str:
    middle = (2 * place + 1) * asked_bps / (2 * WIDTH)
    if middle <= measured_bps:
        return _MEASURED
    return _GRANTED if middle <= granted_bps else _ASKED
