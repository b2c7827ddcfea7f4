"""What a real bridge on this machine would do with a packet: ``ofproto/trace``, asked, read and compared.

`ask` runs the tools, `actions` reads what they print, `check` compares it with what is expected.
"""

from apps.ovs_trace.actions import CONTROLLER, Execution, datapath_actions, port_numbers
from apps.ovs_trace.ask import NoAnswer, Ovs
from apps.ovs_trace.check import check_trace

__all__ = ["CONTROLLER", "Execution", "NoAnswer", "Ovs", "check_trace", "datapath_actions", "port_numbers"]
