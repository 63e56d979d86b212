"""The kinds of resources that the laptop cloud runs, one per module."""
