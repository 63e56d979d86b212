"""A plugin of pytest: the last test first, as `python -m tests.under_load --reverse` runs them."""

from collections.abc import MutableSequence


def pytest_collection_modifyitems(items: MutableSequence[object]) -> None:
    """Turn the order round."""
    items.reverse()
