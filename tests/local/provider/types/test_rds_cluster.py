"""What a recorded cluster looks like: nothing runs, and all of it has AWS's shape."""

import re

import pytest

from tests.local.provider.conftest import recorded

CLUSTER = "aws:rds/cluster:Cluster"


@pytest.mark.parametrize(("engine", "port"), [("aurora-postgresql", 5432), ("aurora-mysql", 3306)])
def test_a_cluster_has_both_endpoints_of_one_account_and_its_engines_port(engine: str, port: int) -> None:
    identifier, outputs = recorded(CLUSTER, {"clusterIdentifier": "orders", "engine": engine})
    writer = re.fullmatch(r"orders\.cluster-(\w{12}\.eu-west-1\.rds\.amazonaws\.com)", outputs["endpoint"])
    assert writer and outputs["readerEndpoint"] == f"orders.cluster-ro-{writer[1]}"
    assert (identifier, outputs["port"]) == ("orders", port)
    instance = recorded("aws:rds/clusterInstance:ClusterInstance", {"identifier": "orders-0", "engine": engine})[1]
    assert (instance["endpoint"], instance["port"]) == (f"orders-0.{writer[1]}", port)


def test_a_cluster_has_a_secret_of_its_master_user_only_when_rds_is_to_manage_one() -> None:
    _, managed = recorded(CLUSTER, {"clusterIdentifier": "orders", "manageMasterUserPassword": True})
    assert managed["masterUserSecrets"][0]["secretArn"].startswith("arn:aws:secretsmanager:eu-west-1:000000000000:")
    assert "masterUserSecrets" not in recorded(CLUSTER, {"clusterIdentifier": "orders"})[1]
