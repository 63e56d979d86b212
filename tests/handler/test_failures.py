"""Which errors are worth a second attempt: the tables of RDS Proxy, PgBouncer and PostgreSQL."""

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rds_connection.failures import Failure
from rds_connection.postgresql import connect_failure, connect_reason, statement_failure

# RDS User Guide, "Troubleshooting RDS Proxy"; PgBouncer 1.18; PostgreSQL 15; libpq 18.
CONNECT_ERRORS = {
    "FATAL:  Timed-out waiting to acquire database connection.": Failure.UNAVAILABLE,
    "FATAL:  The maximum number of client connections to the proxy exceeded 100.": Failure.UNAVAILABLE,
    "FATAL:  Rate of connection to proxy exceeded 50.": Failure.UNAVAILABLE,
    "FATAL:  The IAM authentication failed because of too many competing requests.": Failure.UNAVAILABLE,
    "FATAL:  IAM authentication failed for user app. Check the IAM token for this user and try again.": (
        Failure.AUTHENTICATION
    ),
    "FATAL:  The IAM authentication failed for the role app. Check the IAM token …": Failure.AUTHENTICATION,
    "FATAL:  The password that was provided for the role app is wrong.": Failure.AUTHENTICATION,
    "FATAL:  This RDS proxy has no credentials for the role app. Check the credentials …": Failure.REFUSED,
    "FATAL:  This RDS Proxy requires TLS connections.": Failure.REFUSED,
    "FATAL:  IAM authentication is allowed only with SSL connections.": Failure.REFUSED,
    "FATAL:  Enable IAM authentication for the client connection to the proxy and try again.": Failure.REFUSED,
    "FATAL:  Configure IAM authentication as the DefaultAuthScheme in your proxy …": Failure.REFUSED,
    "FATAL:  Feature not supported: RDS Proxy currently doesn't support the option jit.": Failure.REFUSED,
    "FATAL:  no more connections allowed (max_client_conn)": Failure.UNAVAILABLE,
    "FATAL:  query_wait_timeout": Failure.UNAVAILABLE,
    "FATAL:  SASL authentication failed": Failure.AUTHENTICATION,
    "FATAL:  unsupported startup parameter: options": Failure.REFUSED,
    "FATAL:  pgbouncer cannot connect to server": Failure.UNAVAILABLE,
    'FATAL:  password authentication failed for user "app"': Failure.AUTHENTICATION,
    'FATAL:  PAM authentication failed for user "app"': Failure.AUTHENTICATION,
    'FATAL:  database "nowhere" does not exist': Failure.REFUSED,
    "FATAL:  sorry, too many clients already": Failure.UNAVAILABLE,
    "FATAL:  remaining connection slots are reserved for non-replication superuser connections": Failure.UNAVAILABLE,
    "FATAL:  the database system is starting up": Failure.UNAVAILABLE,
    "FATAL:  terminating connection due to administrator command": Failure.UNAVAILABLE,
    "connection failed: Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?": (
        Failure.UNAVAILABLE
    ),
    "127.0.0.1 did not answer within 5.0 s": Failure.UNAVAILABLE,
    "SSL error: certificate verify failed": Failure.REFUSED,
    'server certificate for "a" does not match host name "b"': Failure.REFUSED,
    "SSL error: wrong version number": Failure.REFUSED,
    "SSL error: unexpected eof while reading": Failure.UNAVAILABLE,
    "SSL SYSCALL error: Connection reset by peer": Failure.UNAVAILABLE,
    "server does not support SSL, but SSL was required": Failure.REFUSED,
}


@pytest.mark.parametrize(("text", "failure"), CONNECT_ERRORS.items())
def test_an_error_while_connecting_is_told_by_its_words(text: str, failure: Failure) -> None:
    whole = f'connection failed: connection to server at "127.0.0.1", port 5432 failed: {text}'
    assert connect_failure(psycopg.OperationalError(whole)) is failure


@pytest.mark.parametrize(
    ("state", "failure"),
    [
        ("08000", Failure.UNAVAILABLE),
        ("08P01", Failure.UNAVAILABLE),
        ("08006", Failure.UNAVAILABLE),
        ("53300", Failure.UNAVAILABLE),
        ("57P01", Failure.UNAVAILABLE),
        ("57P02", Failure.UNAVAILABLE),
        ("57P03", Failure.UNAVAILABLE),
        ("57P05", Failure.UNAVAILABLE),
        ("57014", Failure.STATEMENT),
        ("23505", Failure.STATEMENT),
        ("40001", Failure.STATEMENT),
        ("42P01", Failure.STATEMENT),
        ("25P03", Failure.STATEMENT),
    ],
)
def test_an_error_of_a_statement_is_told_by_its_sqlstate(state: str, failure: Failure) -> None:
    assert statement_failure(psycopg.errors.lookup(state)("…")) is failure


def test_an_error_without_a_sqlstate_is_a_lost_connection_unless_the_program_is_wrong() -> None:
    assert statement_failure(psycopg.OperationalError("the connection is lost")) is Failure.UNAVAILABLE
    assert statement_failure(psycopg.InternalError("received 2 results from command 'COMMIT'")) is Failure.UNAVAILABLE
    assert (
        statement_failure(psycopg.ProgrammingError("the query has 1 placeholder but 2 parameters")) is Failure.STATEMENT
    )


def test_the_reason_of_a_refused_login_never_quotes_a_statement() -> None:
    refused = (
        'connection failed: connection to server at "127.0.0.1", port 5432 failed: FATAL:  no entry today\n'
        "CONTEXT:  SQL statement \"SELECT may_enter('hidden')\"\n"
        "QUERY:  SELECT 'hidden'\nLINE 1: SELECT 'hidden'\n               ^\n"
        'connection to server at "127.0.0.2", port 5432 failed: FATAL:  none here either\nDETAIL:  hidden'
    )
    assert connect_reason(psycopg.OperationalError(refused)) == (
        'connection failed: connection to server at "127.0.0.1", port 5432 failed: FATAL: no entry today '
        'connection to server at "127.0.0.2", port 5432 failed: FATAL: none here either'
    )
    assert connect_reason(psycopg.OperationalError("")) == ""


@given(st.text())
def test_every_text_has_an_answer(text: str) -> None:
    assert connect_failure(psycopg.OperationalError(text)) in Failure
