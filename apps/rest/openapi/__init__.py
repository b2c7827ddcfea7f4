"""The API described to programs (OpenAPI 3.1) and to people, out of what its routes declare.

`document` makes the description, on `schemas` (the models) and `parameters`; `operations` describes one route. `page`
is for people: its `page.html` needs nothing from elsewhere.
"""
