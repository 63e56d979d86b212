"""`python -m ops doctor`: one verdict on a running stack, with the numbers that led to it."""
