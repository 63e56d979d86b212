"""Roles, and what they allow: the proxy's gate asks for the policies of a function's role."""

from ..identifiers import arn
from ..properties import Properties
from .limits import Modelled
from .row import AwsType, Resource
from .supervised import Supervised


class RolePolicy(Supervised):
    """What the IAM gate allows a function's role."""

    kind = "role-policy"

    def apply(self, resource: Resource) -> tuple[str, Properties]:
        role, name = resource.inputs["role"], f"{resource.inputs['role']}:{resource.name}"
        spec = {"urn": resource.urn, "role": role, "policy": resource.inputs.get("policy")}
        return name, self.put(name, spec, resource.region)


TYPES = (
    AwsType(
        "aws:iam/role:Role",
        limits=(Modelled("iam", "CreateRoleRequest", name="RoleName"),),
        outputs=lambda role: {
            "arn": arn("iam", "", f"role{role.inputs.get('path', '/')}{role.name}"),
            "uniqueId": "AROA" + role.unique.upper()[:17],
        },
    ),
    AwsType(
        "aws:iam/rolePolicy:RolePolicy",
        limits=(Modelled("iam", "PutRolePolicyRequest", name="PolicyName"),),
        backed=RolePolicy(),
    ),
    AwsType(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        id=lambda attachment: f"{attachment.inputs.get('role')}/{attachment.inputs.get('policyArn')}",
    ),
)
