"""Rotation of a secret on the laptop: the real function, a real database, and a proxy that follows."""

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from lambda_rds_proxy.engines import Engine
from lambda_rds_proxy.function.package import build_package, this_machine
from local.supervisor.client import SupervisorClient
from tests.local.supervisor.conftest import checkout, client_of, log_in, put_orders, until

pytestmark = pytest.mark.servers
FUNCTION = Path(__file__).parents[3] / "local" / "rotation_function"
# Ends its process after the password is changed, once for each file in a folder: Lambda may do so at any moment.
DIES_AFTER_SET = """
import os, pathlib
import lambda_function

def handler(event, context):
    lambda_function.lambda_handler(event, context)
    for death in pathlib.Path(os.environ["DEATHS"]).iterdir() if event["Step"] == "setSecret" else ():
        death.unlink(missing_ok=True)
        os._exit(1)
"""


@pytest.fixture
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with checkout(tmp_path_factory.mktemp("rotation")) as folder:
        yield folder


@pytest.fixture
def proxy(root: Path) -> dict[str, Any]:
    """A proxy that checks passwords, in front of a database with the user `app`, whose secret it reads."""
    return put_orders(root, iam="DISABLED")


@pytest.fixture
def secrets(root: Path, proxy: dict[str, Any]) -> Any:
    return client_of(root, "secretsmanager")


@pytest.fixture
def deaths(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with a file for each time that the function is to die."""
    return tmp_path_factory.mktemp("deaths")


@pytest.fixture
def function(root: Path, proxy: dict[str, Any], deaths: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The laptop's rotation function, which can be told to die: its ARN."""
    archive = tmp_path_factory.mktemp("package") / "function.zip"
    shutil.copyfile(build_package(FUNCTION, target=this_machine(), engine=Engine.POSTGRESQL), archive)
    with zipfile.ZipFile(archive, "a") as package:
        package.writestr("dying.py", DIES_AFTER_SET)
    spec = {"code": str(archive), "handler": "dying.handler", "timeout": 60, "environment": {"DEATHS": str(deaths)}}
    return str(SupervisorClient.ensure(root).put("function", "rotates", spec)["arn"])


def condemn(deaths: Path, times: int) -> None:
    for number in range(times):
        (deaths / str(number)).touch()


def left(deaths: Path) -> int:
    return len(list(deaths.iterdir()))


def password(secrets: Any, stage: str = "AWSCURRENT") -> str:
    value = secrets.get_secret_value(SecretId="app", VersionStage=stage)["SecretString"]
    return str(json.loads(value)["password"])


def stages(secrets: Any) -> dict[str, list[str]]:
    return {
        version: sorted(each) for version, each in secrets.describe_secret(SecretId="app")["VersionIdsToStages"].items()
    }


def rotate(secrets: Any, function: str) -> str:
    """Rotate and wait for the end: the new version."""
    version = str(secrets.rotate_secret(SecretId="app", RotationLambdaARN=function)["VersionId"])
    until(lambda: "AWSCURRENT" in stages(secrets)[version])
    return version


def takes(root: Path, facts: dict[str, Any], word: str) -> bool:
    try:
        log_in(root, facts, user="app", password=word, prepare_threshold=None).close()
    except psycopg.OperationalError as error:
        assert "for the role app is wrong" in str(error) or "authentication failed" in str(error)  # proxy or database
        return False
    return True


@pytest.fixture
def database(root: Path, supervisor: SupervisorClient) -> dict[str, Any]:
    found = supervisor.get("instance", "orders")
    assert found is not None
    return found


def test_database_and_proxy_take_the_new_password_only_and_open_sessions_stay(
    root: Path, proxy: dict[str, Any], database: dict[str, Any], secrets: Any, function: str
) -> None:
    before = password(secrets)
    with log_in(root, proxy, user="app", password=before, prepare_threshold=None) as session:
        session.execute("SELECT 1")
        version = rotate(secrets, function)
        after = password(secrets)
        assert after != before
        assert session.execute("SELECT 1").fetchone() == (1,)
    for server in (database, proxy):
        assert takes(root, server, after)
        assert not takes(root, server, before)
    assert stages(secrets)[version] == ["AWSCURRENT", "AWSPENDING"]
    assert password(secrets, "AWSPREVIOUS") == before
    described = secrets.describe_secret(SecretId="app")
    assert described["RotationEnabled"] is True
    assert described["RotationLambdaARN"] == function


def test_a_value_is_handed_out_only_once_the_proxy_takes_it(
    root: Path, proxy: dict[str, Any], secrets: Any, function: str
) -> None:
    """As often as it is tried: who reads the secret can log in with what it read."""
    for _ in range(3):
        before = password(secrets)
        secrets.rotate_secret(SecretId="app", RotationLambdaARN=function)
        until(lambda before=before: password(secrets) != before)  # type: ignore[misc]
        assert takes(root, proxy, password(secrets))


def test_whoever_needs_one_more_database_connection_between_the_two_changes_waits_for_the_second(
    root: Path, proxy: dict[str, Any], database: dict[str, Any], secrets: Any
) -> None:
    """The database has the new password, the secret not yet: the proxy can open no more than it has open."""
    before = password(secrets)
    with log_in(root, proxy, user="app", password=before, prepare_threshold=None) as session:
        session.execute("SELECT 1")
        with session.transaction():  # the one database connection is taken, as by a caller at work
            session.execute("SELECT 1")
            with log_in(root, database) as master:
                master.execute("ALTER ROLE app PASSWORD 'of-the-next-version'")

            def ask() -> object:
                with log_in(root, proxy, user="app", password=before, prepare_threshold=None) as newcomer:
                    return newcomer.execute("SELECT 1").fetchone()

            with ThreadPoolExecutor() as clients:
                answers = [clients.submit(ask) for _ in range(3)]
                assert not wait(answers, timeout=2, return_when=FIRST_EXCEPTION).done
                value = json.loads(secrets.get_secret_value(SecretId="app")["SecretString"])
                value["password"] = "of-the-next-version"
                secrets.put_secret_value(SecretId="app", SecretString=json.dumps(value))
                assert [each.result() for each in answers] == [(1,)] * 3


def test_a_function_killed_after_it_changed_the_database_is_run_again_and_mends_it(
    root: Path, proxy: dict[str, Any], database: dict[str, Any], secrets: Any, function: str, deaths: Path
) -> None:
    condemn(deaths, 1)
    rotate(secrets, function)
    assert left(deaths) == 0
    assert takes(root, database, password(secrets)) and takes(root, proxy, password(secrets))


def test_a_rotation_that_was_given_up_leaves_open_sessions_and_the_next_one_mends_it(
    root: Path, proxy: dict[str, Any], database: dict[str, Any], secrets: Any, function: str, deaths: Path
) -> None:
    before = password(secrets)
    with log_in(root, proxy, user="app", password=before, prepare_threshold=None) as session:
        session.execute("SELECT 1")
        condemn(deaths, 3)  # as often as it is tried
        version = secrets.rotate_secret(SecretId="app", RotationLambdaARN=function)["VersionId"]
        until(lambda: left(deaths) == 0)
        assert password(secrets) == before
        assert stages(secrets)[version] == ["AWSPENDING"]
        assert takes(root, database, password(secrets, "AWSPENDING"))
        assert not takes(root, database, before)
        # The proxy's own connections are as good as ever, for whoever is in and for whoever comes.
        assert session.execute("SELECT 1").fetchone() == (1,)
        with log_in(root, proxy, user="app", password=before, prepare_threshold=None) as another:
            assert another.execute("SELECT 1").fetchone() == (1,)

    def reattempted() -> bool:
        with pytest.raises(ClientError, match="That rotation will be reattempted"):
            secrets.rotate_secret(SecretId="app")
        return True

    assert reattempted()
    until(lambda: "AWSCURRENT" in stages(secrets)[version])
    assert password(secrets) != before
    assert takes(root, database, password(secrets)) and takes(root, proxy, password(secrets))


def test_a_rotation_that_is_open_when_the_supervisor_ends_is_taken_up_by_the_next_one(
    root: Path, proxy: dict[str, Any], database: dict[str, Any], secrets: Any, function: str, deaths: Path
) -> None:
    before = password(secrets)
    condemn(deaths, 50)
    version = secrets.rotate_secret(SecretId="app", RotationLambdaARN=function)["VersionId"]
    until(lambda: left(deaths) < 50)
    SupervisorClient.ensure(root).restart()
    for death in list(deaths.iterdir()):
        death.unlink(missing_ok=True)
    until(lambda: "AWSCURRENT" in stages(secrets)[version])
    assert password(secrets) != before
    assert takes(root, database, password(secrets)) and takes(root, proxy, password(secrets))


def test_switching_rotation_on_without_rotating_changes_nothing(
    root: Path, proxy: dict[str, Any], secrets: Any, function: str
) -> None:
    rotate(secrets, function)
    stored = {stage: password(secrets, stage) for stage in ("AWSCURRENT", "AWSPREVIOUS")}
    secrets.rotate_secret(
        SecretId="app",
        RotationLambdaARN=function,
        RotateImmediately=False,
        RotationRules={"AutomaticallyAfterDays": 30},
    )
    assert {stage: password(secrets, stage) for stage in stored} == stored
    assert len(stages(secrets)) == 2
    assert secrets.describe_secret(SecretId="app")["RotationRules"] == {"AutomaticallyAfterDays": 30}


def test_a_rotation_that_no_password_opens_changes_nothing_and_says_so(
    root: Path,
    proxy: dict[str, Any],
    database: dict[str, Any],
    secrets: Any,
    function: str,
    aws: Callable[[str], Any],
) -> None:
    before = password(secrets)
    with log_in(root, database) as master:
        master.execute("ALTER ROLE app PASSWORD 'changed by hand'")
    version = secrets.rotate_secret(SecretId="app", RotationLambdaARN=function)["VersionId"]
    until(lambda: "AWSPENDING" in stages(secrets).get(version, ()))
    step = {"Step": "setSecret", "SecretId": "app", "ClientRequestToken": version}

    def said() -> str:
        answer = aws("lambda").invoke(FunctionName="rotates", Payload=json.dumps(step).encode())
        return str(json.loads(answer["Payload"].read()))

    until(lambda: "refuses app with the pending, the current and the previous password" in said())
    assert password(secrets) == before
    with log_in(root, database) as master:
        master.execute(f"ALTER ROLE app PASSWORD '{before}'")
    until(lambda: takes(root, proxy, password(secrets)))


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"SecretId": "nobody's"}, "ResourceNotFoundException"),
        ({"SecretId": "never-asked"}, "No Lambda rotation function ARN"),
        ({"SecretId": "never-asked", "RotationLambdaARN": "arn:aws:lambda:eu-west-1:000000000000:function:gone"},
         "cannot invoke the specified Lambda function"),
    ],
)  # fmt: skip
def test_a_rotation_that_cannot_begin_is_refused_in_awss_words(secrets: Any, asked: dict[str, str], error: str) -> None:
    if "never-asked" not in {each["Name"] for each in secrets.list_secrets()["SecretList"]}:
        secrets.create_secret(Name="never-asked", SecretString="{}")
    with pytest.raises(ClientError, match=error):
        secrets.rotate_secret(**asked)
