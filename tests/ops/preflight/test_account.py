"""What is asked of an account, on shapes that AWS answers."""

import os
import signal
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_rds_proxy.preflight.answers import NotSeen, Row, Verdict
from lambda_rds_proxy.preflight.needs import Needs
from lambda_rds_proxy.preflight.questions import judge
from ops.preflight.account import caller_of, look
from ops.preflight.calls import MOST_CALLS, Calls, side_by_side
from ops.preflight.command import exit_status
from tests.components.declared import ACCOUNT
from tests.components.preflight.samples import SETTINGS, TOPIC, needs
from tests.ops.preflight.recorded import Answer, Recorded, good, option, parameter, proxies, requests, simulated


def ask(of: Needs, recorded: Recorded, most: int = MOST_CALLS) -> tuple[list[Row], Calls]:
    calls = Calls(recorded.session(), most=most)
    account = look(calls, of, caller_of(calls), started=lambda _: None, each_done=lambda: None)
    return judge(of, account), calls


def rows(of: Needs, **answers: Answer) -> list[Row]:
    """What is not well in a good account with these answers instead."""
    found, _ = ask(of, Recorded({**good(of), **answers}))
    return [each for each in found if each.verdict is not Verdict.OK]


@pytest.mark.parametrize("name", SETTINGS)
def test_an_account_in_which_a_stack_can_be_made_is_silent(name: str) -> None:
    of = needs(name)
    answers = good(of) | (proxies(3, of_database=1) if name == "existing" else {})
    found, calls = ask(of, Recorded(answers))
    assert [each for each in found if each.verdict is not Verdict.OK] == []
    assert exit_status(found) == 0
    assert len(calls.made) <= 45


def test_an_account_with_thirty_proxies_is_asked_at_most_sixty_times_and_their_percents_are_summed() -> None:
    of = needs("existing")
    found, calls = ask(of, Recorded({**good(of), **proxies(30, of_database=2)}))
    assert len(calls.made) <= MOST_CALLS
    said = [each for each in found if each.verdict is not Verdict.OK]
    assert {each.question for each in said} == {"quota of proxies", "proxies of the database"}
    assert any("50 (this stack's) + 80 (proxy-0 40 %, proxy-1 40 %) = 130 %" in each.found for each in said)


def test_proxies_of_another_vpc_or_engine_are_not_looked_at() -> None:
    of = needs("existing", settings={"other_proxies_percent": 0})
    elsewhere = {"DBProxyName": "a", "VpcId": "vpc-2"}, {"DBProxyName": "b", "VpcId": "vpc-1", "EngineFamily": "MYSQL"}
    _, calls = ask(of, Recorded({**good(of), "DescribeDBProxies": {"DBProxies": list(elsewhere)}}))
    assert "rds:DescribeDBProxyTargets" not in calls.made


def test_what_more_than_sixty_calls_would_have_answered_is_said_to_be_unasked() -> None:
    of = needs("existing")
    found, calls = ask(of, Recorded({**good(of), **proxies(60, of_database=1)}))
    assert len(calls.made) == MOST_CALLS
    unseen = [each.found for each in found if each.verdict is Verdict.NOT_SEEN]
    assert len(unseen) == 1
    assert "the sum is without proxy-" in unseen[0] and "60 calls were made, which is the most" in unseen[0]


@pytest.mark.parametrize("name", SETTINGS)
def test_where_everything_is_denied_every_question_is_unseen_with_the_reason_and_nothing_fails(name: str) -> None:
    of = needs(name)
    answers: dict[str, Answer] = dict.fromkeys(good(of), "AccessDenied")
    found, _ = ask(of, Recorded({**answers, "GetCallerIdentity": good(of)["GetCallerIdentity"]}))
    asked = [each for each in found if each.question not in ("identity", "region")]
    assert {each.verdict for each in asked} == {Verdict.NOT_SEEN}
    assert all("AccessDenied on " in each.found and "docs/roles/preflight.json" in each.fix for each in asked)
    assert exit_status(found) == 2


def test_a_session_is_simulated_as_its_role_with_the_roles_path() -> None:
    of, recorded = needs("dev"), Recorded(good(needs("dev")))
    ask(of, recorded)
    sent = [asked for name, asked in recorded.asked if name == "SimulatePrincipalPolicy"]
    assert {each["PolicySourceArn"] for each in sent} == {f"arn:aws:iam::{ACCOUNT}:role/ci/deploy"}
    wanted = {pair for each in sent for pair in ((a, r) for a in each["ActionNames"] for r in each["ResourceArns"])}
    assert set(requests(of)) <= wanted


def test_where_the_role_of_the_session_cannot_be_looked_up_it_is_taken_by_its_name() -> None:
    of, recorded = needs("dev"), Recorded({**good(needs("dev")), "GetRole": "AccessDenied"})
    ask(of, recorded)
    sources = {asked["PolicySourceArn"] for name, asked in recorded.asked if name == "SimulatePrincipalPolicy"}
    assert sources == {f"arn:aws:iam::{ACCOUNT}:role/deploy"}


def test_the_role_that_the_provider_assumes_is_the_one_that_is_simulated() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/prod-deploy"
    of = needs("dev", role_to_assume=role)
    recorded = Recorded(good(of))
    found, _ = ask(of, recorded)
    assert {asked["PolicySourceArn"] for name, asked in recorded.asked if name == "SimulatePrincipalPolicy"} == {role}
    assert [each.question for each in found if each.verdict is Verdict.FINDING] == ["identity"]


def test_what_iam_does_not_simulate_together_is_simulated_apart() -> None:
    def picky(asked: dict[str, Any]) -> Any:
        creates = [each for each in asked["ActionNames"] if ":Create" in each]
        others = [each for each in asked["ActionNames"] if ":Create" not in each]
        if creates and others:
            said = f"[{', '.join(creates)}] and [{','.join(others)}] require different authorization information."
            return f"InvalidInput: Invalid Input Actions: {said}"
        return simulated("allowed")(asked)

    of, whole = needs("prod"), Recorded(good(needs("prod")))
    found, calls = ask(of, Recorded({**good(of), "SimulatePrincipalPolicy": picky}))
    assert [each for each in found if each.verdict is not Verdict.OK] == []
    assert len(calls.made) <= 50
    said = next(each.found for each in found if each.question == "permissions")
    assert said == next(each.found for each in ask(of, whole)[0] if each.question == "permissions")


def test_what_iam_refuses_for_another_reason_is_not_seen() -> None:
    for answer in ("InvalidInput: a policy", "InvalidInput: [iam:PassRole] alone", "Throttling: [a:B] and [c:D]"):
        found = rows(needs("dev"), SimulatePrincipalPolicy=answer)
        assert [(each.question, each.verdict) for each in found] == [("permissions", Verdict.NOT_SEEN)], answer


def test_the_root_user_is_not_simulated() -> None:
    of = needs("dev")
    identity: Answer = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root"}
    assert [(each.question, each.verdict) for each in rows(of, GetCallerIdentity=identity)] == [
        ("permissions", Verdict.NOT_SEEN)
    ]


def test_what_a_policy_denies_is_a_finding_and_no_pair_that_was_not_asked_for() -> None:
    found = rows(needs("dev"), SimulatePrincipalPolicy=simulated("implicitDeny"))
    assert {each.question for each in found} == {"permissions"}
    assert not any("lambda:CreateFunction" in each.found and "log-group" in each.found for each in found)


NEW_ACCOUNT: Answer = {"AccountLimit": {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}}
PLANTED: dict[str, tuple[str, dict[str, Answer], str]] = {
    "concurrency": ("prod", {"GetAccountSettings": NEW_ACCOUNT}, "of 10 concurrent executions"),
    "service-linked role": (
        "dev",
        {"GetRole": "NoSuchEntity", "SimulatePrincipalPolicy": simulated("implicitDeny")},
        "no AWSServiceRoleForRDS",
    ),
    "quota of proxies": ("dev", proxies(20), "20 of 20 (AWS's default) proxies"),
    "quota of VPCs": ("dev", {"DescribeVpcs": {"Vpcs": [{"VpcId": f"vpc-{each}"} for each in range(5)]}}, "5 of 5"),
    "quota of DB instances": (
        "dev",
        {"DescribeAccountAttributes": {"AccountQuotas": [{"AccountQuotaName": "DBInstances", "Used": 40, "Max": 40}]}},
        "40 of 40 DB instances",
    ),
    "engine version": (
        "cluster",
        {"DescribeDBEngineVersions": {"DBEngineVersions": [{"EngineVersion": "17.10"}, {"EngineVersion": "17.9"}]}},
        "what it makes of aurora-postgresql17 is 17.10, 17.9",
    ),
    "instance class": (
        "prod",
        {"DescribeOrderableDBInstanceOptions": {"OrderableDBInstanceOptions": [option("c")]}},
        "is there in none of the zones of this stack",
    ),
    "parameters": ("dev", {"DescribeEngineDefaultParameters": {"EngineDefaults": {"Parameters": []}}}, "rds.force_ssl"),
    "snapshot": ("restored", {"DescribeDBSnapshots": "DBSnapshotNotFound"}, "no snapshot before"),
    "VPC": ("prod", {"DescribeVpcs": "InvalidVpcID.NotFound"}, "has no vpc-1"),
    "way to Secrets Manager": ("prod", {"DescribeVpcEndpoints": {"VpcEndpoints": []}}, "no route to a NAT"),
    "policy of logKmsKeyArn": ("prod", {"GetKeyPolicy": {"Policy": '{"Statement": []}'}}, "does not let logs."),
    "topic": ("prod", {"GetTopicAttributes": {"Attributes": {"Policy": '{"Statement": []}'}}}, f"policy of {TOPIC}"),
    "rotation": ("prod", {"GetApplication": "NotFoundException"}, "Serverless Application Repository"),
    "names: log group": (
        "dev",
        {"DescribeLogGroups": {"logGroups": [{"logGroupName": "/aws/lambda/shop-dev-app"}]}},
        "/aws/lambda/shop-dev-app is there",
    ),
    "names: function": ("dev", {"GetFunctionConfiguration": {"FunctionName": "shop-dev-app"}}, "shop-dev-app is there"),
    "names: CloudFormation stack": (
        "prod",
        {"DescribeStacks": {"Stacks": []}},
        "serverlessrepo-shop-dev-database-rotation is there",
    ),
}


@pytest.mark.parametrize("question", PLANTED)
def test_a_fault_that_aws_tells_is_found(question: str) -> None:
    name, answers, words = PLANTED[question]
    found = [each for each in rows(needs(name), **answers) if each.verdict is Verdict.FINDING]
    assert any(each.question == question and words in each.found for each in found), found


def test_a_default_that_a_new_database_gets_is_told_with_the_newest() -> None:
    found, _ = ask(needs("dev"), Recorded(good(needs("dev"))))
    said = next(each.found for each in found if each.question == "engine version")
    assert said == "postgres 17.6 is what AWS makes of 17 today; the newest of postgres17 is 17.7"


def test_all_pages_are_read_and_each_is_a_call() -> None:
    def pages(asked: dict[str, Any]) -> dict[str, Any]:
        number = int(asked.get("Marker", 0))
        page = {"DBProxies": [{"DBProxyName": f"p-{number}-{each}"} for each in range(5)]}
        return page if number == 2 else {**page, "Marker": str(number + 1)}

    found, calls = ask(needs("dev"), Recorded({**good(needs("dev")), "DescribeDBProxies": pages}))
    assert calls.made.count("rds:DescribeDBProxies") == 3
    assert next(each.found for each in found if each.question == "quota of proxies").startswith("15 of 20")


def test_parameters_of_a_cluster_are_read_until_the_wanted_ones_were_seen() -> None:
    of = needs("cluster", settings={"parameters": {"work_mem": "4"}})

    def pages(asked: dict[str, Any]) -> dict[str, Any]:
        wanted = asked.get("Marker") == "1"
        page = {"Parameters": [{**parameter("work_mem" if wanted else "other"), "AllowedValues": "1-9"}]}
        return {"EngineDefaults": {**page, "Marker": "2" if wanted else "1"}}

    recorded = Recorded({**good(of), "DescribeEngineDefaultClusterParameters": pages})
    found, calls = ask(of, recorded)
    assert [each for each in found if each.verdict is not Verdict.OK] == []
    assert calls.made.count("rds:DescribeEngineDefaultClusterParameters") == 2


def test_ctrl_c_ends_it_though_aws_does_not_answer() -> None:
    forever = threading.Event()

    def question() -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return forever.wait()

    with pytest.raises(KeyboardInterrupt):
        side_by_side([question, forever.wait], each_done=lambda: None)
    forever.set()


def test_an_error_that_is_not_awss_is_no_answer() -> None:
    with pytest.raises(ZeroDivisionError):
        side_by_side([lambda: 1 / 0], each_done=lambda: None)


def test_an_error_of_aws_is_an_answer_of_its_own() -> None:
    def refused() -> str:
        raise ClientError({"Error": {"Code": "Throttling", "Message": "-"}}, "DescribeVpcs")

    assert side_by_side([refused, lambda: "seen"], each_done=lambda: None) == [
        NotSeen(why="Throttling on DescribeVpcs"),
        "seen",
    ]
