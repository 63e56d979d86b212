"""`python -m ops capacity`: how many environments a stack's proxy bears."""
