import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.proxy.ceiling import ceiling
from lambda_rds_proxy.serverless_database.budget import ConnectionBudget, connection_budget
from lambda_rds_proxy.settings.spelling import ARGUMENTS, CONFIG


def budget(percent: int = 85, limit: int | None = None, **reserved: int | None):  # type: ignore[no-untyped-def]  # noqa: ANN201
    return connection_budget(
        max_connections=79, percent=percent, reserved_concurrency=list(reserved.items()), account_limit=limit
    )


def said(budget: ConnectionBudget) -> list[str]:
    return [*budget.warnings(CONFIG), *filter(None, [budget.notice(CONFIG)])]


def test_the_ceiling_is_the_proxys_share_of_max_connections() -> None:
    assert budget(app=1).ceiling == 67


def test_fewer_clients_than_connections_fit_even_when_every_session_is_pinned() -> None:
    assert budget(app=67).verdict == "fits-even-pinned"
    assert budget(app=68).verdict == "multiplexed"


def test_many_more_clients_than_connections_is_normal_and_not_worth_a_warning() -> None:
    assert budget(app=500).verdict == "multiplexed"
    assert not said(budget(app=500))


def test_a_duty_cycle_below_a_tenth_is_warned_about_with_its_numbers() -> None:
    warned = budget(app=700)
    assert warned.duty_cycle is not None and warned.duty_cycle < 0.1
    (warning,) = said(warned)
    assert "700 clients share 67" in warning
    assert warning.endswith("lower reservedConcurrency or choose a larger instanceClass")


def test_a_function_without_reserved_concurrency_makes_the_clients_unbounded_and_is_named() -> None:
    warned = budget(app=10, reports=None)
    assert warned.verdict == "unbounded"
    assert warned.duty_cycle is None
    notice = warned.notice(ARGUMENTS)
    assert notice is not None and "reports has no reserved_concurrency" in notice and "app " not in notice
    assert not list(warned.warnings(ARGUMENTS))


def test_the_output_has_the_names_of_the_contract() -> None:
    assert budget(app=134).as_output() == {
        "maxConnections": 79,
        "percent": 85,
        "ceiling": 67,
        "clients": 134,
        "unbounded": [],
        "dutyCycle": 0.5,
        "vcpus": None,
        "sessionsPerVcpu": 0,
        "verdict": "multiplexed",
    }


def test_functions_without_reservation_have_what_the_accounts_limit_leaves_where_it_is_known() -> None:
    new_account = budget(limit=10, app=None)
    assert (new_account.clients, new_account.verdict, new_account.duty_cycle) == (10, "fits-even-pinned", 1.0)
    assert not said(new_account)
    shared = budget(limit=200, app=50, reports=None)
    assert (shared.clients, shared.verdict, shared.unbounded) == (200, "multiplexed", ())
    assert budget(limit=1000, app=50).clients == 50


def test_too_many_clients_by_the_accounts_limit_are_fewer_with_a_reservation() -> None:
    (warning,) = said(budget(limit=1000, app=20, reports=None))
    assert warning.startswith("1000 clients share 67 database connections")
    assert warning.endswith("give reports a reservedConcurrency or choose a larger instanceClass")


def incident(percent: int = 85, **reserved: int | None) -> ConnectionBudget:
    """NASA-IMPACT/veda-backend 649: a db.r5.large, and a thousand environments."""
    return connection_budget(
        max_connections=1700,
        percent=percent,
        reserved_concurrency=list((reserved or {"api": 1000}).items()),
        vcpus=2,
        sessions_per_vcpu=50,
    )


def test_more_sessions_than_the_processor_bears_are_cpu_bound_with_what_would_fit() -> None:
    warned = incident()
    assert (warned.verdict, warned.ceiling, warned.sessions, warned.bearable_sessions) == ("cpu-bound", 1445, 1000, 100)
    (warning,) = said(warned)
    assert warning == (
        "1000 sessions can be at work at once on the 2 vCPUs of the database, which bear about 100 (sessionsPerVcpu is "
        "50): lower maxConnectionsPercent to 5, or give the functions a reservedConcurrency of 100 in all, or choose a "
        "larger instanceClass"
    )


def test_what_would_fit_fits() -> None:
    assert incident(api=100).verdict == "fits-even-pinned"
    assert incident(api=101).verdict == "cpu-bound"
    assert not incident(percent=5).is_cpu_bound
    assert incident(percent=6).is_cpu_bound


def test_clients_that_nothing_bounds_are_bounded_by_the_proxy_before_the_processor() -> None:
    assert incident(api=None).sessions == 1445
    assert incident(api=None).verdict == "cpu-bound"
    assert incident(percent=5, api=None).verdict == "unbounded"
    assert [each.split(" ")[0] for each in said(incident(api=None))] == ["1445", "the"]


def test_a_processor_that_is_not_known_binds_nothing() -> None:
    assert budget(app=500).bearable_sessions is None and not budget(app=500).is_cpu_bound


@given(
    st.integers(1, 16_000),
    st.integers(1, 100),
    st.none() | st.integers(0, 5000),
    st.floats(0.125, 192),
    st.integers(1, 1000),
)
def test_the_percent_that_fits_is_the_highest_that_does(
    most: int, percent: int, reserved: int | None, vcpus: float, per_vcpu: int
) -> None:
    found = connection_budget(
        max_connections=most,
        percent=percent,
        reserved_concurrency=[("api", reserved)],
        vcpus=vcpus,
        sessions_per_vcpu=per_vcpu,
    )
    fits = [each for each in range(1, 101) if ceiling(most, each) <= (found.bearable_sessions or 0)]
    assert found.bearable_percent == max(fits, default=None)
    assert found.is_cpu_bound == (found.sessions > (found.bearable_sessions or 0))


@pytest.mark.parametrize("vcpus", [0.125, 0.25])
def test_the_smallest_processor_bears_one_session_at_least(vcpus: float) -> None:
    found = connection_budget(
        max_connections=90, percent=50, reserved_concurrency=[("api", 2)], vcpus=vcpus, sessions_per_vcpu=1
    )
    assert found.bearable_sessions == 1
