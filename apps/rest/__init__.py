"""The REST API: documents in, documents out.

`server` is the way in, `http` checks a request and finds its route; `routes` is what a route declares, `bodies` what
is sent to it, `names` what is in its path. Routes: `fabric`, `document`, `resources`, `rates`, `probes`, `metrics`,
`trace`, `events` (as an `event_stream`); `openapi` describes them all. Changes: `edits` of one resource, `overrides`;
`changing` is what they share, with `preconditions` before and `waiting` after. Answers: `answers`, or `problems`;
`media` writes both. `listening` tells whether switches can connect.

`guard` stands before all of it: who may ask, how fast, and who changed what; `tokens` are what clients show.
"""
