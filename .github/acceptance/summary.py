"""What a run of the acceptance workflow took and cost, as Markdown: `COST=… python3 -I summary.py jobs.json`.

`jobs.json` is GitHub's answer for the run's jobs, COST the stack output `monthlyCost` in JSON or nothing.
"""

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

# A bill begins when `up` makes the first resource, and ends when `destroy` (the step, in the job of that name) has
# deleted the last one.
_FIRST, _LAST = "up", "destroy"
_MINUTES_OF_A_MONTH = 730 * 60
_LEAST_MINUTES = (
    10  # RDS and RDS Proxy bill seconds, at least ten minutes (aws.amazon.com/rds/pricing, …/rds/proxy/pricing)
)
_LEFT_OUT = (
    "Left out: Lambda's requests and seconds (the storm said its own at most), logs, requests of Secrets Manager and "
    "of KMS, traffic, Aurora's storage and requests, taxes, and an account's free tier."
)


def summary(jobs: list[dict[str, Any]], cost: dict[str, Any] | None) -> str:
    """A row per step, then one sentence on the money."""
    steps = [(job["name"], step) for job in jobs for step in job.get("steps") or [] if _seconds(step) is not None]
    rows = [
        f"| {job} | {step['name']} | {step['conclusion']} | {_length(_seconds(step) or 0)} |"
        for job, step in steps
        if step["conclusion"] != "skipped" and not step["name"].startswith(("Post ", "Set up job", "Complete job"))
    ]
    return "\n".join(
        ["### Acceptance", "", "| job | step | ended | took |", "|---|---|---|---|", *rows, "", _money(steps, cost), ""]
    )


def _money(steps: list[tuple[str, dict[str, Any]]], cost: dict[str, Any] | None) -> str:
    began = [
        _time(step["started_at"]) for _, step in steps if step["name"] == _FIRST and step["conclusion"] != "skipped"
    ]
    ended = [
        _time(step["completed_at"]) for _, step in steps if step["name"] == _LAST and step["conclusion"] == "success"
    ]
    if not began:
        return "It cost nothing: `up` did not begin."
    if not ended or any(job == _LAST and step["conclusion"] == "failure" for job, step in steps):
        return "**It may cost money still:** the job `destroy` did not succeed, and says what to do."
    minutes = (max(ended) - min(began)).total_seconds() / 60
    if not cost or cost.get("total") is None:
        return f"It stood for at most {minutes:.0f} minutes; what that cost is not known, since `up` left no outputs."
    dollars = cost["total"] * max(minutes, _LEAST_MINUTES) / _MINUTES_OF_A_MONTH
    return (
        f"It stood for at most {minutes:.0f} minutes, which is about {dollars:.2f} USD of {cost['total']:.2f} USD a "
        f"month, by the list prices of {cost['region']} of {cost['asOf']}. {_LEFT_OUT}"
    )


def _seconds(step: dict[str, Any]) -> float | None:
    if not step.get("started_at") or not step.get("completed_at"):
        return None
    return (_time(step["completed_at"]) - _time(step["started_at"])).total_seconds()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


if __name__ == "__main__":
    found = json.loads(Path(sys.argv[1]).read_text())["jobs"]
    said = os.environ.get("COST", "")
    sys.stdout.write(summary(found, json.loads(said) if said else None))
