import asyncio
from typing import Any

import pulumi
import pytest

from lambda_rds_proxy import DatabaseProxy
from lambda_rds_proxy.engines import Auth
from lambda_rds_proxy.proxy import role_propagation
from tests.components.declared import Declared, declare
from tests.components.proxy.test_component import DATABASE, NETWORK

END_TO_END: dict[str, Any] = {"user": "app", "auth": Auth.IAM_END_TO_END}


def proxy(user: dict[str, Any]) -> Declared:
    args: Any = {"network": NETWORK, "database": DATABASE, "user": user}
    return declare(lambda: DatabaseProxy("orders", args).reference)


def test_a_proxy_of_an_existing_database_gives_iam_time_to_tell_rds_of_its_role() -> None:
    assert proxy(END_TO_END).one("rds/proxy:Proxy").before_create == ["role-of-lambda-rds-proxy-test-orders"]


def test_a_proxy_waits_for_the_admin_function_where_there_is_one_and_for_no_time() -> None:
    made: list[pulumi.Resource] = []

    def program() -> Any:
        function = pulumi.CustomResource("aws:lambda/function:Function", "admin", {"name": "admin"})
        made.append(function)
        user: Any = {**END_TO_END, "admin_function_name": function.urn, "admin_role_name": "r"}
        args: Any = {"network": NETWORK, "database": DATABASE, "user": user}
        return DatabaseProxy("orders", args).reference

    declared = declare(program)
    found = declared.one("rds/proxy:Proxy")
    assert not found.before_create
    assert declared.waits_for(found, declared.one("lambda/function:Function"))


@pytest.mark.parametrize(("age", "waited"), [(2.0, 13.0), (15.0, None), (300.0, None)])
def test_it_waits_only_until_the_role_is_old_enough(age: float, waited: float | None) -> None:
    slept, now = list[float](), [100.0]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    def program() -> Any:
        arn = pulumi.Output.from_input("arn:aws:iam::123456789012:role/orders")
        hooks = role_propagation.waiting_for(arn, name="orders", clock=lambda: now[0], sleep=sleep)
        return arn.apply(lambda _: hooks)

    (hook,) = declare(program).result.before_create
    now[0] += age
    asyncio.get_event_loop().run_until_complete(hook(None))
    assert slept == ([] if waited is None else [waited])
