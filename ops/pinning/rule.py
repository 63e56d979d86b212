"""A condition under which RDS Proxy pins."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One condition.

    Attributes:
        name: a stable id such as `set` or `temporary-table`; SARIF's rule id, and what `allowed because` names.
        reason: as RDS Proxy logs it where such a line is public, else in our own words.
        from_log: whether a public log line has these words.
        source: where it is stated: a page or a public thread.
        contested: whether sources disagree or AWS does not say; the text that says so, else empty.
        fix: what avoids it, in one sentence.
    """

    name: str
    reason: str
    source: str
    fix: str
    from_log: bool = False
    contested: str = ""
