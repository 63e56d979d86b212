"""Stacks that a walk over the graph could take forever for: deep, circular, or all of it connected with all of it."""

from collections.abc import Callable, Iterable
from typing import Any

from pulumi.runtime.proto import analyzer_pb2
from pulumi.runtime.rpc import UNKNOWN

_FUNCTION, _PARAMETER = "aws:lambda/function:Function", "aws:ssm/parameter:Parameter"
_DATABASE, _PROXY, _TARGET = "aws:rds/instance:Instance", "aws:rds/proxy:Proxy", "aws:rds/proxyTarget:ProxyTarget"
_GROUP, _RULE = "aws:ec2/securityGroup:SecurityGroup", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"


class Stack:
    """The requests of a preview: one per resource, and one for the whole."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.whole = analyzer_pb2.AnalyzeStackRequest()

    def add(
        self,
        token: str,
        name: str,
        inputs: dict[str, Any] | None = None,
        feeds: dict[str, Iterable[str]] | None = None,
        parent: str = "",
    ) -> str:
        """One resource; its URN."""
        urn = urn_of(token, name)
        request = analyzer_pb2.AnalyzeRequest(type=token, urn=urn, name=name)
        request.properties.update(inputs or {})
        self.requests.append(request)
        resource = self.whole.resources.add(type=token, urn=urn, name=name, parent=parent)
        resource.properties.update(dict.fromkeys(inputs or {}, UNKNOWN))
        for key, urns in (feeds or {}).items():
            resource.propertyDependencies[key].urns.extend(urns)
            resource.dependencies.extend(urns)
        return urn

    def function(self, name: str, fed: Iterable[str]) -> str:
        """A function whose host is not known yet."""
        return self.add(_FUNCTION, name, {"environment": {"variables": {"DB_HOST": UNKNOWN}}}, {"environment": fed})

    def proxied(self, index: int, *, behind: str, clients: str) -> None:
        """A database of the group `behind`, its proxy, and a function that uses it, both of the group `clients`."""
        inputs: dict[str, Any] = {"engine": "postgres", "vpcSecurityGroupIds": [UNKNOWN]}
        database = self.add(_DATABASE, f"db{index}", inputs, {"vpcSecurityGroupIds": [behind]})
        inputs = {"name": f"p{index}", "engineFamily": "POSTGRESQL", "requireTls": True, "auths": [{"secretArn": "a"}]}
        proxy = self.add(_PROXY, f"p{index}", inputs, {"vpcSecurityGroupIds": [clients]})
        inputs = {"dbProxyName": f"p{index}", "dbInstanceIdentifier": UNKNOWN}
        self.add(_TARGET, f"t{index}", inputs, {"dbProxyName": [proxy], "dbInstanceIdentifier": [database]})
        inputs = {"environment": {"variables": {"DB_HOST": UNKNOWN}}, "vpcConfig": {"securityGroupIds": [UNKNOWN]}}
        self.add(_FUNCTION, f"fn{index}", inputs, {"environment": [proxy], "vpcConfig": [clients]})


def urn_of(token: str, name: str) -> str:
    """A URN in the one stack that there is."""
    return f"urn:pulumi:dev::shop::{token}::{name}"


def chain_of_parents(size: int) -> Stack:
    """Components in components, a database in the innermost, and a function fed by every tenth of them."""
    stack, parent, boxes = Stack(), "", []
    for index in range(size):
        parent = stack.add("acme:index:Box", f"box{index}", parent=parent)
        boxes.append(parent)
    stack.add(_DATABASE, "db", {"engine": "postgres"}, parent=parent)
    for index, box in enumerate(boxes[::10]):
        stack.function(f"fn{index}", [box])
    return stack


def all_parameters(size: int) -> Stack:
    """A database for each parameter, and functions that all parameters feed."""
    stack = Stack()
    held = []
    for index in range(size):
        database = stack.add(_DATABASE, f"db{index}", {"engine": "postgres"})
        inputs = {"name": f"/shop/{index}/db-host", "value": UNKNOWN}
        held.append(stack.add(_PARAMETER, f"host{index}", inputs, {"value": [database]}))
    for index in range(size):
        stack.function(f"fn{index}", held)
    return stack


def circle_of_parameters(size: int) -> Stack:
    """Each parameter is computed from the next, and a function is fed by every fifth."""
    stack = Stack()
    urns = [urn_of(_PARAMETER, f"host{index}") for index in range(size)]
    for index in range(size):
        inputs = {"name": f"/shop/{index}/db-host", "value": UNKNOWN}
        stack.add(_PARAMETER, f"host{index}", inputs, {"value": [urns[(index + 1) % size]]})
    for index in range(0, size, 5):
        stack.function(f"fn{index}", [urns[index]])
    return stack


def one_group(size: int) -> Stack:
    """Databases behind proxies, functions, and as many rules of the one group that all of them have."""
    stack = Stack()
    group = stack.add(_GROUP, "all", {"description": "all"})
    for index in range(size):
        stack.proxied(index, behind=group, clients=group)
        inputs = {
            "ipProtocol": "tcp",
            "fromPort": 5432,
            "toPort": 5432 + index,
            "securityGroupId": UNKNOWN,
            "referencedSecurityGroupId": UNKNOWN,
        }
        stack.add(_RULE, f"rule{index}", inputs, {"securityGroupId": [group], "referencedSecurityGroupId": [group]})
    return stack


def inline_rules(size: int) -> Stack:
    """A group whose inline rules admit as many groups, none of them known yet, for databases, proxies and functions."""
    stack = Stack()
    groups = [stack.add(_GROUP, f"group{index}", {"description": "one"}) for index in range(size)]
    entries = [
        {"protocol": "tcp", "fromPort": 5432, "toPort": 5432 + index, "securityGroups": [UNKNOWN]}
        for index in range(size)
    ]
    inline = stack.add(_GROUP, "inline", {"ingress": entries}, {"ingress": groups})
    for index, group in enumerate(groups):
        stack.proxied(index, behind=inline, clients=group)
    return stack


def all_of_everything(size: int) -> Stack:
    """Functions that five hundred resources of every kind feed, each but for one of them."""
    stack = Stack()
    fed = [
        stack.add(token, f"{token.rpartition(':')[2]}{index}", {"engine": "postgres"})
        for index in range(100)
        for token in (_DATABASE, _PROXY, _PARAMETER, "aws:route53/record:Record", "aws:lb/loadBalancer:LoadBalancer")
    ]
    for index in range(size):
        skipped = index % len(fed)
        stack.function(f"fn{index}", [*fed[:skipped], *fed[skipped + 1 :]])
    return stack


def replicas(size: int) -> Stack:
    """Instances that each replicate the one before, and a function whose host is the endpoint of each."""
    stack = Stack()
    for index in range(size):
        source = {"replicateSourceDb": f"orders{index - 1}"} if index else {"engine": "postgres"}
        stack.add(_DATABASE, f"db{index}", {"identifier": f"orders{index}", **source})
        host = f"orders{index}.abc123def456.eu-west-1.rds.amazonaws.com"
        stack.add(_FUNCTION, f"fn{index}", {"environment": {"variables": {"DB_HOST": host}}})
    return stack


def one_identifier(size: int) -> Stack:
    """Instances of one identifier, as in many regions, and a function whose host is the endpoint of each."""
    stack = Stack()
    host = {"DB_HOST": "orders.abc123def456.eu-west-1.rds.amazonaws.com"}
    for index in range(size):
        stack.add(_DATABASE, f"db{index}", {"identifier": "orders", "engine": "postgres"})
        stack.add(_FUNCTION, f"fn{index}", {"environment": {"variables": host}})
    return stack


SHAPES: dict[str, tuple[Callable[[int], Stack], int]] = {
    "parents in a chain": (chain_of_parents, 5_000),
    "parameters × functions": (all_parameters, 1_800),  # 2,000 are more than the engine can send
    "parameters in a circle": (circle_of_parameters, 5_000),
    "databases, rules and functions on one group": (one_group, 2_000),
    "inline rules of one group": (inline_rules, 1_000),
    "functions that depend on everything": (all_of_everything, 5_000),
    "replicas of replicas": (replicas, 1_500),
    "databases of one identifier": (one_identifier, 1_500),
}
"""Name → what makes it, and its size."""
