"""The keys of a stack's configuration: key → field and parser, with the limits of each value. No Pulumi in it."""

import re

from .config_tables import Table
from .config_values import (
    capacity,
    cidr,
    entries,
    flag,
    instance_class,
    matching,
    member,
    string_map,
    subnets,
    table,
    text,
    text_list,
    time,
    whole_number,
)
from .engines import Auth, Engine, Profile, TargetKind
from .function_config import IDENTIFIER

_KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/.+")
_SECRET_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+")
# PutRetentionPolicy (botocore's service model).
_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288)
_PORT = whole_number("a whole number from 1150 to 65535", low=1150, high=65_535)
_GROUP = matching(re.compile(r"sg-[0-9a-f]+"), "the id of a security group such as sg-0123456789abcdef0")
_KEY = matching(_KEY_ARN, "the ARN of a KMS key")
KEYS: Table = {
    "profile": ("profile", member(Profile)),
    "engine": ("engine", member(Engine)),
    "engineVersion": (
        "engine_version",
        matching(re.compile(r"[0-9][0-9A-Za-z._]*"), 'a version such as "17"'),
    ),
    "target": ("target", member(TargetKind)),
    "instanceClass": ("instance_class", instance_class),
    "instances": ("instances", whole_number("a whole number from 1 to 16", low=1, high=16)),
    "minCapacity": ("min_capacity", capacity),
    "maxCapacity": ("max_capacity", capacity),
    "storageGib": ("storage_gib", whole_number("a whole number from 20 to 65536", low=20, high=65_536)),
    "databaseName": (
        "database_name",
        matching(IDENTIFIER, "a lower-case identifier of at most 63 characters such as app_db"),
    ),
    "port": ("port", _PORT),
    "maxConnections": (
        "max_connections",
        whole_number("a whole number from 6 to 100000", low=6, high=100_000),
    ),
    "parameters": ("parameters", string_map),
    "backupRetentionDays": (
        "backup_retention_days",
        whole_number("a whole number of days from 1 to 35", low=1, high=35),
    ),
    "snapshotIdentifier": ("snapshot_identifier", text),
    "kmsKeyArn": ("kms_key_arn", _KEY),
    "performanceInsights": ("performance_insights", flag),
    "existingDatabase": ("existing_database", table),
    "adopted": ("adopted", table),
    "import": ("import_changes", table),
    "databaseUser": (
        "database_user",
        matching(IDENTIFIER, "a lower-case identifier of at most 63 characters such as app"),
    ),
    "auth": ("auth", member(Auth)),
    "users": ("users", entries("{name, auth}")),
    "rotationDays": ("rotation_days", whole_number("a whole number of days from 1 to 1000", low=1, high=1000)),
    "vpcCidr": ("vpc_cidr", cidr),
    "zones": ("zones", whole_number("a whole number from 2 to 6", low=2, high=6)),
    "vpcId": (
        "vpc_id",
        matching(re.compile(r"vpc-[0-9a-f]+"), "the id of a VPC such as vpc-0123456789abcdef0"),
    ),
    "subnetIds": ("subnet_ids", subnets),
    "secretsEndpoint": ("secrets_endpoint", flag),
    "secretsEndpointSecurityGroupId": ("secrets_endpoint_security_group_id", _GROUP),
    "preflight": ("preflight", flag),
    "maxConnectionsPercent": (
        "max_connections_percent",
        whole_number("a whole number from 1 to 100", low=1, high=100),
    ),
    "maxIdleConnectionsPercent": (
        "max_idle_connections_percent",
        whole_number("a whole number from 0 to maxConnectionsPercent", low=0, high=100),
    ),
    "otherProxiesPercent": (
        "other_proxies_percent",
        whole_number("a whole number from 0 to 100", low=0, high=100),
    ),
    "idleClientTimeout": (
        "idle_client_timeout",
        whole_number("a whole number of seconds from 1 to 28800", low=1, high=28_800),
    ),
    "borrowTimeout": (
        "connection_borrow_timeout",
        whole_number("a whole number of seconds from 0 to 300", low=0, high=300),
    ),
    "initQuery": ("init_query", text),
    "sessionPinningFilters": ("session_pinning_filters", text_list),
    "readerEndpoint": ("reader_endpoint", flag),
    "clientPasswordAuthType": ("client_password_auth_type", text),
    "extraClients": ("extra_clients", string_map),
    "debugLoggingUntil": ("debug_logging_until", time),
    "logRetentionDays": (
        "log_retention_days",
        whole_number(f"one of {', '.join(map(str, _RETENTION_DAYS))}", members=_RETENTION_DAYS),
    ),
    "logKmsKeyArn": ("log_kms_key_arn", _KEY),
    "functions": ("functions", entries("{name, path, handler, …}")),
    "bootstrap": ("bootstrap", flag),
    "alarmTopicArn": (
        "alarm_topic_arn",
        matching(re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:.+"), "the ARN of an SNS topic"),
    ),
    "tags": ("tags", string_map),
}
EXISTING_KEYS: Table = {
    "identifier": ("identifier", text),
    "endpoint": ("endpoint", text),
    "port": ("port", _PORT),
    "resourceId": (
        "resource_id",
        matching(re.compile(r"(db|cluster)-[A-Z0-9]+"), "db-… of an instance or cluster-… of a cluster"),
    ),
    "securityGroupId": ("security_group_id", _GROUP),
    "maxConnections": ("max_connections", whole_number("a whole number from 6 to 100000", low=6, high=100_000)),
    "adminSecretArn": ("admin_secret_arn", matching(_SECRET_ARN, "the ARN of a secret")),
    "adminSecretKmsKeyArn": ("admin_secret_kms_key_arn", _KEY),
}
# Without them nobody can stand before a database that is there.
EXISTING_REQUIRED = ("identifier", "endpoint", "resourceId", "securityGroupId", "maxConnections")
# Structures, which Pulumi hands over as JSON.
STRUCTURED_KEYS = {
    *("subnetIds", "functions", "tags", "parameters", "existingDatabase", "users"),
    *("adopted", "import"),
    *("sessionPinningFilters", "extraClients"),
}
