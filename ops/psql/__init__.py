"""`python -m ops psql`: a session at a stack's database."""
