"""Rules to OpenFlow bytes and back, and one switch's connection.

`switch` is the connection. Out: `encode` makes messages, of matches (`match`), `actions` and fields (`oxm`). In:
`decode` reads them, with `read_actions` and `errors`; `judge` in an audit; `raw_replies` keeps Ryu from doing so.
`secure` listens with TLS.
"""
