"""Path computation: pure graph work; what comes out depends on the links alone.

On one `graph`: `next_hops` of equal cost, `bypasses` around each link, `trees` for flooding.
"""
