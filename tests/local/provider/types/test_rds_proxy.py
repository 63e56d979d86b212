"""What the supervisor is asked for a proxy, and how proxies that no state knows are found with all that is theirs."""

import re

import pytest

from local.supervisor.errors import LaptopError
from tests.local.provider.conftest import PROXY_FACTS, Laptop, Recorder, apply, read, read_by_id, recorded

PROXY = "aws:rds/proxy:Proxy"


def test_a_renamed_proxy_leaves_no_proxy_of_the_old_name(recorder: Recorder) -> None:
    apply(PROXY, {"name": "new", "engineFamily": "POSTGRESQL"}, {"name": "old"})
    assert [call[:3] for call in recorder.calls] == [("put", "proxy", "new"), ("delete", "proxy", "old")]


def test_a_proxy_that_keeps_its_name_is_not_deleted(recorder: Recorder) -> None:
    apply(PROXY, {"name": "same", "engineFamily": "POSTGRESQL"}, {"name": "same"})
    assert [call[0] for call in recorder.calls] == ["put"]


def test_a_proxy_is_told_everything_that_decides_who_may_log_in(recorder: Recorder) -> None:
    given = {"auths": [{"iamAuth": "REQUIRED"}], "defaultAuthScheme": "IAM_AUTH", "roleArn": "arn", "requireTls": True}
    apply(PROXY, {"name": "orders", **given})
    ((_, _, _, spec),) = recorder.calls
    assert {key: spec[key] for key in given} == given


def test_what_the_supervisor_refuses_is_told_in_its_own_words(recorder: Recorder) -> None:
    with pytest.raises(LaptopError, match=r"^no proxy orders$"):
        read(PROXY, "orders", {})


def test_a_proxy_that_was_made_by_hand_has_awss_own_defaults(laptop: Laptop) -> None:
    identifier, inputs, outputs = read_by_id(PROXY, "orders")
    assert identifier == inputs["name"] == "orders"
    assert (inputs["requireTls"], inputs["debugLogging"], inputs["idleClientTimeout"]) == (False, False, 60)
    assert (outputs["arn"], outputs["endpoint"]) == (PROXY_FACTS["arn"], PROXY_FACTS["endpoint"])


def test_a_proxy_has_a_default_target_group_that_nobody_made(laptop: Laptop) -> None:
    identifier, inputs, outputs = read_by_id("aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup", "orders")
    assert (identifier, inputs["dbProxyName"], outputs["name"]) == ("orders", "orders", "default")
    pool = {"maxConnectionsPercent": 100, "maxIdleConnectionsPercent": 50, "connectionBorrowTimeout": 120}
    assert inputs["connectionPoolConfig"] == outputs["connectionPoolConfig"] == pool


def test_a_target_comes_by_its_four_parts(laptop: Laptop) -> None:
    identifier, inputs, outputs = read_by_id("aws:rds/proxyTarget:ProxyTarget", "orders/default/RDS_INSTANCE/orders")
    assert identifier == "orders/default/RDS_INSTANCE/orders"
    assert inputs == {"dbProxyName": "orders", "targetGroupName": "default", "dbInstanceIdentifier": "orders"}
    assert outputs["rdsResourceId"] == "orders"


def test_a_proxy_in_front_of_a_cluster_is_refused_with_the_reason(recorder: Recorder) -> None:
    with pytest.raises(LaptopError, match="proxy orders cannot stand in front of a cluster: clusters are recorded"):
        apply("aws:rds/proxyTarget:ProxyTarget", {"dbProxyName": "orders", "dbClusterIdentifier": "orders"})
    assert recorder.calls == []


def test_a_reader_endpoint_has_awss_shape_and_is_known_by_its_proxy_and_its_name() -> None:
    given = {"dbProxyName": "orders", "dbProxyEndpointName": "orders-ro", "targetRole": "READ_ONLY"}
    identifier, outputs = recorded("aws:rds/proxyEndpoint:ProxyEndpoint", given)
    assert identifier == "orders/orders-ro"
    assert re.fullmatch(r"orders-ro\.endpoint\.proxy-\w{12}\.eu-west-1\.rds\.amazonaws\.com", outputs["endpoint"])
