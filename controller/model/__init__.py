"""What is wanted (the document) and what is seen (ports, links, learned servers).

Wanted: `spec` says what can be asked for, out of `fields`, `addresses`, `protocols` and `units`; `schemas` tells
programs how it looks. `document` makes it of text:
`document_yaml`, `document_reader`, a `draft`, `checks`, `problems` in the `wording` of people; `document_tree` writes
it back. `document_json` and `resource_reader` do so for the API. `desired` joins it with what the API made,
`declared` has it ready for those who ask.

Seen: `topology` (ports and wires), `links` (what became of each), `identity` and `directory` (servers).

`fabric` owns both, and marks `changes`. `ledger` allots numbers, `grants` are allotted rates, `alarms` tell people,
`snapshot` outlives a restart.
"""
