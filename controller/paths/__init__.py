"""Path computation: next hops, bypasses, flood trees. Pure graph work; what comes out depends on the links alone."""
