"""A stack that goes round the proxy: what the policy pack must stop, at preview and at up."""

from pathlib import Path

import pulumi
import pulumi_aws as aws

database = aws.rds.Instance(
    "database",
    engine="postgres",
    engine_version="17",
    instance_class="db.t4g.micro",
    allocated_storage=20,
    db_name="app_db",
    username="db_admin",
    manage_master_user_password=True,
    skip_final_snapshot=True,
)
role = aws.iam.Role("function", assume_role_policy="{}")
code = Path(__file__).parent / "code"
code.mkdir(exist_ok=True)
(code / "app.py").write_text("def handler(event, context):\n    return 1\n")
aws.lambda_.Function(
    "function",
    role=role.arn,
    runtime="python3.13",
    handler="app.handler",
    code=pulumi.FileArchive(str(code)),
    environment={"variables": {"DB_HOST": database.address, "DB_PORT": "5432"}},
)
