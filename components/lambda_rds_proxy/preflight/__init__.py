"""What is asked of an account before anything is made in it: what a stack needs, held against what AWS answered. Pure.

`network.component` asks a part of it at preview, `python -m ops preflight` all of it; both with these functions.
"""
