from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rds_proxy_guard.connection_texts import Form, connection_texts
from tests.policies.resources import PROXIED


@pytest.mark.parametrize(
    ("text", "form", "mysql"),
    [
        (f"postgres://app:x1@{PROXIED}:5432/orders?options=-cjit%3Doff", Form.URL, False),
        (f"postgresql+psycopg://app@{PROXIED}/orders?options=-cjit%3Doff", Form.DRIVER_URL, False),
        (f"jdbc:postgresql://{PROXIED}:5432/orders?options=-cjit%3Doff", Form.JDBC, False),
        (f"jdbc:aws-wrapper:postgresql://{PROXIED}/orders?options=-cjit%3Doff", Form.JDBC, False),
        (f"jdbc:mysql://{PROXIED}:3306/orders?options=-cjit%3Doff", Form.JDBC, True),
        (f"jdbc:mysql:aws://{PROXIED}:3306/orders?options=-cjit%3Doff", Form.JDBC, True),
        (f"mysql+pymysql://app@{PROXIED}/orders?options=-cjit%3Doff", Form.DRIVER_URL, True),
        (f"app:x1@tcp({PROXIED}:3306)/orders?options=-cjit%3Doff", Form.GO, True),
        (f"host={PROXIED} user=app options='-cjit=off'", Form.PAIRS, False),
        (f"Host={PROXIED};Port=5432;Username=app;Options=-cjit=off", Form.NET, False),
        (f"Server={PROXIED};Port=3306;Uid=app;Options=-cjit=off", Form.NET, False),
    ],
)
def test_each_form_is_read(text: str, form: Form, mysql: bool) -> None:
    (found,) = connection_texts({"url": [text]})
    assert (found.form, found.mysql, found.parameters["options"]) == (form, mysql, "-cjit=off")
    assert PROXIED in found.where and "app" not in found.where and "x1" not in found.where


def test_a_url_in_json_ends_where_the_text_does() -> None:
    (found,) = connection_texts(f'{{"url": "postgres://app@{PROXIED}/orders?jit=off", "options": "none"}}')
    assert found.parameters == {"jit": "off"}


def test_an_engine_that_is_not_said_is_not_known() -> None:
    (found,) = connection_texts(f"Host={PROXIED};Username=app;Database=orders")
    assert found.mysql is None


@pytest.mark.parametrize("text", ["", "https://example.com/?options=x", "a=b c=d", "redis://h/?options=x", "a;b=c;d"])
def test_other_texts_are_none(text: str) -> None:
    assert list(connection_texts(text)) == []


def test_nothing_shows_what_a_text_holds() -> None:
    (found,) = connection_texts(f"postgres://app:correct-horse@{PROXIED}/orders?password=correct-horse")
    assert "correct-horse" not in repr(found)


_PIECE = st.sampled_from([*"?&=;@:/'\"() \\", "host", "options", "postgres://", "jdbc:", "@tcp(", PROXIED]) | st.text(
    max_size=6
)


@given(st.lists(_PIECE, max_size=40).map("".join))
def test_whatever_a_text_is_it_is_read_without_an_error(text: str) -> None:
    for found in connection_texts(text):
        assert text not in repr(found) or len(text) < 3


@given(
    st.sampled_from(["postgres", "postgresql", "postgresql+asyncpg", "jdbc:postgresql", "mysql", "jdbc:mariadb"]),
    st.text(min_size=1, max_size=20),
    st.dictionaries(st.text("abcdefghij_", min_size=1, max_size=8), st.text(max_size=20), max_size=4),
)
def test_parameters_and_host_come_back_as_they_were_written(
    scheme: str, login: str, parameters: dict[str, str]
) -> None:
    query = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in parameters.items())
    (found,) = connection_texts(f"{scheme}://app:{quote(login, safe='')}@{PROXIED}:5432/orders?{query}")
    assert found.parameters == parameters
    assert found.where.split() == [f"{PROXIED}:5432"]
