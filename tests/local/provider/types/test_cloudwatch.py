"""Log groups that RDS makes."""

from tests.local.provider.conftest import Laptop, read_by_id


def test_the_log_group_of_a_proxy_is_there_as_rds_makes_it(laptop: Laptop) -> None:
    identifier, inputs, outputs = read_by_id("aws:cloudwatch/logGroup:LogGroup", "/aws/rds/proxy/orders")
    assert (identifier, inputs["retentionInDays"]) == ("/aws/rds/proxy/orders", 0)
    assert outputs["arn"].endswith(":log-group:/aws/rds/proxy/orders")
