"""`python -m ops watch`: the live picture of a running stack."""
