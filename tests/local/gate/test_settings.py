"""What is written into a gate's file is what it reads."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from local.gate.settings import GateSettings
from local.iam.tokens import Principal, TokenAudience

_text = st.text(st.characters(blacklist_categories=["Cs"]))
_count = st.integers(1, 10**6)
_audience = st.builds(TokenAudience, host=_text, port=_count, region=_text, arn_prefix=_text)
_statements = st.lists(st.fixed_dictionaries({"Effect": _text, "Action": _text}), max_size=2)
_SETTINGS = GateSettings(
    address="127.0.0.1",
    port=5432,
    folder="gate",
    pooler_folder="pooler",
    pooler_port=6432,
    certificate="server.pem",
    key="server.key",
    audience=TokenAudience(host="proxy.example", port=5432, region="eu-west-1", arn_prefix="arn:"),
)
_principals = st.dictionaries(_text, st.builds(Principal, secret=_text, statements=_statements, function=_text))


@given(
    st.builds(
        GateSettings,
        address=_text,
        port=_count,
        folder=_text,
        pooler_folder=_text,
        pooler_port=_count,
        certificate=_text,
        key=_text,
        audience=_audience,
        require_tls=st.booleans(),
        tokens_per_second=st.none() | _count,
        principals=_principals,
        token_users=st.lists(_text).map(tuple),
        passwords=st.dictionaries(_text, _text),
        served_by=_text,
        ceiling=_count,
        borrow_timeout=st.floats(0, 3600),
        idle_client_timeout=st.floats(0, 3600),
        client_limit=_count,
        init_query=st.none() | _text,
    )
)
def test_settings_come_back_from_their_file(settings: GateSettings) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "gate.json"
        file.write_text(settings.as_text())
        assert GateSettings.read(file) == settings


def test_passwords_and_keys_are_not_shown() -> None:
    principals = {"AKIAFAKE": Principal(secret="hunter2", statements=[])}
    settings = replace(_SETTINGS, principals=principals, passwords={"app": "hunter2"})
    assert "hunter2" not in repr(settings)
    assert settings.as_text().count("hunter2") == 2


def test_a_connection_is_another_one_with_another_database_or_init_query() -> None:
    others = [{"served_by": "a"}, {"served_by": "b"}, {"init_query": "SET a = 1"}, {"init_query": ""}]
    asked = [_SETTINGS, *(replace(_SETTINGS, **each) for each in others)]  # type: ignore[arg-type]
    assert len({each.opens_with for each in asked}) == 5
    assert replace(_SETTINGS, ceiling=7).opens_with == _SETTINGS.opens_with
