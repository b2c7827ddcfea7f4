"""Whether a change may go out: representative packets are followed through the rules that would be wanted after it.

A change that would loop, multiply or lose a packet that has a path, or carry one across segments, shows itself by
such a packet. `probes` chooses the packets, `scene` says what must hold, `judge` decides on each, `check` goes through
all of them; `faults` is what it finds.
"""

from controller.assurance.check import check_change
from controller.assurance.faults import Assurance, Fault, FaultKind, Touched

__all__ = ["Assurance", "Fault", "FaultKind", "Touched", "check_change"]
