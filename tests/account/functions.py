"""Lambda: the account's limit of what runs at once, log groups that it writes, and invocations that are answered."""

import hashlib
import json
import zipfile
from pathlib import Path

from local.provider.properties import Properties, archive_path
from local.provider.types.row import Resource

from . import logs
from .account import RefusedError, Service, arn

_NEW_ACCOUNT, _UNRESERVED = 10, 100


class Function(Service):
    """A function."""

    kind = "function"

    def create(self, resource: Resource) -> tuple[str, Properties]:
        if self.account.get(self.kind, resource.name) is not None:
            raise RefusedError("ResourceConflictException", f"Function already exist: {resource.name}")
        role = str(resource.inputs["role"]).rsplit("/", 1)[-1]
        if self.account.get("aws:iam/role:Role", role) is None:
            says = "The role defined for the function cannot be assumed by Lambda."
            raise RefusedError("InvalidParameterValueException", says)
        return self.update(resource)

    def update(self, resource: Resource) -> tuple[str, Properties]:
        name, given = resource.name, resource.inputs
        self._reserve(name, int(given.get("reservedConcurrentExecutions", -1)))
        package = Path(str(archive_path(given.get("code"))))
        sha = hashlib.sha256(package.read_bytes()).hexdigest()
        data = {"reserved": int(given.get("reservedConcurrentExecutions", -1)), "code": str(package.absolute())}
        self.account.put(self.kind, name, data)
        where = arn("lambda", resource.region, f"function:{name}")
        api = f"arn:aws:apigateway:{resource.region}:lambda:path/2015-03-31/functions/{where}/invocations"
        return name, {
            "arn": where,
            "invokeArn": api,
            "version": "$LATEST",
            "qualifiedArn": f"{where}:$LATEST",
            "codeSha256": sha,
            "sourceCodeHash": sha,
            "sourceCodeSize": package.stat().st_size,
            "lastModified": "2026-01-01T00:00:00.000+0000",
            "loggingConfig": {"logFormat": "Text", "logGroup": f"/aws/lambda/{name}"},
        }

    def _reserve(self, name: str, wanted: int) -> None:
        """Reserve what 100 executions leave, of a new account's 10 nothing.

        source: Lambda Developer Guide, "Configuring reserved concurrency for a function".

        Raises:
            RefusedError: the account cannot reserve that much.
        """
        limit = int(self.account.setting("concurrent executions", 1000))
        others = [int(each["reserved"]) for own, each in self.account.all(self.kind).items() if own != name]
        least = min(_UNRESERVED, limit)
        if wanted > 0 and limit - wanted - sum(each for each in others if each > 0) < least:
            raise RefusedError(
                "InvalidParameterValueException",
                "Specified ReservedConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{least}].",
            )

    def found(self, identifier: str, state: Properties) -> Properties | None:
        found = self.account.get(self.kind, identifier)
        return found and {"reservedConcurrentExecutions": found["reserved"]}


class Invocation(Service):
    """An invocation, which is answered as the admin function answers when all goes well."""

    kind = "invocation"

    def create(self, resource: Resource) -> tuple[str, Properties]:
        name, sent = str(resource.inputs["functionName"]), str(resource.inputs["input"])
        function = self.account.get(Function.kind, name)
        if function is None:
            raise RefusedError("ResourceNotFoundException", f"Function not found: {name}")
        logs.write(self.account, f"/aws/lambda/{name}", "Lambda")
        self._verify_server(function, json.loads(sent), resource.region)
        qualifier = str(resource.inputs.get("qualifier", "$LATEST"))
        sum_ = hashlib.md5(sent.encode(), usedforsecurity=False).hexdigest()
        return f"{name},{qualifier},{sum_}", {"result": json.dumps({"ok": True})}

    def _verify_server(self, function: Properties, request: Properties, region: str) -> None:
        """A server's certificate is of its region's authority, which the function must have.

        source: RDS User Guide, "Using SSL/TLS to encrypt a connection to a DB instance or cluster": bundles by region.
        """
        if request.get("action") != "create-user" or not authorities(Path(function["code"])):
            return
        if region not in authorities(Path(function["code"])):
            says = f"SSLCertVerificationError: certificate verify failed: unable to get the issuer of {request['host']}"
            raise RefusedError("FunctionError", f"Unhandled: {says}")

    def found(self, identifier: str, state: Properties) -> Properties | None:
        """Nothing of an invocation is ever read."""
        return {}

    def gone(self, identifier: str, state: Properties) -> None:
        """What was done stays done."""


def authorities(package: Path) -> frozenset[str]:
    """The regions whose authorities are in a function's package; nothing of one that has no bundle."""
    with zipfile.ZipFile(package) as archive:
        names = [each for each in archive.namelist() if each.endswith("certificates/rds.pem")]
        return regions_of(archive.read(names[0])) if names else frozenset()


def regions_of(bundle: bytes) -> frozenset[str]:
    """The regions in the subjects of a bundle's certificates, such as `Amazon RDS eu-west-1 Root CA RSA2048 G1`."""
    from cryptography import x509

    subjects = [each.subject.rfc4514_string() for each in x509.load_pem_x509_certificates(bundle)]
    return frozenset(word for each in subjects for word in each.split() if word.count("-") >= 2)
