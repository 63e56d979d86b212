"""What holds for all tests."""

import asyncio
import os
import signal

import boto3
import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is. Speed is measured in bench/.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# Whatever the developer's shell exports for programs of its own: profiles, regions, logins, stacks, colours.
_EXPORTED = (
    "AWS_",
    "PULUMI_",
    "PG",
    "MYSQL",
    "DB_",
    "LAMBDA_RDS_PROXY_",
    "LAPTOP_",
    "XDG_CONFIG_",
    "XDG_DATA_",
    "CLICOLOR",
)
_NAMES = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTHONPATH", "PYTHONWARNINGS"}
for _name in [name for name in os.environ if name.startswith(_EXPORTED) or name in _NAMES]:
    del os.environ[_name]
# Nor are its files anybody's here.
os.environ |= {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}

# In the background of a script it is ignored, and programs inherit that: those that a test interrupts would go on.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def a_loop() -> None:
    """Pulumi's Outputs are made in the thread's loop, and `asyncio.run` of an earlier test leaves none behind."""
    try:
        asyncio.get_event_loop_policy().get_event_loop()
    except RuntimeError:
        asyncio.set_event_loop(asyncio.new_event_loop())


@pytest.fixture(autouse=True)
def no_session_of_another_test() -> None:
    """boto3 keeps one session, with the keys of whoever came first."""
    boto3.DEFAULT_SESSION = None
