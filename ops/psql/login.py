"""Where a session goes and who logs in, from a stack's outputs and state. Passwords are read when they are needed."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from lambda_rds_proxy import engines
from ops.aws.errors import refused_by
from ops.stack_outputs import StackError

_PROXY = "aws:rds/proxy:Proxy"
_DATABASES = ("aws:rds/instance:Instance", "aws:rds/cluster:Cluster")
_USER = "lambda-rds-proxy:index:DatabaseUser"
_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_IAM = "IAM_AUTH"
Resources = Sequence[Mapping[str, Any]]
_CERTIFICATES = Path(engines.__file__).parents[1] / "user" / "admin_function" / "certificates"


@dataclass(frozen=True, kw_only=True)
class Login:
    """One session: `host` is the name that certificates and tokens are of; the password is a token without a secret."""

    host: str
    port: int
    database: str
    user: str
    mysql: bool
    authority: Path
    secret_arn: str | None
    subnets: tuple[str, ...]
    admitted: tuple[str, ...]
    """The security groups whose members the host lets in."""

    def password(self) -> str:
        """The secret's, or a token that is good for 15 minutes."""
        if self.secret_arn is not None:
            return str(_secret(self.secret_arn)["password"])
        with refused_by("no token can be signed"):
            token: str = boto3.client("rds").generate_db_auth_token(self.host, self.port, self.user)
        return token


def login(outputs: Mapping[str, Any], resources: Resources, *, reader: bool, direct: bool, user: str | None) -> Login:
    """The session that is asked for: through the proxy or its reader endpoint, or straight to the database.

    Raises:
        StackError: the stack has no such endpoint, or does not know how the user logs in.
    """
    key = "readerEndpoint" if reader else "databaseEndpoint" if direct else "proxyEndpoint"
    host = str(outputs.get(key) or "")
    if not host:
        fix = "set readerEndpoint for one" if reader else "run `pulumi up`"
        raise StackError(f'the stack has no output "{key}"; {fix}')
    proxy = next((each for each in _of(resources, _PROXY) if each.get("endpoint") == outputs.get("proxyEndpoint")), {})
    own = (outputs.get("databaseEndpoint"),)
    database = next(
        (each for each in _of(resources, *_DATABASES) if each.get("address", each.get("endpoint")) in own), {}
    )
    if user is not None and not direct:
        _check_known(user, proxy, [*_users(resources)])
    place = database if direct else proxy
    name, secret = (
        _administrator(database) if direct and user is None else (user or str(outputs.get("databaseUser")), "")
    )
    groups = place.get("vpcSecurityGroupIds") or []
    rules = [each for each in _of(resources, _RULE) if each.get("securityGroupId") in groups]
    return Login(
        host=host,
        port=int((database.get("port") if direct else None) or outputs.get("proxyPort") or 5432),
        database=str(outputs.get("databaseName") or ""),
        user=name,
        mysql="mysql" in str(proxy.get("engineFamily") or database.get("engine")).lower(),
        authority=_CERTIFICATES / ("rds.pem" if direct else "amazon-trust-services.pem"),
        secret_arn=secret or _secret_of(name, proxy, direct=direct),
        subnets=tuple(proxy.get("vpcSubnetIds") or ()),
        admitted=tuple(filter(None, (each.get("referencedSecurityGroupId") for each in rules))),
    )


def _users(resources: Resources) -> Iterator[str]:
    """Those that the stack has made."""
    references = (each.get("reference") or {} for each in _of(resources, _USER))
    return (str(each["user"]) for each in references if "user" in each)


def _check_known(user: str, proxy: Mapping[str, Any], known: Sequence[str]) -> None:
    # One that lets users in without secrets, or by more of them than the stack's own users have, may know others.
    if user in known or not 0 < len(proxy.get("auths") or []) <= len(known) or proxy.get("defaultAuthScheme") == _IAM:
        return
    near = difflib.get_close_matches(user, known, 1)
    fix = f'did you mean "{near[0]}"?' if near else f"it has {', '.join(known)}"
    raise StackError(f'the stack has no database user "{user}"; {fix}')


def _administrator(database: Mapping[str, Any]) -> tuple[str, str]:
    secrets = database.get("masterUserSecrets") or database.get("masterUserSecret")
    if not isinstance(secrets, list) or not secrets:
        raise StackError("the stack does not know the secret of its database's administrator; name a user with --user")
    return str(database.get("username") or database.get("masterUsername")), str(secrets[0]["secretArn"])


def _secret_of(user: str, proxy: Mapping[str, Any], *, direct: bool) -> str | None:
    """The secret of a user of the proxy; None where the proxy takes a token."""
    auths = proxy.get("auths") or []
    with_token = all(each.get("iamAuth") == "REQUIRED" for each in auths)
    if not direct and with_token and (auths or proxy.get("defaultAuthScheme") == _IAM):
        return None
    for each in auths:
        if each.get("secretArn") and _secret(each["secretArn"]).get("username") == user:
            return None if each.get("iamAuth") == "REQUIRED" and not direct else str(each["secretArn"])
    raise StackError(f'no secret of the stack\'s proxy is of a user "{user}"')


def _secret(arn: str) -> dict[str, Any]:
    with refused_by(f"Secrets Manager does not show {arn}"):
        text = boto3.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError:
        raise StackError(f"the secret {arn} is no JSON with username and password") from None
    return found


def _of(resources: Resources, *types: str) -> Iterator[dict[str, Any]]:
    return (each.get("outputs") or {} for each in resources if each.get("type") in types)
