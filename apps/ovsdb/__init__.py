"""What a bridge itself must have is set through its database (OVSDB, RFC 7047).

`bridges` keeps the bridges right, `rows` reads and writes their settings, `client` carries the requests. The queues
of ports are kept by `queue_keeper`: by `queues` in the database, and where the datapath does not fill them, by a
`classifier` in the device.
"""

from apps.ovsdb.bridges import Bridges, Target

__all__ = ["Bridges", "Target"]
