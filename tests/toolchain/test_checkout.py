from pathlib import Path

import pytest

from toolchain.checkout import cache_root, checkout_cache, checkout_id, gateway_url, subnet


def test_two_checkouts_share_nothing_but_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    one, other = tmp_path / "one", tmp_path / "other"
    assert checkout_id(one) != checkout_id(other)
    assert checkout_cache(one) != checkout_cache(other)
    assert checkout_cache(one).is_relative_to(cache_root())
    assert subnet(one) != subnet(other)


def test_the_cache_is_xdgs_or_the_homes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_root() == Path("/home/someone/.cache/lambda-rds-proxy")
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_root() == Path("/elsewhere/lambda-rds-proxy")


def test_addresses_are_loopback_ones_and_stay(tmp_path: Path) -> None:
    for index in range(200):
        first, second, third = (int(part) for part in subnet(tmp_path / str(index)).split("."))
        assert first == 127 and 64 <= second <= 126 and 0 <= third <= 255
    assert subnet(tmp_path) == subnet(tmp_path)


def test_other_addresses_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAMBDA_RDS_PROXY_SUBNET", "127.99.1")
    assert gateway_url(tmp_path) == "http://127.99.1.1:4566"


@pytest.mark.parametrize("value", ["10.0.0", "127.1", "127.300.1", "127.1.1.1", "x"])
def test_what_is_no_loopback_prefix_is_refused_by_name(
    value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAMBDA_RDS_PROXY_SUBNET", value)
    with pytest.raises(ValueError, match=f'LAMBDA_RDS_PROXY_SUBNET is "{value}"'):
        subnet(tmp_path)
