"""The connection budget as a stack's outputs have it."""

from typing import Any

from lambda_rds_proxy.serverless_database.budget import ConnectionBudget


def budget_of_output(output: Any) -> ConnectionBudget:  # noqa: ANN401 - any JSON
    """The budget out of a stack's output `connectionBudget`.

    Raises:
        ValueError: it has not the output's shape.
    """
    try:
        duty_cycle, vcpus = output["dutyCycle"], output.get("vcpus")
        return ConnectionBudget(
            max_connections=int(output["maxConnections"]),
            percent=int(output["percent"]),
            ceiling=int(output["ceiling"]),
            clients=int(output["clients"]),
            unbounded=tuple(str(name) for name in output["unbounded"]),
            duty_cycle=None if duty_cycle is None else float(duty_cycle),
            # A stack that was not updated since does not say them.
            vcpus=None if vcpus is None else float(vcpus),
            sessions_per_vcpu=int(output.get("sessionsPerVcpu") or 0),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("its output connectionBudget is not one of this program; run `pulumi up`") from None
