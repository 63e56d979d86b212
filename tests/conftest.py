"""What holds for all tests."""

import os
import signal

import boto3
import pytest
from hypothesis import HealthCheck, settings

from toolchain.checkout import ACCOUNT_VARIABLE

# How long an example takes says how busy the machine is. Speed is measured in bench/.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# A test is of no place that the shell is of; those of the laptop make a shell of their own.
os.environ.pop(ACCOUNT_VARIABLE, None)

# In the background of a script it is ignored, and programs inherit that: those that a test interrupts would go on.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_session_of_another_test() -> None:
    """boto3 keeps one session, with the keys of whoever came first."""
    boto3.DEFAULT_SESSION = None
