import pytest

from rds_proxy_guard.hosts import endpoints
from rds_proxy_guard.memory import Memory

URN = "urn:pulumi:dev::shop::aws:rds/instance:Instance::db"
TOKEN = "aws:rds/instance:Instance"


def test_the_first_reader_reads_anew_each_time_and_the_others_are_shown_the_same() -> None:
    memory, first, second = Memory(), object(), object()
    assert memory.inputs(URN, TOKEN, reader=first, read=lambda: {"a": 1}) == {"a": 1}
    assert memory.inputs(URN, TOKEN, reader=second, read=lambda: {"a": 2}) == {"a": 1}
    assert memory.inputs(URN, TOKEN, reader=first, read=lambda: {"a": 3}) == {"a": 3}
    assert memory.recall(URN) == {"a": 3}


def test_what_cannot_be_read_is_not_what_was_there_before() -> None:
    memory, first, second = Memory(), object(), object()
    memory.inputs(URN, TOKEN, reader=first, read=lambda: {"a": 1})

    def broken() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        memory.inputs(URN, TOKEN, reader=first, read=broken)
    assert memory.recall(URN) is None
    assert memory.inputs(URN, TOKEN, reader=second, read=lambda: {"a": 2}) == {"a": 2}


def test_a_database_that_no_proxy_serves_is_known_by_its_identifier_until_it_is_another() -> None:
    memory, reader = Memory(), object()
    (host,) = endpoints("orders.abc123def456.eu-west-1.rds.amazonaws.com")
    assert memory.serves_host(host, None)
    memory.inputs(URN, TOKEN, reader=reader, read=lambda: {"engine": "oracle-ee", "identifier": "orders"})
    assert memory.serves_host(host, None) is False
    memory.inputs(URN, TOKEN, reader=reader, read=lambda: {"engine": "postgres", "identifier": "orders"})
    assert memory.serves_host(host, None)
    memory.inputs(URN, TOKEN, reader=reader, read=lambda: {"engine": "oracle-ee", "identifier": "billing"})
    assert memory.serves_host(host, None)
