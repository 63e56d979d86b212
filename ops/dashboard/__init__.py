"""`python -m ops dashboard`: a picture of the stack's CloudWatch dashboard, drawn from the laptop's numbers."""
