"""What a storm on deployed functions costs at most. Pure.

Prices: AWS Lambda on demand, us-east-1, first tier, without the free tier, as cloudchipr.com/blog/aws-lambda-pricing
quotes AWS (read 2026-11; AWS's own page was not). The third that is added for dearer regions is an allowance.
"""

from dataclasses import dataclass

DOLLARS_PER_GB_SECOND = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
DOLLARS_PER_MILLION_REQUESTS = 0.20
# Over a network an answer takes no less; so many requests does one environment get in a second at most.
MOST_REQUESTS_PER_SECOND = 100
_ALLOWANCE = 4 / 3


@dataclass(frozen=True, kw_only=True)
class Cost:
    """An upper bound: `gb_seconds` if every environment is busy all the time, `requests` at the fastest answers."""

    gb_seconds: float
    requests: int
    dollars: float

    def __str__(self) -> str:
        return (
            f"at most {self.gb_seconds:,.0f} GB-seconds and {self.requests:,} requests of Lambda, "
            f"about ${self.dollars:,.2f} with a third added for dearer regions"
        )


def at_most(*, environments: int, seconds: float, megabytes: int, architecture: str) -> Cost:
    """The bound for `environments` kept busy for `seconds`, each with `megabytes` of memory."""
    gb_seconds = environments * seconds * megabytes / 1024
    requests = round(environments * seconds * MOST_REQUESTS_PER_SECOND)
    price = gb_seconds * DOLLARS_PER_GB_SECOND.get(architecture, max(DOLLARS_PER_GB_SECOND.values()))
    price += requests / 1e6 * DOLLARS_PER_MILLION_REQUESTS
    return Cost(gb_seconds=gb_seconds, requests=requests, dollars=price * _ALLOWANCE)
