"""References to what is there already: looked up at preview, or written down by hand without any look-up."""

from typing import cast

import pulumi
import pulumi_aws as aws

from .engines import ENGINES, Auth, Engine, TargetKind
from .references import DatabaseRef, ProxyRef


def existing_database(
    identifier: str,
    *,
    engine: Engine,
    kind: TargetKind,
    database_name: str,
    max_connections: int,
    security_group_id: pulumi.Input[str] | None = None,
    admin_secret_arn: pulumi.Input[str] | None = None,
    opts: pulumi.InvokeOutputOptions | None = None,
) -> DatabaseRef:
    """A database by its DBInstanceIdentifier or DBClusterIdentifier.

    Args:
        identifier: of the instance, or of the cluster.
        engine: postgresql or mysql.
        kind: instance or cluster.
        database_name: the database the application uses, which need not be the one made at first start.
        max_connections: of the server; RDS tells it to nobody but a client.
        security_group_id: where rules are added; default the first of the database's groups.
        admin_secret_arn: secret of a master user; without it no user is made, and the SQL is printed.
        opts: the provider to look up with.
    """
    reference = _cluster(identifier, opts) if kind is TargetKind.CLUSTER else _instance(identifier, opts)
    reference |= {
        "engine": engine,
        "kind": kind,
        "identifier": identifier,
        "database_name": database_name,
        "max_connections": max_connections,
    }
    if security_group_id is not None:
        reference["security_group_id"] = security_group_id
    if admin_secret_arn is not None:
        reference["admin_secret_arn"] = admin_secret_arn
    return cast(DatabaseRef, reference)


def existing_proxy(
    name: str,
    *,
    engine: Engine,
    auth: Auth,
    user: str,
    database_name: str,
    client_security_group_id: pulumi.Input[str],
    secret_arn: pulumi.Input[str] | None = None,
    opts: pulumi.InvokeOutputOptions | None = None,
) -> ProxyRef:
    """A proxy by its DBProxyName, for one user.

    Args:
        name: of the proxy.
        engine: postgresql or mysql.
        auth: how clients log in.
        user: who they log in as.
        database_name: what they log in to.
        client_security_group_id: a group that the proxy's own group admits; functions are put into it.
        secret_arn: secret that clients read, for auth secret.
        opts: the provider to look up with.
    """
    found = aws.rds.get_proxy_output(name=name, opts=opts)
    reference: ProxyRef = {
        "name": name,
        "id": found.arn.apply(lambda arn: arn.rsplit(":", 1)[1]),
        "arn": found.arn,
        "endpoint": found.endpoint,
        "port": ENGINES[engine].port,
        "engine": engine,
        "auth": auth,
        "user": user,
        "database_name": database_name,
        "security_group_id": found.vpc_security_group_ids.apply(lambda groups: groups[0]),
        "client_security_group_id": client_security_group_id,
    }
    if secret_arn is not None:
        reference["secret_arn"] = secret_arn
    return reference


def _instance(identifier: str, opts: pulumi.InvokeOutputOptions | None) -> dict[str, object]:
    found = aws.rds.get_instance_output(db_instance_identifier=identifier, opts=opts)
    return {
        "endpoint": found.address,
        "port": found.port,
        "resource_id": found.resource_id,
        "security_group_id": found.vpc_security_groups.apply(lambda groups: groups[0]),
    }


def _cluster(identifier: str, opts: pulumi.InvokeOutputOptions | None) -> dict[str, object]:
    found = aws.rds.get_cluster_output(cluster_identifier=identifier, opts=opts)
    return {
        "endpoint": found.endpoint,
        "port": found.port,
        "resource_id": found.cluster_resource_id,
        "security_group_id": found.vpc_security_group_ids.apply(lambda groups: groups[0]),
    }
