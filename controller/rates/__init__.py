"""Admission: which path holds which rate, who has how much, and who gives way when there is not enough.

Values in, values out, on a `network` of lines: the `book` of what is granted (each grant is a `burden` on ways and on
the ways round their links) and the `remainder`, as it is or `eased` by what the `shares` of lower priorities give;
`search` for paths; `admission` of one demand, `offers` where it is refused, `preemption` of lower ones and who is
`yielding`. All who negotiate sit at a `table`, on what `settling` has left in place: `renegotiation`. `cuts`: what is
left between two platforms.
"""
