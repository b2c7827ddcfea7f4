"""The REST API: documents in, documents out.

`server` is the way in, `http` checks a request and finds its route; `routes` is what a route declares, `bodies` what
is sent to it. Routes: `fabric`, `resources`, `probes`, `metrics`, `trace`, `events` (as an `event_stream`). Answers:
`answers`, or `problems`; `media` writes both. `listening` tells whether switches can connect.
"""
