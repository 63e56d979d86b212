"""Every fact of PostgreSQL.

Sources: RDS User Guide, "Supported Regions and DB engines for Amazon RDS Proxy", and the same page of the Aurora User
Guide (versions); the same guides, "DB engine, Region, and instance class support for Database Insights", which is
Performance Insights' name since 2026-07; botocore's `rds` service model (family, password types); RDS User Guide, "RDS
Proxy" (port) and "Quotas and constraints" (formula); Secrets Manager User Guide, "Rotation function templates".
"""

from types import MappingProxyType

from .facts import ClusterFacts, EngineFacts, MemoryFormula, TargetFacts, TlsParameter

_FORMULA = MemoryFormula(divisor=9_531_392, limit=5_000)

FACTS = EngineFacts(
    instance=TargetFacts(
        engine="postgres",
        default_version="17",
        versions=("13", "14", "15", "16", "17"),
        parameter_group_family="postgres{0}",
        # RDS User Guide, "Requiring an SSL connection to a PostgreSQL DB instance".
        tls=TlsParameter(name="rds.force_ssl", value="1", default_since=(15,)),
        default_instance_class="db.t4g.micro",
        log_exports=("postgresql", "upgrade"),
        no_performance_insights=(),
        # Read on running instances (default parameter group), or published by AWS.
        published=MappingProxyType({"db.t4g.micro": 79, "db.t3.micro": 81, "db.t3.small": 191}),
        formula=_FORMULA,
    ),
    cluster=ClusterFacts(
        engine="aurora-postgresql",
        product="Aurora PostgreSQL",
        # A long-term support release, which can be made for three years at least: Aurora User Guide, "Using an Aurora
        # PostgreSQL long-term support (LTS) release"; aws/agent-toolkit-for-aws lists 17.7 among them (2026).
        default_version="17.7",
        versions=("13", "14", "15", "16", "17"),
        parameter_group_family="aurora-postgresql{0}",
        # Aurora User Guide, "Requiring an SSL/TLS connection to an Aurora PostgreSQL DB cluster".
        tls=TlsParameter(name="rds.force_ssl", value="1", default_since=(17,)),
        default_instance_class="db.t4g.medium",
        log_exports=("postgresql",),
        no_performance_insights=(),
        sizes_not_offered=("micro", "small"),
        # Aurora User Guide, "Managing Amazon Aurora PostgreSQL": a table of 2023, since taken from the page.
        published=MappingProxyType(
            {
                "db.t3.medium": 420,
                "db.t4g.medium": 405,
                "db.t3.large": 844,
                "db.t4g.large": 844,
                "db.r5.large": 1600,
                "db.r6g.large": 1722,
                "db.r5.xlarge": 3300,
                "db.r6g.xlarge": 3479,
            }
        ),
        formula=_FORMULA,
        # Aurora User Guide, "Performance and scaling for Aurora Serverless v2".
        by_acu=MappingProxyType(
            {1: 189, 4: 823, 8: 1669, 16: 3360, 32: 5000, 64: 5000, 128: 5000, 192: 5000},
        ),
        most_from_lowest_acu=2000,
    ),
    proxy_family="POSTGRESQL",
    port=5432,
    # 3 superuser_reserved_connections, 2 for rds_superuser, 4 of rds.rds_reserved_connections.
    reserved_connections=9,
    client_password_auth_types=("POSTGRES_SCRAM_SHA_256", "POSTGRES_MD5"),
    session_pinning_filters=(),
    why_no_session_pinning_filters=(
        "a postgresql proxy has no filters, because only MySQL's variables can be told apart from what else pins: "
        "leave it out, and set variables with ALTER ROLE or {init_query}"
    ),
    why_no_user_timeouts=None,
    rotation_application="SecretsManagerRDSPostgreSQLRotationSingleUser",
    longest_user=63,
    reserved_users=("rds", "pg_"),
    requirements="requirements-postgresql.txt",
)
