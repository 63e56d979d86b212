"""One function whose host comes from the configuration: the value is all that a policy can judge."""

import sys
import zipfile
from pathlib import Path

import pulumi
import pulumi_aws as aws

code = Path(__file__).parent / "app.zip"
with zipfile.ZipFile(code, "w") as archive:
    archive.writestr(zipfile.ZipInfo("app.py"), "def handler(event, context):\n    return 1\n")
role = aws.iam.Role("function", assume_role_policy="{}")
aws.lambda_.Function(
    "function",
    name="hosted",
    role=role.arn,
    runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",  # the laptop's own
    handler="app.handler",
    code=pulumi.FileArchive(str(code)),
    environment={"variables": {"DB_HOST": pulumi.Config().require("host"), "DB_PORT": "5432"}},
)
