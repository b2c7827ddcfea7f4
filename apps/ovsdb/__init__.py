"""What a bridge itself must have is set through its database (OVSDB, RFC 7047).

`bridges` keeps the bridges right, `rows` reads and writes their settings, `client` carries the requests.
"""

from apps.ovsdb.bridges import Bridges, Target

__all__ = ["Bridges", "Target"]
