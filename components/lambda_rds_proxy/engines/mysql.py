"""Every fact of MySQL.

Sources: RDS User Guide, "Supported Regions and DB engines for Amazon RDS Proxy", and the same page of the Aurora User
Guide (versions); the same guides, "DB engine, Region, and instance class support for Database Insights", which is
Performance Insights' name since 2026-07; botocore's `rds` service model (family, password types); RDS User Guide, "RDS
Proxy" (port) and "Quotas and constraints" (formula); Secrets Manager User Guide, "Rotation function templates".
"""

from types import MappingProxyType

from .facts import ClusterFacts, EngineFacts, MemoryFormula, TargetFacts, TlsParameter

FACTS = EngineFacts(
    instance=TargetFacts(
        engine="mysql",
        default_version="8.4",
        versions=("5.7", "8.0", "8.4"),
        parameter_group_family="mysql{0}.{1}",
        # RDS takes 0 or 1, Aurora OFF or ON: RDS User Guide, "Requiring SSL/TLS for all connections to a MySQL DB
        # instance"; AWS Config rule rds-mysql-instance-encrypted-in-transit.
        tls=TlsParameter(name="require_secure_transport", value="1", default_since=(9, 7)),
        default_instance_class="db.t4g.micro",
        log_exports=("error", "slowquery"),
        no_performance_insights=(
            *("db.t2.micro", "db.t2.small", "db.t3.micro", "db.t3.small", "db.t4g.micro", "db.t4g.small"),
        ),
        # Read on running instances (default parameter group), or published by AWS.
        published=MappingProxyType({"db.t3.micro": 60, "db.m7g.large": 630}),
        formula=MemoryFormula(divisor=12_582_880, limit=100_000),
    ),
    cluster=ClusterFacts(
        engine="aurora-mysql",
        product="Aurora MySQL",
        # Of the long-term support release 3.10, which can be made for three years at least: Aurora User Guide, "Aurora
        # MySQL long-term support (LTS) and beta releases"; the list of cfn-lint 1.58, which a test asks.
        default_version="8.0.mysql_aurora.3.10.4",
        versions=("5.7", "8.0"),
        # Aurora MySQL 3.x is MySQL 8.0; its versions read 8.0.mysql_aurora.3.10.4, those of 8.4 8.4.mysql_aurora.8.4.7.
        parameter_group_family="aurora-mysql{0}.{1}",
        # Aurora User Guide, "Comparing Aurora MySQL version 3 and Aurora MySQL version 8.4".
        tls=TlsParameter(name="require_secure_transport", value="ON", default_since=(8, 4)),
        default_instance_class="db.t4g.medium",
        log_exports=("error", "slowquery"),
        no_performance_insights=("db.t2.", "db.t3.", "db.t4g.micro", "db.t4g.small"),
        sizes_not_offered=("micro",),
        # Aurora User Guide, "Managing performance and scaling for Aurora MySQL": by size, burstable ones by their own.
        published=MappingProxyType(
            {
                "db.t*.small": 45,
                "db.t*.medium": 90,
                "db.t*.large": 135,
                "db.[!t]*.large": 1000,
                "db.[!t]*.xlarge": 2000,
                "db.[!t]*.2xlarge": 3000,
                "db.[!t]*.4xlarge": 4000,
                "db.[!t]*.8xlarge": 5000,
                "db.[!t]*.12xlarge": 6000,
                "db.[!t]*.16xlarge": 6000,
                "db.[!t]*.24xlarge": 7000,
            }
        ),
        formula=None,
        # Aurora User Guide, "Performance and scaling for Aurora Serverless v2".
        by_acu=MappingProxyType(
            {1: 90, 4: 135, 8: 1000, 16: 2000, 32: 3000, 64: 4000, 128: 5000, 192: 6000},
        ),
        most_from_lowest_acu=None,
    ),
    proxy_family="MYSQL",
    port=3306,
    # One for a user with CONNECTION_ADMIN.
    reserved_connections=1,
    client_password_auth_types=("MYSQL_CACHING_SHA2_PASSWORD", "MYSQL_NATIVE_PASSWORD"),
    session_pinning_filters=("EXCLUDE_VARIABLE_SETS",),
    why_no_session_pinning_filters=None,
    # MySQL Reference Manual, "CREATE USER" (no option of an account bounds time) and "Server System Variables".
    why_no_user_timeouts=(
        "MySQL keeps no timeouts of users; max_execution_time, which ends SELECTs alone, can be set for the server in "
        "{parameters} or for a proxy in {init_query}"
    ),
    rotation_application="SecretsManagerRDSMySQLRotationSingleUser",
    longest_user=32,
    reserved_users=("rds",),
    requirements="requirements-mysql.txt",
)
