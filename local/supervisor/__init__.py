"""One daemon per checkout that owns every process of the laptop cloud.

`client` is all that others import; the rest runs inside the daemon.
"""
