import pytest

from ops.pinning import mysql, postgresql
from ops.pinning.counts import PinKey
from ops.pinning.fixes import RULES, fix


def key(rule: str, digest: str = "") -> PinKey:
    return PinKey(reason="", rule=rule, digest=digest, user="app")


@pytest.mark.parametrize("name", sorted({rule.name for rule in (*postgresql.RULES, *mysql.RULES)}))
def test_each_rule_has_its_fix(name: str) -> None:
    assert fix(key(name)) == RULES[name].fix != ""


def test_a_statement_that_a_driver_sends_by_itself_is_avoided_by_the_drivers_setting() -> None:
    assert "prepare_threshold=None" in fix(key("deallocate", "deallocate all"))
    assert fix(key("deallocate", "deallocate mine")) == RULES["deallocate"].fix


def test_what_no_rule_tells_has_no_fix() -> None:
    assert fix(key("")) == ""
