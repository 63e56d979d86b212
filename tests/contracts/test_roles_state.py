"""The real engine with its state on S3 and secrets under KMS (moto's), which let each role do what its policies say."""

import base64
import json
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from tests.components.declared import ACCOUNT, REGION
from tests.contracts.iam import Statement, allowed, listed, statements
from tests.contracts.test_roles import DEPLOY, DRIFT, FILL, PREVIEW
from tests.waiting import LIMIT_SECONDS
from toolchain.shell import laptop_environment

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import pulumi
word = pulumi.Config().require_secret("word")
pulumi.Stash("kept", input=word)
pulumi.export("word", word)
"""


@dataclass
class Account:
    """S3 and KMS, which answer a role as its policies say; without one they let everything."""

    has: list[Statement] | None = None
    refused: list[str] = field(default_factory=list)
    asked: set[tuple[str, str]] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ, populate_request=False)
        target = request.headers.get("X-Amz-Target")
        wanted = [self._kms(environ, target) if target else _s3(request)]
        if "x-amz-copy-source" in request.headers:
            wanted.append(("s3:GetObject", f"arn:aws:s3:::{unquote(request.headers['x-amz-copy-source'].lstrip('/'))}"))
        if all(self._may(*each) for each in wanted):
            answer: Iterable[bytes] = self._moto(environ, start)
            return answer
        said = {"__type": "AccessDeniedException", "message": "refused"}
        no = (
            Response(json.dumps(said), 400, content_type="application/x-amz-json-1.1")
            if target
            else Response("<Error><Code>AccessDenied</Code><Message>refused</Message></Error>", 403)
        )
        return no(environ, start)

    def _may(self, action: str, resource: str) -> bool:
        self.asked.add((action, resource))
        if self.has is None or allowed(self.has, action, resource, {"aws:RequestedRegion": REGION}):
            return True
        self.refused.append(f"{action} on {resource}")
        return False

    def _kms(self, environ: dict[str, Any], target: str) -> tuple[str, str]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = _Again(body)
        said = json.loads(body or b"{}")
        # What was encrypted tells its key: moto puts the id in front.
        named = said.get("KeyId") or base64.b64decode(said.get("CiphertextBlob", ""))[:36].decode()
        return f"kms:{target.partition('.')[2]}", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{self.keys.get(named, named)}"


class _Again:
    """What was read of a request, to be read once more."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def read(self, _: int = -1) -> bytes:
        body, self._body = self._body, b""
        return body


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing: the engine asks often."""


def _s3(request: Request) -> tuple[str, str]:
    bucket, _, key = request.path.lstrip("/").partition("/")
    if not key:
        return ("s3:ListBucket" if request.method == "GET" else f"s3:{request.method}Bucket"), f"arn:aws:s3:::{bucket}"
    verb = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "DELETE": "Delete"}[request.method]
    return f"s3:{verb}Object", f"arn:aws:s3:::{bucket}/{key}"


@dataclass
class Project:
    """A program with the stacks dev and prod in that account."""

    folder: Path
    environment: dict[str, str]
    account: Account

    def run(self, *command: str, has: list[Statement] | None) -> subprocess.CompletedProcess[str]:
        self.account.has, self.account.refused, self.account.asked = has, [], set()
        return subprocess.run(
            ["pulumi", *command, "--non-interactive", "--color", "never"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_SECONDS,
        )

    def works(self, *command: str, has: list[Statement] | None) -> None:
        done = self.run(*command, has=has)
        assert (done.returncode, self.account.refused) == (0, []), done.stdout + done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    moto_api_backend.reset()  # it keeps what it made for the whole process, and another module may have been here
    account = Account()
    server = make_server("127.0.0.1", 0, account, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    ours = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "fake",
        "AWS_SECRET_ACCESS_KEY": "fake",
        "AWS_REGION": REGION,
        "PULUMI_BACKEND_URL": f"s3://acme-states?region={REGION}",
    }
    kept = laptop_environment(ROOT)
    folder = tmp_path_factory.mktemp("project")
    settings = {"name": "python", "options": {"virtualenv": str(ROOT / ".venv")}}
    (folder / "Pulumi.yaml").write_text(json.dumps({"name": "lambda-rds-proxy", "runtime": settings}))
    (folder / "__main__.py").write_text(PROGRAM)
    found = Project(folder, {**kept, **ours}, account)
    session = boto3.Session(aws_access_key_id="fake", aws_secret_access_key="fake", region_name=REGION)
    at = {"endpoint_url": ours["AWS_ENDPOINT_URL"]}
    session.client("s3", **at).create_bucket(
        Bucket="acme-states", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    kms = session.client("kms", **at)
    for stack in ("dev", "prod"):
        key, alias = kms.create_key()["KeyMetadata"]["KeyId"], f"alias/pulumi-{stack}"
        kms.create_alias(AliasName=alias, TargetKeyId=key)
        account.keys[alias] = key
        # What an administrator does once.
        provider = f"awskms://{alias}?region={REGION}"
        found.works("stack", "init", stack, "--secrets-provider", provider, has=None)
        found.works("config", "set", "--stack", stack, "--secret", "word", "hush", has=None)
        found.works("up", "--yes", "--skip-preview", "--stack", stack, has=None)
    yield found
    server.shutdown()
    thread.join()


def role(project: Project, names: list[str]) -> list[Statement]:
    """The role of dev."""
    return statements(*names, fill={**FILL, "STATE_KEY": project.account.keys["alias/pulumi-dev"]})


def actions(project: Project) -> set[str]:
    return {action for action, _ in project.account.asked}


@pytest.mark.parametrize("names", [PREVIEW, DRIFT, DEPLOY], ids=["preview", "drift", "deploy"])
def test_every_role_previews_its_stack_and_only_reads(project: Project, names: list[str]) -> None:
    project.works("preview", "--stack", "dev", has=role(project, names))
    assert actions(project) == {"s3:GetObject", "s3:ListBucket", "kms:Decrypt"}


def test_the_role_of_drift_checks_for_drift(project: Project) -> None:
    project.works("preview", "--refresh", "--expect-no-changes", "--stack", "dev", has=role(project, DRIFT))


def test_the_role_that_deploys_brings_its_stack_up_and_down_and_up_again(project: Project) -> None:
    has, asked = role(project, DEPLOY), set[tuple[str, str]]()
    for command in ("up", "destroy", "up"):
        project.works(command, "--yes", "--stack", "dev", has=has)
        asked |= project.account.asked
        assert actions(project) == {f"s3:{verb}Object" for verb in ("Get", "Put", "Delete")} | {
            "s3:ListBucket",
            "kms:Decrypt",
        }
    for each in [each for each in has if each["Sid"] in ("NamesOfStates", "State", "SecretsOfTheState", "WriteState")]:
        for resource in listed(each["Resource"]):  # none is there for nothing
            assert any(allowed([{**each, "Resource": resource}], *request) for request in asked), resource


def test_an_empty_bucket_is_opened_once_by_an_administrator(project: Project) -> None:
    session = boto3.Session(aws_access_key_id="fake", aws_secret_access_key="fake", region_name=REGION)
    s3 = session.client("s3", endpoint_url=project.environment["AWS_ENDPOINT_URL"])
    project.account.has = None
    s3.create_bucket(Bucket="acme-empty", CreateBucketConfiguration={"LocationConstraint": REGION})
    backend = {"PULUMI_BACKEND_URL": f"s3://acme-empty?region={REGION}"}
    empty = replace(project, environment={**project.environment, **backend})
    has = statements(*DEPLOY, fill={**FILL, "STATES": "acme-empty"})
    assert empty.run("stack", "ls", has=has).returncode != 0
    assert set(project.account.refused) == {"s3:PutObject on arn:aws:s3:::acme-empty/.pulumi/meta.yaml"}
    empty.works("stack", "ls", has=None)
    assert empty.run("stack", "ls", has=has).returncode == 0


@pytest.mark.parametrize("names", [PREVIEW, DRIFT, DEPLOY], ids=["preview", "drift", "deploy"])
def test_no_role_of_dev_reads_the_state_of_prod(project: Project, names: list[str]) -> None:
    done = project.run("preview", "--stack", "prod", has=role(project, names))
    assert done.returncode != 0
    assert any(each.endswith("stacks/lambda-rds-proxy/prod.json") for each in project.account.refused)


def test_no_role_of_dev_decrypts_with_the_key_of_prod(project: Project) -> None:
    has: list[Statement] = [
        *role(project, DEPLOY),
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},  # were it to get at the state by another way
    ]
    done = project.run("preview", "--stack", "prod", has=has)
    assert done.returncode != 0
    assert project.account.refused
    assert {each.partition(" ")[0] for each in project.account.refused} == {"kms:Decrypt"}


@pytest.mark.parametrize("names", [PREVIEW, DRIFT], ids=["preview", "drift"])
def test_what_reads_cannot_deploy(project: Project, names: list[str]) -> None:
    done = project.run("up", "--yes", "--skip-preview", "--stack", "dev", has=role(project, names))
    assert done.returncode != 0
    assert {each.partition(" ")[0] for each in project.account.refused} <= {"s3:PutObject", "s3:GetObject"}


def test_who_previews_can_read_the_secrets_of_its_stack(project: Project) -> None:
    """As docs/pull-requests.md says, and why there is a key for each stack."""
    done = project.run("stack", "output", "--stack", "dev", "--show-secrets", "word", has=role(project, PREVIEW))
    assert done.stdout.strip() == "hush"
