"""Reading states: every form of the file, secrets, and files that are none."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.survey.exports import UnreadableError, read_export
from rds_proxy_guard.values import UNKNOWN
from tests.ops.survey.states import (
    FUNCTION,
    PROXIED,
    deployment,
    encrypted,
    export,
    function,
    shown,
    urn,
    written,
)


@pytest.mark.parametrize(
    "form",
    [
        export(function("api", {})),
        deployment(function("api", {})),
        {"version": 3, "checkpoint": {"stack": "organization/shop/dev", "latest": deployment(function("api", {}))}},
    ],
    ids=["export", "deployment alone", "checkpoint"],
)
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzipped"])
def test_every_form_of_a_state_is_the_same_stack(tmp_path: Path, form: dict[str, Any], compressed: bool) -> None:
    content = json.dumps(form).encode()
    found = read_export(written(tmp_path, gzip.compress(content) if compressed else content))
    assert found.stack == "shop/dev"
    assert [each.name for each in found.resources if each.token == FUNCTION] == ["api"]
    assert set(found.document) == {"version", "deployment"}


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    assert read_export(written(tmp_path, b"\xef\xbb\xbf" + json.dumps(export()).encode())).stack == "shop/dev"


def test_an_encrypted_value_is_unknown_and_its_ciphertext_goes_nowhere(tmp_path: Path) -> None:
    found = read_export(written(tmp_path, export(function("api", {"DB_HOST": encrypted(), "DB_PORT": "5432"}))))
    variables = found.resources[-1].inputs["environment"]["variables"]
    assert variables["DB_HOST"] is UNKNOWN
    assert variables["DB_PORT"] == "5432"
    assert "ciphertext" not in json.dumps(found.document)


def test_no_key_service_is_named_to_the_engine(tmp_path: Path) -> None:
    found = read_export(written(tmp_path, export()))
    assert "awskms" not in json.dumps(found.document)


def test_a_shown_secret_is_its_value_and_stays_out_of_what_is_printed(tmp_path: Path) -> None:
    path = written(tmp_path, export(function("api", shown(json.dumps({"DB_HOST": PROXIED})))))
    found = read_export(path)
    assert found.resources[-1].inputs["environment"]["variables"] == {"DB_HOST": PROXIED}
    assert PROXIED not in repr(found)


def test_a_resource_that_only_waits_to_be_deleted_is_not_counted(tmp_path: Path) -> None:
    replaced = {**function("api", {}), "delete": True}
    found = read_export(written(tmp_path, export(replaced, function("api", {}))))
    assert sum(each.token == FUNCTION for each in found.resources) == 1


def test_a_stack_that_was_never_updated_has_no_resources_and_its_files_name(tmp_path: Path) -> None:
    found = read_export(written(tmp_path, {"version": 3, "checkpoint": {"stack": "dev"}}, "shop-dev.json"))
    assert (found.stack, found.resources) == ("shop-dev.json", ())


def test_a_resource_is_found_on_its_line_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, export(function("api", {}), function("später", {})))
    found = read_export(path)
    for name in ("api", "später"):
        line = path.read_text().splitlines()[found.line_of(urn(FUNCTION, name)) - 1]
        assert '"urn"' in line
        assert json.dumps(name)[1:-1] in line
    assert found.line_of("urn:pulumi:dev::shop::x::absent") == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is no JSON"),
        (b'{"version": 3,\n oops', r"it is no JSON \(line 2\)"),
        (b"\xff\xfe\x00", "it is no JSON"),
        (b"\x1f\x8bbroken", "it cannot be read|it is no JSON"),
        (b"[]", "it is no stack's state"),
        (b'{"name": "a package"}', "it is no stack's state"),
        (b'{"deployment": {"resources": {"a": 1}}}', "no list"),
        (b'{"deployment": {"resources": [{"urn": 1}]}}', "resource 0 has no urn and type"),
    ],
)
def test_a_file_that_is_no_state_says_so_and_what_to_do(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableError, match=sentence):
        read_export(written(tmp_path, content))


def test_a_file_that_is_not_there_is_named_by_its_reason(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="it cannot be read: No such file"):
        read_export(tmp_path / "absent.json")
    with pytest.raises(UnreadableError, match="it cannot be read: Is a directory"):
        read_export(tmp_path)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["deployment", "checkpoint", "latest", "resources", "manifest", "urn", "type", "inputs", "plaintext"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@given(document=_JSON)
def test_whatever_json_a_file_holds_it_is_a_state_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, document: Any
) -> None:
    path = written(tmp_path_factory.getbasetemp(), document, "any.json")
    try:
        read_export(path)
    except UnreadableError as error:
        assert "\n" not in str(error)
