"""The command that is typed: a client of the REST API for people and scripts; it decides nothing.

`main` is where it begins, `app` has the commands: `get`, `status`, `paths`, `trace` (shown by `journeys`), `events`
(read by `event_stream`), `doctor`; `plan` (shown by `plans`), `apply`, and small `edits`. What they share: `session`
(the global options), `client` (HTTP), `failures` (exit statuses), `screen`, `options`, `completion`, `kinds`, `files`,
`bars`, `waiting`, `changed`, `details`, `wording`. What the doctor looks at: `check_controller`, `check_ports`,
`check_machine` (by `vsctl`); what it says: `findings`.
"""
