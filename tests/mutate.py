"""Mutates every security-relevant line of the components, one at a time, and says which no test notices: `make mutate`.

A line is relevant when it holds a port, an action, a resource's id, TLS, a principal, encryption or what stands open to
whom. Each is changed to what an attacker would like; the component's tests must then fail. It works on a copy.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path("components/lambda_rds_proxy")
_TESTS = ("database", "function", "network", "proxy", "serverless_database", "user")
# What a line says → what it must not say unnoticed. Every match of every line of a component is one mutation.
_MUTATIONS = (
    (r"require_tls=True", "require_tls=False"),
    (r"storage_encrypted=True", "storage_encrypted=False"),
    (r"publicly_accessible=False", "publicly_accessible=True"),
    (r"manage_master_user_password=True", "manage_master_user_password=False"),
    (r"deletion_protection=choices\.prod", "deletion_protection=False"),
    (r"private_dns_enabled=True", "private_dns_enabled=False"),
    (r"kms_key_id=[^,\n]+", "kms_key_id=None"),
    (r'tls=\("([a-z_.]+)", "\w+"\)', r'tls=("\1", "0")'),
    (r'"REQUIRED" if', '"DISABLED" if'),
    (r'"IAM_AUTH" if', '"NONE" if'),
    (r'"StringEquals": ', '"StringLike": '),
    (r'"kms:ViaService": f?"[^"]+"', '"kms:ViaService": "*"'),
    (r'"secretsmanager:GetSecretValue"', '"secretsmanager:*"'),
    (r'"secretsmanager:PutSecretValue"', '"secretsmanager:UpdateSecret"'),
    (r'"kms:Decrypt"', '"kms:*"'),
    (r'\["rds-db:connect"\]', '["rds-db:*"]'),
    (r'"logs:PutLogEvents"', '"logs:*"'),
    (r'f"\{arn\}:\*"', '"*"'),
    (r"dbuser:\{resource_id\}/\{user\}", "dbuser:{resource_id}/*"),
    (r"dbuser:\{resource_id\}", "dbuser:*"),
    (r'"Service": service', '"AWS": "*"'),
    (r'"(rds|lambda)\.amazonaws\.com"', '"ec2.amazonaws.com"'),
    (r'resource_id=known\["database"\]', 'resource_id="*"'),
    (r"resource_id=known\[[0-9]\]", 'resource_id="*"'),
    (r"region=region_of\(known\[0\]\)", 'region="*"'),
    (r'user=(proxy|user)\["user"\]', 'user="*"'),
    (r"port=port\b", "port=0"),
    (r"to_port=(port|HTTPS)", "to_port=65535"),
    (r"from_port=(port|HTTPS)", "from_port=0"),
    (r'port=(database|proxy)\["port"\]', "port=443"),
    (r"port=HTTPS", "port=80"),
    (r'ip_protocol="tcp"', 'ip_protocol="-1"'),
    (r"referenced_security_group_id=\w+", 'cidr_ipv4="0.0.0.0/0"'),
    (r"client=(group|clients)\.id", 'client="sg-everyone"'),
    (r"server=group\.id", 'server="sg-everyone"'),
    (r'server=database\["security_group_id"\]', 'server="sg-everyone"'),
    (r"vpc_security_group_ids=\[group\.id\]", "vpc_security_group_ids=None"),
    (r"(?<!vpc_)security_group_ids=\[group\.id\]", "security_group_ids=[]"),
    (r'security_group_ids=\[proxy\["client_security_group_id"\]\]', "security_group_ids=[]"),
    (r'"rdsIam": secret is None', '"rdsIam": True'),
    (r'else "iam"', 'else "password"'),
    (r'rsplit\(":", 1\)\[1\]', 'split(":", 1)[1]'),
)


@dataclass(frozen=True)
class Mutation:
    """One changed line of one file."""

    path: Path
    number: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}:{self.number}: {self.before.strip()}  →  {self.after.strip()}"


def mutations(root: Path) -> Iterator[Mutation]:
    """Every mutation of every component, in the order of files and lines; comments and docstrings are none."""
    for path in sorted((root / PACKAGE).rglob("*.py")):
        if "admin_function" in path.parts:  # its tests need servers
            continue
        quoted = False
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            starts = line.count('"""')
            if quoted or starts or line.lstrip().startswith("#"):
                quoted = quoted ^ (starts % 2 == 1)
                continue
            for pattern, replacement in _MUTATIONS:
                for match in re.finditer(pattern, line):
                    after = line[: match.start()] + match.expand(replacement) + line[match.end() :]
                    yield Mutation(path.relative_to(root), number, line, after)


def survives(copy: Path, mutation: Mutation) -> bool:
    """Whether the tests pass in spite of the mutation."""
    path = copy / mutation.path
    original = path.read_text()
    lines = original.splitlines(keepends=True)
    lines[mutation.number - 1] = mutation.after + "\n"
    path.write_text("".join(lines))
    try:
        return _passes(copy, first=mutation.path.parent.name)
    finally:
        path.write_text(original)


def _passes(copy: Path, *, first: str = "") -> bool:
    # A component's own tests notice most, so they come first and end the run.
    folders = [f"tests/components/{name}" for name in sorted(_TESTS, key=lambda name: name != first)]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            *folders,
            "tests/components/test_existing.py",
        ],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "components"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def main() -> int:
    """Run all mutations, or the n-th of m shares; the number of survivors is the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", default="1/1", help="which share of the mutations, such as 2/4")
    parser.add_argument("--list", action="store_true", help="only say what would be mutated")
    arguments = parser.parse_args()
    index, count = (int(part) for part in arguments.share.split("/"))
    chosen = [each for place, each in enumerate(mutations(ROOT)) if place % count == index - 1]
    if arguments.list:
        print(*chosen, sep="\n")
        return 0
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        copy = Path(folder)
        for name in ("components", "handler", "policies", "local", "toolchain", "tests", "ops"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("venv", "__pycache__"))
        for name in ("pyproject.toml", "Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml"):
            shutil.copy2(ROOT / name, copy / name)
        if not _passes(copy):
            print("the tests fail without any mutation; make them pass first")
            return 1
        left = [each for each in chosen if survives(copy, each)]
    print(f"{len(chosen) - len(left)} of {len(chosen)} mutations were noticed")
    print(*left, sep="\n")
    return min(len(left), 125)


if __name__ == "__main__":
    sys.exit(main())
