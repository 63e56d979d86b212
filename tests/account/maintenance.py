"""The maintenance window of all databases."""

from . import engine_versions as versions
from .account import Account
from .clusters import Cluster, ClusterInstance, members
from .databases import Instance


def maintenance_window(account: Account) -> None:
    """What waits is done, and minor versions are upgraded where that is automatic.

    source: RDS User Guide, "Automatically upgrading the minor engine version": the databases with
    AutoMinorVersionUpgrade; Aurora User Guide, "Automatic minor version upgrades": all members of a cluster have it.
    """
    with account.alone():
        account.set("minor versions are upgraded", True)
        for kind in (Instance.kind, Cluster.kind):
            for name, data in account.all(kind).items():
                runs = {**data["runs"], **data["waits"]}
                own = members(account, name).values() if kind == Cluster.kind else [runs]
                if all(each.get("autoMinorVersionUpgrade", True) for each in own):
                    runs["engineVersion"] = versions.newest_minor(data["engine"], runs["engineVersion"])
                account.put(kind, name, {**data, "runs": runs, "waits": {}})
        for name, data in account.all(ClusterInstance.kind).items():
            account.put(ClusterInstance.kind, name, {**data, **data["waits"], "waits": {}})
