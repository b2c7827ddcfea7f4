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
        cfg.StrOpt("api_tokens", default=None, help="a file with who may use the API; needed off loopback"),
        cfg.StrOpt("api_cert", default=None, help="the API's certificate (PEM): HTTPS instead of HTTP"),
        cfg.StrOpt("api_key", default=None, help="its private key (PEM)"),
        cfg.StrOpt("api_client_ca", default=None, help="clients must show a certificate of this CA (PEM)"),
        cfg.IntOpt("api_rate", default=200, help="requests a second of one client; twice as many at once"),
        cfg.StrOpt("audit_log", default=None, help="a file to append who changed what to"),
    ],
    group="backplane",
)
