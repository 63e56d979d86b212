"""The AWS account that a laptop stands in for: how its resources are named, and where they live on this machine."""

from dataclasses import dataclass
from pathlib import Path

from .certificates import Authority
from .private_file import write_private
from .secrets_manager import ACCOUNT
from .state import State


@dataclass(frozen=True, kw_only=True)
class Account:
    """What resources of every kind are made with.

    `folder` is where their files are, `subnet` the first three numbers of their addresses, and `account_hash` what
    RDS's endpoints carry of an account: the same for all of one region.
    """

    folder: Path
    state: State
    authority: Authority
    account_hash: str
    region: str
    subnet: str

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of a service, such as `arn("rds", "db:orders")`."""
        return f"arn:aws:{service}:{self.region}:{ACCOUNT}:{resource}"

    def ip(self, kind: str, identifier: str) -> str:
        """A resource's own address, always the same while it exists.

        Raises:
            LaptopError: all addresses of this checkout are in use.
        """
        return f"{self.subnet}.{self.state.address(kind, identifier)}"

    @property
    def hosts(self) -> Path:
        """The names of all servers, for the resolver of execution environments."""
        return self.folder / "hosts"

    def write_hosts(self) -> None:
        """Bring `hosts` up to the instances and proxies that there are."""
        lines = []
        for kind, name in (("instance", "address"), ("proxy", "endpoint")):
            lines += [f"{each.facts['ip']} {each.facts[name]}\n" for each in self.state.all(kind) if "ip" in each.facts]
        write_private(self.hosts, "127.0.0.1 localhost\n" + "".join(lines))
