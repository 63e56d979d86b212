"""CloudWatch Logs: a group that is not there is made by whoever writes to it, and then keeps its logs for ever."""

from local.provider.properties import Properties
from local.provider.types.row import Resource

from .account import Account, RefusedError, Service, arn

_READ = ("retentionInDays", "kmsKeyId")


def write(account: Account, group: str, writer: str) -> None:
    """A service writes to a group.

    source: RDS User Guide, "Publishing database logs to Amazon CloudWatch Logs"; Lambda Developer Guide, "Sending
    Lambda function logs to CloudWatch Logs": both make the group, without retention and key, when there is none.
    """
    if account.get(LogGroup.kind, group) is None:
        account.put(LogGroup.kind, group, {"madeBy": writer})


class LogGroup(Service):
    """A log group."""

    kind = "log-group"

    def create(self, resource: Resource) -> tuple[str, Properties]:
        found = self.account.get(self.kind, resource.name)
        if found is not None:
            # source: CloudWatch Logs API Reference, CreateLogGroup.
            raise RefusedError("ResourceAlreadyExistsException", "The specified log group already exists")
        return self.update(resource)

    def update(self, resource: Resource) -> tuple[str, Properties]:
        data = {key: resource.inputs.get(key) for key in _READ}
        self.account.put(self.kind, resource.name, {"madeBy": "the stack", **data})
        return resource.name, {"arn": arn("logs", resource.region, f"log-group:{resource.name}")}

    def found(self, identifier: str, state: Properties) -> Properties | None:
        group = self.account.get(self.kind, identifier)
        return group and {key: group.get(key) for key in _READ if group.get(key) != state.get(key)}
