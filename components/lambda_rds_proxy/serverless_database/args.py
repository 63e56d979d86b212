"""The arguments of a ServerlessDatabase: the settings of its parts, each under the part's name."""

from typing import NotRequired, TypedDict

from ..database.args import AdoptedDatabase, DatabaseSettings
from ..function.args import FunctionSettings
from ..monitor.args import MonitorSettings
from ..network.args import NetworkSettings
from ..proxy.args import AdoptedProxy, ProxySettings
from ..references import DatabaseRef
from ..settings.checks import Checks, default
from ..stack.args import StackSettings
from ..user.args import OtherUserSettings, UserSettings


class Adopted(TypedDict):
    """What was made elsewhere and is managed here, for as long as it lives."""

    database: NotRequired[AdoptedDatabase]
    """The database."""
    proxy: NotRequired[AdoptedProxy]
    """The proxy; it stands in front of the adopted or existing database."""


class ImportChanges(TypedDict):
    """Properties that the import may change, of each adopted resource; present until it is imported."""

    database: NotRequired[list[str]]
    """Of the database, such as parameterGroupName."""
    proxy: NotRequired[list[str]]
    """Of the proxy, such as roleArn."""


class ServerlessDatabaseArgs(TypedDict):
    """The settings of each part under its name; everything has a default but the functions."""

    functions: dict[str, FunctionSettings]
    """The functions that use the database, by their names: `{path, handler, memory, timeout, …}` of each; a stack's
    configuration without any has one, app, from handler/."""
    stack: NotRequired[StackSettings]
    """What holds for all resources."""
    network: NotRequired[NetworkSettings]
    """A new VPC, or an existing one."""
    database: NotRequired[DatabaseSettings]
    """A new database."""
    existing_database: NotRequired[DatabaseRef]
    """An existing database instead of a new one: `{identifier, endpoint, port, resource_id, security_group_id,
    max_connections, admin_secret_arn, admin_secret_kms_key_arn}`; needs `vpc_id` and `subnet_ids`."""
    adopted: NotRequired[Adopted]
    """What was made elsewhere and is managed here: `{database: {identifier, subnet_group_name, security_group_ids,
    instance_identifiers}, proxy: {name}}`; stays as long as they live, needs `vpc_id` and `subnet_ids`."""
    import_changes: NotRequired[ImportChanges]
    """For the first update with `adopted`: `{database: [], proxy: []}`, each with the properties that it may change;
    remove it afterwards."""
    user: NotRequired[UserSettings]
    """The application's user."""
    users: NotRequired[dict[str, OtherUserSettings]]
    """More users by their names, `{auth}` of each, for functions that are not to share the application's."""
    proxy: NotRequired[ProxySettings]
    """The proxy."""
    monitor: NotRequired[MonitorSettings]
    """Whom alarms tell."""
    monthly_cost: NotRequired[bool]
    """Whether a preview says what the choices cost per month, by list price; default true."""


CHECKS: Checks = {"monthly_cost": default(True)}
