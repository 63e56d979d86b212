"""Roles, and the policies that the gate of a proxy asks for."""

from tests.local.provider.conftest import Recorder, apply, delete, recorded

POLICY = "aws:iam/rolePolicy:RolePolicy"


def test_the_gate_is_told_what_a_role_may_do_and_when_it_may_no_longer(recorder: Recorder) -> None:
    identifier, _ = apply(POLICY, {"role": "orders", "name": "connect", "policy": "{}"})
    delete(POLICY, identifier, {})
    (verb, kind, key, spec), deleted = recorder.calls
    assert (verb, kind, key, spec["role"], spec["policy"]) == ("put", "role-policy", identifier, "orders", "{}")
    assert deleted == ("delete", "role-policy", "orders:connect")


def test_iams_arns_have_no_region_and_the_path_in_them() -> None:
    assert recorded("aws:iam/role:Role", {"name": "orders", "path": "/app/"})[1]["arn"] == (
        "arn:aws:iam::000000000000:role/app/orders"
    )
    attachment = {"role": "orders", "policyArn": "arn:aws:iam::aws:policy/X"}
    identifier, _ = recorded("aws:iam/rolePolicyAttachment:RolePolicyAttachment", attachment)
    assert identifier == "orders/arn:aws:iam::aws:policy/X"
