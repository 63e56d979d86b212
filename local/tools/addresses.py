"""Where the names of the laptop stack's servers are: nothing but its functions resolves them."""

from local.supervisor.client import SupervisorClient
from local.supervisor.errors import LaptopError
from ops.doctor.source import CannotLookError
from toolchain.checkout import checkout_root, laptop_state


def address(host: str) -> tuple[str, str] | None:
    """The address of a host and the authority of its certificate; None when it is none of the laptop's."""
    root = checkout_root()
    try:
        client = SupervisorClient.running(root)
        facts = [each["facts"] for each in client.resources()] if client is not None else []
    except LaptopError as error:
        raise CannotLookError(str(error)) from None
    found = next((each["ip"] for each in facts if host in (each.get("endpoint"), each.get("address"))), None)
    return None if found is None else (found, str(laptop_state(root) / "authority" / "ca.pem"))
