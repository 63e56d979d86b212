"""`python -m ops logs`: what the functions of a stack wrote."""
