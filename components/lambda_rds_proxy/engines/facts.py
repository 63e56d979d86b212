"""The facts that each engine states about itself, and what follows from them. Pure.

`postgresql.py` and `mysql.py` fill every field; nobody outside this folder asks which engine it has.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from .instance_classes import LOWEST_ACU, memory_gib, usable_bytes


class TargetKind(StrEnum):
    """What stands behind a proxy: one DB instance, or an Aurora cluster."""

    INSTANCE = "instance"
    """One DB instance of RDS, in prod with a standby in a second zone."""
    CLUSTER = "cluster"
    """An Aurora cluster: a writer and, if wanted, readers."""


@dataclass(frozen=True, kw_only=True)
class MemoryFormula:
    """How RDS derives `max_connections` from the memory of a class: LEAST(DBInstanceClassMemory / divisor, limit)."""

    divisor: int
    limit: int

    def estimate(self, instance_class: str) -> int:
        """`max_connections` of a class, by an estimate of `DBInstanceClassMemory` that is never too high.

        Raises:
            ValueError: the class is not known.
        """
        return min(math.floor(usable_bytes(instance_class) / self.divisor), self.limit)


@dataclass(frozen=True, kw_only=True)
class TlsParameter:
    """The parameter that makes a server refuse plain text, and the value that it takes here.

    `default_since` is the first major version whose own default that value is; None where no version's is.
    """

    name: str
    value: str
    default_since: tuple[int, ...] | None

    def is_default(self, version: str) -> bool:
        """Whether servers of a version refuse plain text when nothing is said."""
        if self.default_since is None:
            return False
        parts = [int(part) if part.isdecimal() else 0 for part in version.split(".")]
        return tuple(parts[: len(self.default_since)]) >= self.default_since


@dataclass(frozen=True, kw_only=True)
class TargetFacts:
    """What differs between an instance and a cluster of one engine.

    `engine` is RDS's name, `default_version` what a new database without `engineVersion` is made of (another major one
    would want another parameter group of every cluster that is there), `versions` the version prefixes that RDS Proxy
    is documented for, `parameter_group_family` a pattern for the parts of a version, `tls` what makes it refuse plain
    text, `default_instance_class` what a stack without `instanceClass` gets, `log_exports` the logs that RDS can send
    to CloudWatch, `no_performance_insights` the prefixes of classes that refuse Performance Insights, `published` the
    known `max_connections` by a pattern of classes, `formula` that of all other classes; None where it is not known.
    """

    engine: str
    default_version: str
    versions: tuple[str, ...]
    parameter_group_family: str
    tls: TlsParameter
    default_instance_class: str
    log_exports: tuple[str, ...]
    no_performance_insights: tuple[str, ...]
    published: Mapping[str, int]
    formula: MemoryFormula | None

    def family(self, version: str) -> str:
        """The parameter group family of a version, for example `postgres17` or `aurora-mysql8.0`."""
        return self.parameter_group_family.format(*version.split("."), "0")

    def is_in_full(self, version: str) -> bool:
        """Whether a version is one minor version, such as 17.7, and not all of a major one, such as 17."""
        return version.count(".") >= self.parameter_group_family.count("{")

    def is_documented(self, version: str) -> bool:
        """Whether RDS Proxy is documented for this version (16 and 16.3 are both of 16)."""
        return any(version == prefix or version.startswith(f"{prefix}.") for prefix in self.versions)

    def has_performance_insights(self, instance_class: str) -> bool:
        """Whether a class can have Performance Insights."""
        return not instance_class.startswith(self.no_performance_insights)

    def max_connections(self, instance_class: str) -> int:
        """`max_connections` that RDS sets when no parameter group overrides it: published, or estimated.

        Raises:
            ValueError: the class is not known, or there is neither a published value for it nor a formula.
        """
        memory_gib(instance_class)
        published = self._published(instance_class)
        if published is not None:
            return published
        if self.formula is None:
            raise ValueError(f'instance class "{instance_class}" has no published max_connections for {self.engine}')
        return self.formula.estimate(instance_class)

    def is_estimate(self, instance_class: str) -> bool:
        """Whether `max_connections` of this class is an estimate rather than a published or measured value."""
        return self._published(instance_class) is None

    def _published(self, instance_class: str) -> int | None:
        return next((value for pattern, value in self.published.items() if fnmatchcase(instance_class, pattern)), None)


@dataclass(frozen=True, kw_only=True)
class ClusterFacts(TargetFacts):
    """Aurora's own: `product` is its name in sentences, `sizes_not_offered` sizes that RDS has and Aurora has not.

    `by_acu` is `max_connections` of Serverless v2 by its highest capacity in ACU, and `most_from_lowest_acu` what holds
    it down when its lowest capacity is the lowest there is; None where nothing does.
    """

    product: str
    sizes_not_offered: tuple[str, ...]
    by_acu: Mapping[float, int]
    most_from_lowest_acu: int | None

    def max_connections(self, instance_class: str) -> int:
        """`max_connections` of a class of Aurora: published, or where there is a formula its estimate.

        Raises:
            ValueError: Aurora does not have the class, or it is not known here.
        """
        memory_gib(instance_class)
        if instance_class.endswith(tuple(f".{size}" for size in self.sizes_not_offered)):
            raise ValueError(f'instance class "{instance_class}" is not one of Aurora; the smallest is db.t4g.medium')
        if self.formula is None and self._published(instance_class) is None:
            raise ValueError(
                f'instance class "{instance_class}" is not known for {self.product}; use db.r6g.large or larger'
            )
        return super().max_connections(instance_class)

    def is_estimate(self, instance_class: str) -> bool:  # noqa: ARG002 - the same for every class
        """Whether `max_connections` of this class is an estimate.

        Where a formula stands in for what is not published, the table is of 2023 and AWS has taken it from the page.
        """
        return self.formula is not None

    def serverless_max_connections(self, *, min_acu: float, max_acu: float) -> int:
        """`max_connections` of Serverless v2: the published value at or below its highest capacity."""
        published = self.by_acu[max((acu for acu in self.by_acu if acu <= max_acu), default=min(self.by_acu))]
        if self.most_from_lowest_acu is None or min_acu > LOWEST_ACU:
            return published
        return min(published, self.most_from_lowest_acu)


@dataclass(frozen=True, kw_only=True)
class EngineFacts:
    """Everything that differs from one engine to the next.

    `proxy_family` is `EngineFamily` of CreateDBProxy, `port` the port a proxy always listens on (whatever the
    database's own), `reserved_connections` those of `max_connections` that no application gets,
    `client_password_auth_types` what a proxy of the family accepts, the default first, `session_pinning_filters` what
    it can be told to ignore, `why_no_session_pinning_filters` the reason if that is nothing, and the way out, which may
    name the setting `{init_query}`, `why_no_user_timeouts` the reason if the server keeps no timeouts of a user, and
    what there is instead, which may name `{init_query}` and `{parameters}`, `rotation_application` AWS's single-user
    rotation function, `longest_user` how many characters a user's name may have, `reserved_users` how the names of the
    server's and RDS's own users begin, `requirements` the list of a function's folder that goes before
    requirements.txt.
    """

    instance: TargetFacts
    cluster: ClusterFacts
    proxy_family: str
    port: int
    reserved_connections: int
    client_password_auth_types: tuple[str, ...]
    session_pinning_filters: tuple[str, ...]
    why_no_session_pinning_filters: str | None
    why_no_user_timeouts: str | None
    rotation_application: str
    longest_user: int
    reserved_users: tuple[str, ...]
    requirements: str

    def target(self, kind: TargetKind) -> TargetFacts:
        """The facts of an instance or a cluster."""
        return self.cluster if kind is TargetKind.CLUSTER else self.instance

    def usable_connections(self, max_connections: int | None) -> int | None:
        """Those of `max_connections` that are not reserved; None when it is not known."""
        return None if max_connections is None else max(1, max_connections - self.reserved_connections)

    def filters_allowed(self, *, init_query: str) -> str:
        """Which session pinning filters a proxy takes, or why none; `init_query` is what that setting is called."""
        if self.why_no_session_pinning_filters is not None:
            return self.why_no_session_pinning_filters.format(init_query=init_query)
        return f"RDS Proxy knows {', '.join(self.session_pinning_filters)} only"
