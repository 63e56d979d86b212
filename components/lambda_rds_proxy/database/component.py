"""The database: one RDS instance or an Aurora cluster, in private subnets, reachable by nobody until a rule says so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from ..adoption import adopting, refusing_imports
from ..engines import TargetKind
from ..names import DATABASE, PARAMETER_GROUP, SECURITY_GROUP, SUBNET_GROUP
from ..references import DatabaseRef, enough_subnets
from ..settings.reading import any_secret, hidden, read, with_defaults
from ..settings.spelling import SPELLING, Spelling
from ..stack.args import StackSettings
from ..stack_names import own_name
from .args import AdoptedDatabase, DatabaseArgs, DatabaseSettings
from .choices import MASTER_USER, PERFORMANCE_INSIGHTS_DAYS, DatabaseChoices, choose
from .final_snapshot import final_snapshot_name
from .log_groups import log_groups
from .maintenance import saying_what_waits
from .problems import adopted_database_problems, database_problems, restored_problem


class Database(pulumi.ComponentResource):
    """An encrypted database that refuses plain text, whose master password only RDS and Secrets Manager know.

    In profile prod a change of its class, version or storage waits for the maintenance window, and says so.
    """

    reference: DatabaseRef
    """The database, for the other components."""

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lambda-rds-proxy:index:Database", name, {}, opts)
        args = read(DatabaseArgs, args, name, part="database", problems=_problems)
        settings = with_defaults(DatabaseSettings, args.get("settings", {}))
        stack = with_defaults(StackSettings, args.get("stack", {}))
        choices = choose(name, settings, stack["profile"])
        self._settings, self._tags, self._kms_key_arn = settings, stack.get("tags"), stack.get("kms_key_arn")
        self._iam_authentication = args.get("iam_database_authentication", False)
        if not choices.target.is_documented(choices.version):
            pulumi.log.warn(
                f"{choices.target.engine} {choices.version} is not among the versions that RDS Proxy is documented for "
                f"({', '.join(choices.target.versions)}); AWS may refuse the target",
                self,
            )
        if choices.kind is TargetKind.CLUSTER and choices.version_is_given and choices.minor_upgrades:
            pulumi.log.warn(
                f"{SPELLING.get().of('database')('database.engine_version')} is {choices.version}; once a cluster runs "
                "a newer minor version than AWS's default, no change of it is taken any more: give one in full such as "
                f"{choices.target.default_version}, or leave it out and let AWS upgrade it",
                self,
            )
        with refusing_imports() as fail_preview_after:
            place = _adopted(args["adopted"], args) if "adopted" in args else self._new(args, choices, stack)
            make = self._cluster if choices.kind is TargetKind.CLUSTER else self._instance
            self.reference = make(choices, place)
            fail_preview_after(pulumi.Output.from_input(self.reference["endpoint"]))
        self.reference["max_connections"] = settings.get("max_connections") or choices.max_connections
        self.reference["instance_class"] = choices.instance_class
        if self._kms_key_arn is not None:
            self.reference["admin_secret_kms_key_arn"] = self._kms_key_arn
        self.register_outputs({"reference": self.reference})

    def _new(self, args: DatabaseArgs, choices: DatabaseChoices, stack: StackSettings) -> "_Place":
        child = pulumi.ResourceOptions(parent=self)
        subnets = aws.rds.SubnetGroup(
            choices.name,
            name=own_name(SUBNET_GROUP, choices.name),
            subnet_ids=enough_subnets(args["network"]["subnet_ids"], SPELLING.get()("network.subnet_ids")),
            tags=self._tags,
            opts=child,
        )
        # The groups of its logs carry the identifier, and a stack may become prod later. The subnet group's name is
        # Pulumi's choice and known before the database is there, lasts as long as the stack, and does not come back:
        # RDS may write a group once more after it was deleted (terraform-provider-aws #42858).
        identifier = own_name(DATABASE, choices.name)
        known: pulumi.Input[str] = subnets.name if identifier is None else identifier
        logs = log_groups(
            choices.name,
            kind=choices.kind,
            identifier=known,
            logs=choices.target.log_exports if choices.prod else (),
            stack=stack,
            parent=self,
        )
        group = aws.ec2.SecurityGroup(
            choices.name,
            name=own_name(SECURITY_GROUP, choices.name),
            vpc_id=args["network"]["vpc_id"],
            description="database: who may reach it is stated by standalone rules",
            tags=self._tags,
            # Goes after the database and its network interfaces, and before the groups of its logs.
            opts=pulumi.ResourceOptions(parent=self, depends_on=logs),
        )
        return _Place(
            identifier=identifier,
            known_as=known,
            logs=logs,
            instance_identifiers=[own_name(DATABASE, f"{choices.name}-{index}") for index in range(choices.instances)],
            subnet_group_name=subnets.name,
            security_group_ids=[group.id],
            # A snapshot brings its own database and master user.
            brings_content="snapshot_identifier" in self._settings,
        )

    def _instance(self, choices: DatabaseChoices, place: "_Place") -> DatabaseRef:
        parameters = aws.rds.ParameterGroup(
            choices.name,
            name=own_name(PARAMETER_GROUP, choices.name),
            family=choices.target.family(choices.version),
            parameters=[
                aws.rds.ParameterGroupParameterArgs(name=key, value=value, apply_method=method)
                for key, value, method in choices.parameter_values
            ],
            tags=self._tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        restored = "snapshot_identifier" in self._settings
        instance = aws.rds.Instance(
            choices.name,
            identifier=place.known_as,
            engine=choices.target.engine,
            engine_version=choices.version,
            instance_class=choices.instance_class,
            allocated_storage=self._settings["storage_gib"],
            storage_type="gp3",
            # RestoreDBInstanceFromDBSnapshot takes neither: an instance has what its snapshot has. Another key than
            # that replaces it with the snapshot again, and so does encryption that is left out.
            storage_encrypted=True,
            kms_key_id=None if restored else self._kms_key_arn,
            snapshot_identifier=self._settings.get("snapshot_identifier"),
            db_name=None if place.brings_content else choices.database_name,
            username=None if place.brings_content else MASTER_USER,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=self._kms_key_arn,
            port=self._settings.get("port"),
            db_subnet_group_name=place.subnet_group_name,
            parameter_group_name=parameters.name,
            vpc_security_group_ids=place.security_group_ids,
            publicly_accessible=False,
            iam_database_authentication_enabled=self._iam_authentication,
            enabled_cloudwatch_logs_exports=list(choices.target.log_exports) if choices.prod else None,
            **self._performance_insights(choices),
            multi_az=choices.prod,
            backup_retention_period=choices.backup_days,
            deletion_protection=choices.prod,
            skip_final_snapshot=not choices.prod,
            final_snapshot_identifier=self._final_snapshot(choices, place) if choices.prod else None,
            copy_tags_to_snapshot=True,
            auto_minor_version_upgrade=choices.minor_upgrades,
            apply_immediately=not choices.prod,
            tags=self._tags,
            opts=self._options(choices, choices.name, place.identifier, place, import_id=self._resource_id(place)),
        )
        if restored:
            self._say_how_it_is_encrypted(instance)
        return {
            "engine": choices.engine,
            "kind": TargetKind.INSTANCE,
            "identifier": instance.identifier,
            "endpoint": instance.address,
            "port": instance.port,
            "database_name": choices.database_name,
            "resource_id": instance.resource_id,
            "security_group_id": place.security_group_ids[0],
            "admin_secret_arn": instance.master_user_secrets.apply(_secret_arn),
        }

    def _cluster(self, choices: DatabaseChoices, place: "_Place") -> DatabaseRef:
        parameters = aws.rds.ClusterParameterGroup(
            choices.name,
            name=own_name(PARAMETER_GROUP, choices.name),
            family=choices.target.family(choices.version),
            parameters=[
                aws.rds.ClusterParameterGroupParameterArgs(name=key, value=value, apply_method=method)
                for key, value, method in choices.parameter_values
            ],
            tags=self._tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        cluster = aws.rds.Cluster(
            choices.name,
            cluster_identifier=place.known_as,
            engine=choices.target.engine,
            engine_version=choices.version,
            storage_encrypted=True,
            kms_key_id=self._kms_key_arn,
            snapshot_identifier=self._settings.get("snapshot_identifier"),
            database_name=None if place.brings_content else choices.database_name,
            master_username=None if place.brings_content else MASTER_USER,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=self._kms_key_arn,
            port=self._settings.get("port"),
            serverlessv2_scaling_configuration=aws.rds.ClusterServerlessv2ScalingConfigurationArgs(
                min_capacity=choices.capacity[0], max_capacity=choices.capacity[1]
            )
            if choices.capacity
            else None,
            db_subnet_group_name=place.subnet_group_name,
            db_cluster_parameter_group_name=parameters.name,
            vpc_security_group_ids=place.security_group_ids,
            iam_database_authentication_enabled=self._iam_authentication,
            enabled_cloudwatch_logs_exports=list(choices.target.log_exports) if choices.prod else None,
            backup_retention_period=choices.backup_days,
            deletion_protection=choices.prod,
            skip_final_snapshot=not choices.prod,
            final_snapshot_identifier=self._final_snapshot(choices, place) if choices.prod else None,
            copy_tags_to_snapshot=True,
            apply_immediately=not choices.prod,
            tags=self._tags,
            opts=pulumi.ResourceOptions.merge(
                self._options(choices, choices.name, place.identifier, place),
                pulumi.ResourceOptions(ignore_changes=["engineVersion"])
                if choices.version_follows_aws and place.import_changes is None
                else None,
            ),
        )
        members = [
            aws.rds.ClusterInstance(
                f"{choices.name}-{index}",
                identifier=member,
                cluster_identifier=cluster.id,
                # Its version is the cluster's, whoever upgrades that.
                engine=aws.rds.EngineType(choices.target.engine),
                instance_class=choices.instance_class,
                db_subnet_group_name=place.subnet_group_name,
                publicly_accessible=False,
                **self._performance_insights(choices),
                auto_minor_version_upgrade=choices.minor_upgrades,
                apply_immediately=not choices.prod,
                tags=self._tags,
                opts=self._options(choices, f"{choices.name}-{index}", member, place),
            )
            for index, member in enumerate(place.instance_identifiers)
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
            "security_group_id": place.security_group_ids[0],
            "admin_secret_arn": cluster.master_user_secrets.apply(_secret_arn),
            "readers": choices.instances - 1,
        }

    def _options(
        self,
        choices: DatabaseChoices,
        name: str,
        identifier: str | None,
        place: "_Place",
        *,
        import_id: str | None = None,
    ) -> pulumi.ResourceOptions:
        own, called = pulumi.ResourceOptions(parent=self, protect=choices.prod or None), identifier or name
        if name == choices.name:  # the database, whose name is ours
            own.depends_on, own.delete_before_replace = list(place.logs), True
            if not place.is_adopted:
                # One that exists keeps its name: before this rule it was Pulumi's own choice.
                own.ignore_changes = ["clusterIdentifier" if choices.kind is TargetKind.CLUSTER else "identifier"]
        if choices.prod and place.import_changes is None:
            ignored = ("engineVersion",) if choices.version_follows_aws else ()
            own = pulumi.ResourceOptions.merge(own, saying_what_waits(name, ignored=ignored))
        return adopting(
            "database",
            name,
            import_id or called,
            place.import_changes,
            own,
            settings=DatabaseSettings,
            called=called,
        )

    def _resource_id(self, place: "_Place") -> str | None:
        """Of an instance that is to be imported: the provider's id for it, where that of all else is its name."""
        if place.import_changes is None:
            return None
        identifier, opts = place.identifier, pulumi.InvokeOptions(parent=self)
        try:
            return str(aws.rds.get_instance(db_instance_identifier=identifier, opts=opts).resource_id)
        except Exception as error:  # Pulumi has no narrower one for what a provider refuses
            name = SPELLING.get().of("database")("adopted.database.identifier")
            raise pulumi.RunError(f'{name} is "{identifier}", which cannot be looked up: {error}') from None

    def _say_how_it_is_encrypted(self, instance: aws.rds.Instance) -> None:
        call = SPELLING.get().of("database")

        def check(known: list[Any]) -> None:
            encrypted, key, stated, is_secret = known
            problem = restored_problem(self._settings["snapshot_identifier"], encrypted, key, stated, call)
            if problem:
                pulumi.log.warn(hidden(problem, [key, stated]) if is_secret else problem, self)

        pulumi.Output.all(
            instance.storage_encrypted, instance.kms_key_id, self._kms_key_arn, any_secret(self._kms_key_arn)
        ).apply(check)

    def _final_snapshot(self, choices: DatabaseChoices, place: "_Place") -> pulumi.Output[str]:
        # What the provider replaces an instance or a cluster for, of all that is said here.
        made_of: list[pulumi.Input[object]] = [
            *(choices.target.engine, choices.database_name, place.brings_content, self._kms_key_arn),
            *(self._settings.get("snapshot_identifier"), place.identifier, place.subnet_group_name),
        ]
        return final_snapshot_name(choices.name, made_of=pulumi.Output.all(*made_of), parent=self)

    def _performance_insights(self, choices: DatabaseChoices) -> dict[str, Any]:
        if not choices.performance_insights:
            return {}
        return {
            "performance_insights_enabled": True,
            "performance_insights_retention_period": PERFORMANCE_INSIGHTS_DAYS,
            "performance_insights_kms_key_id": self._kms_key_arn,
        }


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a database stands and what it is called, made here or adopted; an identifier of None is Pulumi's choice.

    `known_as` is what the database itself is called if it is made now, and `logs` are what it waits for.
    """

    identifier: str | None
    known_as: pulumi.Input[str]
    instance_identifiers: Sequence[str | None]
    subnet_group_name: pulumi.Input[str]
    security_group_ids: list[pulumi.Input[str]]
    brings_content: bool
    is_adopted: bool = False
    import_changes: Sequence[str] | None = None
    logs: Sequence[pulumi.Resource] = ()


def _problems(given: DatabaseArgs, call: Spelling) -> Iterator[str]:
    profile = with_defaults(StackSettings, given.get("stack", {}))["profile"]
    settings = given.get("settings", {})
    yield from database_problems(settings, call, profile=profile)
    if "adopted" in given:
        yield from adopted_database_problems(given["adopted"], settings, call, profile=profile)


def _adopted(adopted: AdoptedDatabase, args: DatabaseArgs) -> _Place:
    return _Place(
        identifier=adopted["identifier"],
        known_as=adopted["identifier"],
        instance_identifiers=[*adopted.get("instance_identifiers", [])],
        subnet_group_name=adopted["subnet_group_name"],
        security_group_ids=[*adopted["security_group_ids"]],
        brings_content=True,
        is_adopted=True,
        import_changes=args.get("import_changes"),
    )


def _secret_arn(secrets: Sequence[Any]) -> str:
    """An adopted database may have none before its first update, which lets RDS manage the password."""
    return str(secrets[0].secret_arn or "") if secrets else ""
