"""KMS: an alias is a way to say a key, and what a service keeps is the key."""

from local.provider.properties import Properties

from .account import Account, RefusedError, arn


def key_of(account: Account, given: object, region: str, service: str) -> str:
    """The ARN of the key that is meant, of an alias the key it points to; without any the service's own key.

    source: terraform-provider-aws 229, 38780 (RDS answers the key's ARN, whatever was given).

    Raises:
        RefusedError: there is no such alias.
    """
    if not given:
        return arn("kms", region, f"key/own-key-of-{service}")
    name = str(given).rsplit(":", 1)[-1]
    if not name.startswith("alias/"):
        return str(given)
    found = account.get("alias", name)
    if found is None:
        raise RefusedError("KMSKeyNotAccessibleFault", f"the specified KMS key [{given}] does not exist or is disabled")
    return str(found["key"])


def make_alias(account: Account, name: str, key: str) -> None:
    """Let an alias such as `alias/orders` point to a key."""
    data: Properties = {"key": key}
    account.put("alias", name, data)
