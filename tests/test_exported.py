"""What a developer's shell exports for programs of its own changes no test."""

import os
import subprocess
import sys

from tests.end_to_end.checkouts import ROOT

_EXPORTED = {
    "AWS_PROFILE": "nope", "AWS_REGION": "nowhere", "AWS_CA_BUNDLE": "/nope", "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "PULUMI_STACK": "other", "PULUMI_BACKEND_URL": "file:///nope", "PULUMI_CONFIG": '{"a": "b"}',
    "PGHOST": "nope", "PGSSLMODE": "nope", "PGUSER": "nope", "PGPASSFILE": "/nope", "MYSQL_PWD": "nope",
    "DB_HOST": "nope", "DB_ENGINE": "nope", "LAMBDA_RDS_PROXY_SUBNET": "127.1.1",
    "XDG_CONFIG_HOME": "/nope", "PYTHONPATH": "/nope", "NO_COLOR": "1", "COLUMNS": "20",
}  # fmt: skip


def test_the_tests_of_boto3_of_logins_and_of_what_terminals_show_pass_beside_it() -> None:
    files = ("tests/handler/test_iam_token.py", "tests/ops/psql", "tests/toolchain/test_checkout.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *files],
        cwd=ROOT,
        env={**os.environ, **_EXPORTED},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_export_is_left_for_programs_that_tests_start() -> None:
    assert not {"AWS_PROFILE", "PGHOST", "PULUMI_STACK", "PYTHONPATH", "LAMBDA_RDS_PROXY_SUBNET"} & {*os.environ}
