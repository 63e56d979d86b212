"""`python -m ops survey FILES…`: what the policy pack would say to stacks that exist already, from their state alone.

Findings come from the pack and nowhere else: each file goes through `pulumi policy analyze`, the documented way, which
takes the pack's version, levels and configuration as an update does and redacts secrets it cannot decrypt. Calling the
pack's servicer inside this process would save a third of a second per file and cost a copy of the engine's marshalling
on top of a private class of the SDK. The state itself is read only to count, and to show what no finding says.
"""
