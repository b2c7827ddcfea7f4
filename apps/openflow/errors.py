"""The names of OpenFlow's errors (OpenFlow 1.3.5, 7.4.4), out of Ryu's constants."""

from __future__ import annotations

from typing import Final

from ryu.ofproto import ofproto_v1_3

_CODES: Final = {
    "OFPET_HELLO_FAILED": "OFPHFC_",
    "OFPET_BAD_REQUEST": "OFPBRC_",
    "OFPET_BAD_ACTION": "OFPBAC_",
    "OFPET_BAD_INSTRUCTION": "OFPBIC_",
    "OFPET_BAD_MATCH": "OFPBMC_",
    "OFPET_FLOW_MOD_FAILED": "OFPFMFC_",
    "OFPET_GROUP_MOD_FAILED": "OFPGMFC_",
    "OFPET_PORT_MOD_FAILED": "OFPPMFC_",
    "OFPET_TABLE_MOD_FAILED": "OFPTMFC_",
    "OFPET_QUEUE_OP_FAILED": "OFPQOFC_",
    "OFPET_SWITCH_CONFIG_FAILED": "OFPSCFC_",
    "OFPET_ROLE_REQUEST_FAILED": "OFPRRFC_",
    "OFPET_METER_MOD_FAILED": "OFPMMFC_",
    "OFPET_TABLE_FEATURES_FAILED": "OFPTFFC_",
}
_CONSTANTS: Final = vars(ofproto_v1_3)
_KINDS: Final = {_CONSTANTS[kind]: kind for kind in _CODES}
_NAMES: Final = {
    (_CONSTANTS[kind], value): name
    for kind, prefix in _CODES.items()
    for name, value in _CONSTANTS.items()
    if name.startswith(prefix)
}


def error_text(kind: int, code: int) -> str:
    """What an error is called: ``OFPET_FLOW_MOD_FAILED OFPFMFC_TABLE_FULL``; by number where it has no name."""
    return f"{_KINDS.get(kind, f'error type {kind}')} {_NAMES.get((kind, code), f'code {code}')}"
