"""Networks of the sizes that are measured; their weights are random, which costs the same."""
