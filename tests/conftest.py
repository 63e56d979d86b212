"""What holds for all tests."""

import signal

from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is. Speed is measured in bench/.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# In the background of a script it is ignored, and programs inherit that: those that a test interrupts would go on.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
