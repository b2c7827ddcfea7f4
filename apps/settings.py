"""What is set where the controller is launched: `[backplane]` of a configuration file, or the environment."""

from __future__ import annotations

import os
from pathlib import Path

from ryu import cfg

CONF = cfg.CONF


def default_state_dir() -> str:
    """Where state is kept unless said otherwise (XDG base directories)."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return str(Path(base) / "backplane")


CONF.register_opts(
    [
        cfg.StrOpt("document", default=None, help="the fabric document (YAML); none: adopt what connects"),
        cfg.StrOpt("state_dir", default=default_state_dir(), help="where allotted and learned state is kept"),
    ],
    group="backplane",
)
