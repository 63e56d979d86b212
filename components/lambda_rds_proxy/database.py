"""The database: one RDS instance or an Aurora cluster, in private subnets, reachable by nobody until a rule says so."""

from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from .engines import ENGINES, Engine, EngineFacts, Profile, TargetKind
from .instance_classes import max_connections
from .names import physical_name
from .references import DatabaseRef, NetworkRef

MASTER_USER = "db_admin"


class DatabaseArgs(TypedDict):
    """A new database."""

    network: NetworkRef
    """Where it stands."""
    engine: NotRequired[Engine]
    """postgresql (default) or mysql."""
    engine_version: NotRequired[str]
    """Version such as 17 or 8.4; the default is pinned per engine."""
    kind: NotRequired[TargetKind]
    """instance (default) or cluster."""
    instance_class: NotRequired[str]
    """DB instance class; default db.t4g.micro."""
    instances: NotRequired[int]
    """Instances of a cluster: a writer and readers; default 1."""
    storage_gib: NotRequired[int]
    """Storage of an instance in GiB, gp3; default 20."""
    database_name: NotRequired[str]
    """Database made at first start; default app_db."""
    profile: NotRequired[Profile]
    """dev (default), or prod: protected, final snapshot, two zones, backups for a week."""
    max_connections: NotRequired[int]
    """Overrides what RDS derives from the instance class."""
    iam_database_authentication: NotRequired[bool]
    """Whether users may log in to the database itself with IAM; needed for iam-end-to-end; default false."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource."""


@dataclass(frozen=True, kw_only=True)
class _Choices:
    """The arguments with their defaults, and what both kinds of database share."""

    engine: Engine
    facts: EngineFacts
    version: str
    instance_class: str
    database_name: str
    prod: bool
    parameters: dict[str, str]
    tags: pulumi.Input[dict[str, pulumi.Input[str]]] | None
    iam_database_authentication: bool

    @property
    def parameter_values(self) -> list[tuple[str, str, str]]:
        """(name, value, apply method), sorted: max_connections is read at start only, TLS applies at once."""
        return [
            (key, value, "pending-reboot" if key == "max_connections" else "immediate")
            for key, value in sorted(self.parameters.items())
        ]


class Database(pulumi.ComponentResource):
    """An encrypted database that refuses plain text, whose master password only RDS and Secrets Manager know."""

    reference: DatabaseRef
    """The database, for the other components."""

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lambda-rds-proxy:index:Database", name, {}, opts)
        engine = Engine(args.get("engine", Engine.POSTGRESQL))
        kind = TargetKind(args.get("kind", TargetKind.INSTANCE))
        facts = ENGINES[engine]
        cluster = kind is TargetKind.CLUSTER
        choices = _Choices(
            engine=engine,
            facts=facts,
            version=args.get("engine_version", facts.default_cluster_version if cluster else facts.default_version),
            instance_class=args.get("instance_class", "db.t4g.micro"),
            database_name=args.get("database_name", "app_db"),
            prod=Profile(args.get("profile", Profile.DEV)) is Profile.PROD,
            parameters={
                **facts.parameters,
                **({"max_connections": str(args["max_connections"])} if "max_connections" in args else {}),
            },
            tags=args.get("tags"),
            iam_database_authentication=args.get("iam_database_authentication", False),
        )

        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            name,
            vpc_id=args["network"]["vpc_id"],
            description="database: who may reach it is stated by standalone rules",
            tags=choices.tags,
            opts=child,
        )
        subnets = aws.rds.SubnetGroup(name, subnet_ids=args["network"]["subnet_ids"], tags=choices.tags, opts=child)
        if cluster:
            self.reference = self._cluster(name, choices, group, subnets, instances=args.get("instances", 1))
        else:
            self.reference = self._instance(name, choices, group, subnets, storage_gib=args.get("storage_gib", 20))
        self.reference["max_connections"] = args.get("max_connections") or max_connections(
            engine=engine.value, instance_class=choices.instance_class
        )
        self.register_outputs({"reference": self.reference})

    def _instance(
        self,
        name: str,
        choices: _Choices,
        group: aws.ec2.SecurityGroup,
        subnets: aws.rds.SubnetGroup,
        *,
        storage_gib: int,
    ) -> DatabaseRef:
        parameters = aws.rds.ParameterGroup(
            name,
            family=choices.facts.parameter_group_family(TargetKind.INSTANCE, choices.version),
            parameters=[
                aws.rds.ParameterGroupParameterArgs(name=key, value=value, apply_method=method)
                for key, value, method in choices.parameter_values
            ],
            tags=choices.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        instance = aws.rds.Instance(
            name,
            engine=choices.facts.instance_engine,
            engine_version=choices.version,
            instance_class=choices.instance_class,
            allocated_storage=storage_gib,
            storage_type="gp3",
            storage_encrypted=True,
            db_name=choices.database_name,
            username=MASTER_USER,
            manage_master_user_password=True,
            db_subnet_group_name=subnets.name,
            parameter_group_name=parameters.name,
            vpc_security_group_ids=[group.id],
            publicly_accessible=False,
            iam_database_authentication_enabled=choices.iam_database_authentication,
            multi_az=choices.prod,
            backup_retention_period=7 if choices.prod else 1,
            deletion_protection=choices.prod,
            skip_final_snapshot=not choices.prod,
            final_snapshot_identifier=_final_snapshot(name) if choices.prod else None,
            copy_tags_to_snapshot=True,
            auto_minor_version_upgrade=True,
            apply_immediately=not choices.prod,
            tags=choices.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=choices.prod or None),
        )
        return {
            "engine": choices.engine,
            "kind": TargetKind.INSTANCE,
            "identifier": instance.identifier,
            "endpoint": instance.address,
            "port": instance.port,
            "database_name": choices.database_name,
            "resource_id": instance.resource_id,
            "security_group_id": group.id,
            "admin_secret_arn": instance.master_user_secrets.apply(lambda secrets: secrets[0].secret_arn or ""),
        }

    def _cluster(
        self,
        name: str,
        choices: _Choices,
        group: aws.ec2.SecurityGroup,
        subnets: aws.rds.SubnetGroup,
        *,
        instances: int,
    ) -> DatabaseRef:
        parameters = aws.rds.ClusterParameterGroup(
            name,
            family=choices.facts.parameter_group_family(TargetKind.CLUSTER, choices.version),
            parameters=[
                aws.rds.ClusterParameterGroupParameterArgs(name=key, value=value, apply_method=method)
                for key, value, method in choices.parameter_values
            ],
            tags=choices.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        cluster = aws.rds.Cluster(
            name,
            engine=choices.facts.cluster_engine,
            engine_version=choices.version,
            storage_encrypted=True,
            database_name=choices.database_name,
            master_username=MASTER_USER,
            manage_master_user_password=True,
            db_subnet_group_name=subnets.name,
            db_cluster_parameter_group_name=parameters.name,
            vpc_security_group_ids=[group.id],
            iam_database_authentication_enabled=choices.iam_database_authentication,
            backup_retention_period=7 if choices.prod else 1,
            deletion_protection=choices.prod,
            skip_final_snapshot=not choices.prod,
            final_snapshot_identifier=_final_snapshot(name) if choices.prod else None,
            copy_tags_to_snapshot=True,
            apply_immediately=not choices.prod,
            tags=choices.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=choices.prod or None),
        )
        members = [
            aws.rds.ClusterInstance(
                f"{name}-{index}",
                cluster_identifier=cluster.id,
                engine=aws.rds.EngineType(choices.facts.cluster_engine),
                engine_version=choices.version,
                instance_class=choices.instance_class,
                db_subnet_group_name=subnets.name,
                publicly_accessible=False,
                auto_minor_version_upgrade=True,
                apply_immediately=not choices.prod,
                tags=choices.tags,
                opts=pulumi.ResourceOptions(parent=self, protect=choices.prod or None),
            )
            for index in range(instances)
        ]

        def when_ready(value: pulumi.Output[str]) -> pulumi.Output[str]:
            # A cluster without an instance answers nobody, and a proxy refuses it as a target.
            return pulumi.Output.all(value, *[member.id for member in members]).apply(lambda known: str(known[0]))

        return {
            "engine": choices.engine,
            "kind": TargetKind.CLUSTER,
            "identifier": when_ready(cluster.id),
            "endpoint": when_ready(cluster.endpoint),
            "port": cluster.port,
            "database_name": choices.database_name,
            "resource_id": cluster.cluster_resource_id,
            "security_group_id": group.id,
            "admin_secret_arn": cluster.master_user_secrets.apply(lambda secrets: secrets[0].secret_arn or ""),
        }


def _final_snapshot(name: str) -> str:
    return physical_name(pulumi.get_project(), pulumi.get_stack(), name, "final")
