"""Clusters and their instances: recorded only."""

from ..identifiers import arn, digest, rds_domain
from ..properties import Properties
from .rds_instance import identifier_limit
from .row import AwsType, Resource


def _port(resource: Resource) -> int:
    return 3306 if "mysql" in str(resource.inputs.get("engine")) else 5432


def _cluster(resource: Resource) -> Properties:
    name, region = resource.name, resource.region
    outputs: Properties = {
        "arn": resource.arn("rds", f"cluster:{name}"),
        "endpoint": f"{name}.{rds_domain(region, prefix='cluster-')}",
        "readerEndpoint": f"{name}.{rds_domain(region, prefix='cluster-ro-')}",
        "port": resource.inputs.get("port", _port(resource)),
        "clusterResourceId": f"cluster-{resource.unique.upper()}",
        "engineVersionActual": resource.inputs.get("engineVersion"),
        "hostedZoneId": "Z1TTGA775OQIYO",
    }
    if resource.inputs.get("manageMasterUserPassword"):
        secret = arn("secretsmanager", region, f"secret:rds!cluster-{digest(name, 'secret')}-AbCdEf")
        outputs["masterUserSecrets"] = [{"secretArn": secret, "secretStatus": "active", "kmsKeyId": ""}]
    return outputs


TYPES = (
    AwsType(
        "aws:rds/cluster:Cluster",
        named_by="clusterIdentifier",
        limits=(identifier_limit("clusterIdentifier"),),
        outputs=_cluster,
    ),
    AwsType(
        "aws:rds/clusterInstance:ClusterInstance",
        named_by="identifier",
        limits=(identifier_limit("identifier"),),
        outputs=lambda instance: {
            "arn": instance.arn("rds", f"db:{instance.name}"),
            "endpoint": f"{instance.name}.{rds_domain(instance.region)}",
            "port": _port(instance),
            "dbiResourceId": f"db-{instance.unique.upper()}",
            "writer": instance.name.endswith("0"),
        },
    ),
    AwsType(
        "aws:rds/clusterParameterGroup:ClusterParameterGroup",
        outputs=lambda group: {"arn": group.arn("rds", f"cluster-pg:{group.name}")},
    ),
)
