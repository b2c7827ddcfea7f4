"""Pure graph work: next hops, bypasses, flood trees."""
