"""One module per rule: its policies as they are published, and the pure functions that judge."""
