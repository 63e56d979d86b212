from lambda_rds_proxy.serverless_database.budget import connection_budget
from lambda_rds_proxy.settings.spelling import ARGUMENTS, CONFIG


def budget(percent: int = 85, limit: int | None = None, **reserved: int | None):  # type: ignore[no-untyped-def]  # noqa: ANN201
    return connection_budget(
        max_connections=79, percent=percent, reserved_concurrency=list(reserved.items()), account_limit=limit
    )


def test_the_ceiling_is_the_proxys_share_of_max_connections() -> None:
    assert budget(app=1).ceiling == 67


def test_fewer_clients_than_connections_fit_even_when_every_session_is_pinned() -> None:
    assert budget(app=67).verdict == "fits-even-pinned"
    assert budget(app=68).verdict == "multiplexed"


def test_many_more_clients_than_connections_is_normal_and_not_worth_a_warning() -> None:
    assert budget(app=500).verdict == "multiplexed"
    assert budget(app=500).warning(CONFIG) is None


def test_a_duty_cycle_below_a_tenth_is_warned_about_with_its_numbers() -> None:
    warned = budget(app=700)
    assert warned.duty_cycle is not None and warned.duty_cycle < 0.1
    warning = warned.warning(CONFIG)
    assert warning is not None and "700 clients share 67" in warning
    assert warning.endswith("lower reservedConcurrency or choose a larger instanceClass")


def test_a_function_without_reserved_concurrency_makes_the_clients_unbounded_and_is_named() -> None:
    warned = budget(app=10, reports=None)
    assert warned.verdict == "unbounded"
    assert warned.duty_cycle is None
    warning = warned.warning(ARGUMENTS)
    assert warning is not None and "reports have no reserved_concurrency" in warning and "app " not in warning


def test_the_output_has_the_names_of_the_contract() -> None:
    assert budget(app=134).as_output() == {
        "maxConnections": 79,
        "percent": 85,
        "ceiling": 67,
        "clients": 134,
        "unbounded": [],
        "dutyCycle": 0.5,
        "verdict": "multiplexed",
    }


def test_functions_without_reservation_have_what_the_accounts_limit_leaves_where_it_is_known() -> None:
    new_account = budget(limit=10, app=None)
    assert (new_account.clients, new_account.verdict, new_account.duty_cycle) == (10, "fits-even-pinned", 1.0)
    assert new_account.warning(CONFIG) is None
    shared = budget(limit=200, app=50, reports=None)
    assert (shared.clients, shared.verdict, shared.unbounded) == (200, "multiplexed", ())
    assert budget(limit=1000, app=50).clients == 50


def test_too_many_clients_by_the_accounts_limit_are_fewer_with_a_reservation() -> None:
    warning = budget(limit=1000, app=20, reports=None).warning(CONFIG)
    assert warning is not None
    assert warning.startswith("1000 clients share 67 database connections")
    assert warning.endswith("give reports a reservedConcurrency or choose a larger instanceClass")
