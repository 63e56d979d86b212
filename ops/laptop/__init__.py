"""The running laptop stack as a source of evidence: pooler, database, functions' logs, supervisor."""
