"""Follow one packet through the fabric and explain each step, down to the line of the document that decided it.

`question` is what may be asked, `packets` makes the packet, `places` finds owners in the document, `reasons` says
why a packet ends (`guards`: at the guard; `why`: the closed list), `report` is the answer, `answer` puts them together.
"""

from controller.trace.answer import Traced, trace
from controller.trace.places import Lines
from controller.trace.question import BadQuestion, TraceQuestion, UnknownName, read_question
from controller.trace.report import CheckView, HopCheck, TraceView

__all__ = [
    "BadQuestion",
    "CheckView",
    "HopCheck",
    "Lines",
    "TraceQuestion",
    "TraceView",
    "Traced",
    "UnknownName",
    "read_question",
    "trace",
]
