"""`python -m ops preflight`: asks AWS what a stack needs, before anything is made; reads only."""
