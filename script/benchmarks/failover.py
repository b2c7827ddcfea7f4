"""Faults of links and platforms in fabrics of several shapes, under a probe every millisecond, beside RSTP and FAUCET.

    script/bench failover [--fabrics ring,mesh] [--faults carrier,silent] [--controller stopped,up] [--n 30]
                          [--peers rstp,faucet:5]

It is the experiment `failover` of mininet/experiments.
"""

from __future__ import annotations

import sys

import _bench  # noqa: F401  (the lab's modules on the path)
from experiments.failover import main

if __name__ == "__main__":
    sys.exit(main())
