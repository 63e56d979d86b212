"""Where what runs is not what the stack's configuration says, or cannot work. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

# RDS User Guide, "Planning for IP address capacity": 10 for classes up to xlarge; larger ones need more.
FEWEST_ADDRESSES = 10
_LABELS = {
    "max_connections_percent": ("maxConnectionsPercent", " %"),
    "borrow_timeout": ("connectionBorrowTimeout", " s"),
    "idle_client_timeout": ("idleClientTimeout", " s"),
    "require_tls": ("TLS for clients", ""),
    "auth": ("auth", ""),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A proxy's settings, as configured or as they run; timeouts in seconds; None where unknown."""

    max_connections_percent: int | None = None
    borrow_timeout: int | None = None
    idle_client_timeout: int | None = None
    require_tls: bool | None = None
    auth: str | None = None


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a proxy needs around it, as far as it could be seen (None where not).

    Attributes:
        free_addresses: subnet → addresses that are free.
        clients_reach_proxy: whether some rule of the proxy's groups admits a group or network at its port.
        proxy_reaches_database: whether the database's groups admit the proxy's.
        proxy_leaves: whether the proxy's groups let it out to the database's port.
        secret_readable: whether the proxy's role may read the secret.
        engine: (the database's engine, the family that proxies of it have, this proxy's family).
        ports: (the port at which the proxy has its target, the database's own).
        not_seen: what of this could not be seen, and why.
    """

    free_addresses: tuple[tuple[str, int], ...] = ()
    clients_reach_proxy: bool | None = None
    proxy_reaches_database: bool | None = None
    proxy_leaves: bool | None = None
    secret_readable: bool | None = None
    engine: tuple[str, str, str] | None = None
    ports: tuple[int, int] | None = None
    not_seen: tuple[str, ...] = ()


def auth_of(*, default_scheme: str | None, iam_auths: Iterable[str]) -> str | None:
    """How users log in, by RDS's words for it: each way once, as RDS tells no user from another."""
    found = {"iam" if each == "REQUIRED" else "secret" for each in iam_auths}
    return joined(found | ({"iam-end-to-end"} if default_scheme == "IAM_AUTH" else set())) or None


def joined(auths: Iterable[str]) -> str:
    """Ways to log in as one text, to be compared."""
    return ", ".join(sorted(set(auths)))


def drift(configured: Settings, running: Settings, around: Surroundings | None = None) -> tuple[str, ...]:
    """One sentence for each difference; what either side does not know is no difference."""
    found = []
    for name in (each.name for each in fields(Settings)):
        wanted, actual = getattr(configured, name), getattr(running, name)
        if wanted is None or actual is None or wanted == actual:
            continue
        label, unit = _LABELS[name]
        found.append(
            f"{label} is {_shown(actual)}{unit} at the proxy and {_shown(wanted)}{unit} in the stack's configuration; "
            "run `pulumi refresh --diff` to see who is right, then `pulumi up`"
        )
    return (*found, *(_missing(around) if around else ()))


def _missing(around: Surroundings) -> tuple[str, ...]:
    found = [
        f"subnet {subnet} has {'1 free address' if free == 1 else f'{free} free addresses'}; "
        f"a proxy needs {FEWEST_ADDRESSES} or more (else RDS-EVENT-0243)"
        for subnet, free in around.free_addresses
        if free < FEWEST_ADDRESSES
    ]
    if around.clients_reach_proxy is False:
        found.append("no rule of the proxy's security groups admits a client at its port; run `pulumi refresh`")
    if around.proxy_reaches_database is False:
        found.append("the database's security groups do not admit the proxy's; run `pulumi refresh`, then `pulumi up`")
    if around.proxy_leaves is False:
        found.append("the proxy's security groups let nothing out to the database's port; run `pulumi refresh`")
    if around.engine and around.engine[1] != around.engine[2]:
        engine, wanted, family = around.engine
        found.append(
            f"the database's engine is {engine}, whose proxies are of the family {wanted}; this proxy's is {family}: "
            "it can serve no client of it, make one of the right family"
        )
    if around.ports and around.ports[0] != around.ports[1]:
        known, own = around.ports
        found.append(
            f"the proxy has its target at port {known}, and the database listens at {own}; register the target anew: "
            "`pulumi up --replace` of the ProxyTarget"
        )
    if around.secret_readable is False:
        found.append("the proxy's role may not read its secret; run `pulumi refresh`, then `pulumi up`")
    return tuple(found)


def _shown(value: object) -> str:
    return {True: "required", False: "optional"}.get(value, str(value)) if isinstance(value, bool) else str(value)
