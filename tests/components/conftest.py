"""What components need of a test: a loop for their Outputs."""

import asyncio

import pytest


@pytest.fixture(autouse=True)
def a_loop() -> None:
    """Outputs are made in the thread's loop, and `asyncio.run` of an earlier test leaves none behind."""
    try:
        asyncio.get_event_loop_policy().get_event_loop()
    except RuntimeError:
        asyncio.set_event_loop(asyncio.new_event_loop())
