"""`python -m ops …`: the tools to see and operate a running stack."""
