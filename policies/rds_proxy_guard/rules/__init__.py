"""The rules: pure functions from facts or a graph to findings."""
