"""The pack as the engine starts it: one port line, then gRPC with the engine's own limits."""

from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2

from rds_proxy_guard.pack import build
from tests.policies.analyzed import SENTINEL, Resource, analyze, secret
from tests.policies.pack_process import MOST_RECEIVED, PACK, PackProcess, running
from tests.policies.topologies import STAGES, Topology, corpus, reported

PYTHON = PACK / "venv" / "bin" / "python"
NAMES = [policy.name for policy in build()["policies"]]
SHOWN = {
    "sst-postgres-with-proxy",
    "aws-samples-serverless-rds-proxy-demo",
    "prisma-migrations-exempt",
    "proxied-writer-direct-reader",
    "open-database-behind-a-proxy",
}


class Remote:
    """The process behind the signatures of the SDK's servicer."""

    def __init__(self, pack: PackProcess) -> None:
        self._analyzer = pack.analyzer

    def Configure(self, request: Any, _: Any) -> Any:
        return self._analyzer.Configure(request)

    def Analyze(self, request: Any, _: Any) -> Any:
        return self._analyzer.Analyze(request)

    def AnalyzeStack(self, request: Any, _: Any) -> Any:
        return self._analyzer.AnalyzeStack(request)


def functions(count: int, variables: dict[str, Any]) -> list[Resource]:
    given = {"environment": {"variables": variables}}
    return [Resource("aws:lambda/function:Function", f"fn{index}", given) for index in range(count)]


def test_the_pack_prints_its_port_and_nothing_else_from_start_to_end() -> None:
    with running(python=PYTHON) as pack:
        pack.analyzer.GetAnalyzerInfo(empty_pb2.Empty())
        analyze(functions(2, {"DB_HOST": "a.abc123def456.eu-west-1.rds.amazonaws.com"}), servicer=Remote(pack))
    assert len(pack.stdout) == 1
    assert 0 < int(pack.stdout[0]) < 65536
    assert pack.stderr == []


def test_a_pack_that_prints_at_import_is_told_from_one_that_does_not(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text(
        f"import sys; sys.path.insert(0, {str(PACK)!r}); print('loading'); import runpy; "
        f"runpy.run_path({str(PACK)!r}, run_name='__main__')\n"
    )
    with pytest.raises(RuntimeError, match="first line is 'loading"), running(tmp_path, python=PYTHON):
        pass


def test_it_tells_the_engine_every_policy_with_what_a_security_team_reads() -> None:
    with running(python=PYTHON) as pack:
        info = pack.analyzer.GetAnalyzerInfo(empty_pb2.Empty())
    assert info.name == "rds-proxy-guard"
    assert info.supportsConfig
    assert [policy.name for policy in info.policies] == NAMES
    for policy in info.policies:
        assert policy.description and policy.displayName and policy.remediation_steps, policy.name
        assert policy.url.startswith("https://"), policy.name
        assert policy.severity != analyzer_pb2.POLICY_SEVERITY_UNSPECIFIED, policy.name
        assert not list(policy.configSchema.required), "a required key fails every stack that does not state it"


def test_every_default_of_the_configuration_is_accepted_as_it_is_offered() -> None:
    with running(python=PYTHON) as pack:
        request = analyzer_pb2.ConfigureAnalyzerRequest()
        for policy in pack.analyzer.GetAnalyzerInfo(empty_pb2.Empty()).policies:
            offered = request.policyConfig[policy.name]
            offered.enforcementLevel = analyzer_pb2.MANDATORY
            for key, schema in policy.configSchema.properties.items():
                if "default" in schema:
                    offered.properties[key] = schema["default"]
        pack.analyzer.Configure(request)
        found = analyze(
            [
                *functions(1, {"DB_PORT": "5432"}),
                Resource("aws:rds/proxy:Proxy", "proxy", {"requireTls": True, "auths": [{"secretArn": "arn"}]}),
            ],
            servicer=Remote(pack),
        )
    assert [verdict for verdict in found if "configuration" in verdict.message] == []


def test_a_level_from_the_policy_group_is_the_level_of_the_findings() -> None:
    direct = functions(1, {"DB_HOST": "a.abc123def456.eu-west-1.rds.amazonaws.com"})
    with running(python=PYTHON) as pack:
        levels = []
        for level in (analyzer_pb2.ADVISORY, analyzer_pb2.MANDATORY, analyzer_pb2.DISABLED):
            policy = {"lambda-uses-rds-proxy": analyzer_pb2.PolicyConfig(enforcementLevel=level)}
            pack.analyzer.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig=policy))
            levels.append([verdict.level for verdict in analyze(direct, servicer=Remote(pack), stages="resource")])
    assert levels == [["advisory"], ["mandatory"], []]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("topology", [each for each in corpus() if each.name in SHOWN], ids=lambda each: each.name)
def test_the_process_judges_as_the_servicer_does(topology: Topology, stage: str) -> None:
    with running(python=PYTHON) as pack:
        found = analyze(topology.shown(stage), config=topology.config, servicer=Remote(pack))
    assert reported(found) == reported(topology.verdicts(stage))
    assert pack.stderr == []


def test_ten_thousand_findings_fit_the_engines_message_and_say_how_many_are_left_out() -> None:
    stack = functions(10_000, {"DB_HOST": SENTINEL, "DB_READER_HOST": SENTINEL})
    database = Resource("aws:rds/instance:Instance", "db", {"engine": "postgres"}, {"address": SENTINEL})
    for function in stack:
        function.outputs, function.feeds = {"environment": SENTINEL}, {"environment": [database]}
    with running(python=PYTHON) as pack:
        found = analyze([database, *stack], servicer=Remote(pack))  # raises RESOURCE_EXHAUSTED above the limit
    graph = [verdict for verdict in found if verdict.policy == "lambda-uses-rds-proxy-graph"]
    assert len(graph) == 201
    assert "9800 more" in graph[-1].message
    assert sum(len(verdict.message) for verdict in graph) < MOST_RECEIVED


def test_a_secret_never_comes_back_in_any_answer() -> None:
    password = "correct-horse-battery"
    dsn = f"postgresql://app:{password}@a.abc123def456.eu-west-1.rds.amazonaws.com/app"
    stack = functions(1, {"DATABASE_URL": secret(dsn), "DB_PASSWORD": secret(password), "DB_POOL_SIZE": secret("50")})
    with running(python=PYTHON) as pack:
        found = analyze(stack, servicer=Remote(pack))
    assert {verdict.policy for verdict in found} >= {"lambda-uses-rds-proxy", "lambda-database-credentials"}
    assert password not in repr(found)
    assert "abc123def456" not in repr(found)


def test_odd_wire_values_end_no_process() -> None:
    """Null, numbers, booleans and empty maps where texts and maps are expected, and a resource with nothing at all."""
    with running(python=PYTHON) as pack:
        for token in ("aws:lambda/function:Function", "aws:rds/proxy:Proxy", "aws:rds/cluster:Cluster"):
            for value in (None, 1.5, True, "", [], {}, SENTINEL, [SENTINEL], {"variables": None}, secret(SENTINEL)):
                properties = struct_pb2.Struct()
                properties.update({"environment": value, "auths": value, "engine": value, "vpcConfig": value})
                urn = f"urn:pulumi:dev::shop::{token}::odd"
                pack.analyzer.Analyze(analyzer_pb2.AnalyzeRequest(type=token, urn=urn, properties=properties))
                resource = analyzer_pb2.AnalyzerResource(type=token, urn=urn, name="odd", properties=properties)
                pack.analyzer.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=[resource]))
        assert pack.process.poll() is None
    assert pack.stderr == []


def test_the_process_ends_when_it_is_told_to() -> None:
    with running(python=PYTHON) as pack:
        pass
    assert pack.process.returncode is not None
    with pytest.raises((grpc.RpcError, ValueError)):
        pack.analyzer.GetAnalyzerInfo(empty_pb2.Empty(), timeout=2)
