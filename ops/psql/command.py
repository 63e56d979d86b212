"""`python -m ops psql`: the client of a stack's database, logged in."""

import difflib
import os
import shutil
import socket
import subprocess
import sys
from typing import Annotated

import typer

from ops.errors import OpsError
from ops.places import place_here, stack_or_the_places
from ops.stack_outputs import known_outputs, stack_resources

from .clients import Way, child_environment, command, lines, password_variable
from .login import Login, login

# What is no option of ours is the client's.
CONTEXT = {"ignore_unknown_options": True}
_OWN = ("--reader", "--direct", "--user", "--at", "--stack", "--print")
# So near that it is a slip: no long option of psql or mysql is as near to one of ours.
_SLIP = 0.8
_CONNECT_SECONDS = 5.0
_PACKAGES = {"psql": "postgresql-client", "mysql": "default-mysql-client"}


def psql(
    arguments: Annotated[list[str] | None, typer.Argument(help="For the client: such as -c 'select 1'.")] = None,
    reader: Annotated[bool, typer.Option(help="Through the proxy's reader endpoint.")] = False,
    direct: Annotated[bool, typer.Option(help="To the database itself, as its administrator.")] = False,
    user: Annotated[str | None, typer.Option(help="Log in as; the stack's user if left out.")] = None,
    at: Annotated[str | None, typer.Option(help="Where a tunnel to it ends, such as 127.0.0.1:15432.")] = None,
    stack: Annotated[str | None, typer.Option(help="The Pulumi stack; the laptop's if left out.")] = None,
    show: Annotated[bool, typer.Option("--print", help="Print what other clients take, without the password.")] = False,
) -> None:
    """A session at a stack's database: psql, or mysql where the stack has MySQL, through the proxy.

    TLS is verified. The password, a fresh token or the secret's, is in the client's environment: in no command line.

    **Examples**

    - `python -m ops psql`: as the function's user through the proxy of the laptop stack
    - `python -m ops psql -c 'select now()'`: one statement
    - `python -m ops psql --direct -c 'select current_user'`: as the administrator, past the proxy
    - `python -m ops psql --print`: lines that a shell can eval; a URL, and one for JDBC, are their comments
    - `python -m ops psql --at 127.0.0.1:15432 --stack dev`: of stack dev on AWS, through a tunnel

    What is no option of this command is the client's; after -- all is.

    Exit status: 0 done, else the client's own; 2 no session could begin.
    """
    for word in arguments or ():
        name = word.partition("=")[0]
        near = difflib.get_close_matches(name, _OWN, 1, _SLIP) if name.startswith("--") and name not in _OWN else []
        if near:
            raise OpsError(f"there is no option {name}; did you mean {near[0]}?")
    if reader and direct:
        raise OpsError("--reader is an endpoint of the proxy and --direct goes past it; give one of them")
    named = stack_or_the_places(stack)
    resources = stack_resources(named)
    found = login(known_outputs(named, resources), resources, reader=reader, direct=direct, user=user)
    way = _way(found, at)
    if show:
        print(*lines(found, way), sep="\n")
        return
    if way.address is None or at is not None:
        _check_reachable(found, way)
    client = "mysql" if found.mysql else "psql"
    if shutil.which(client) is None:
        raise OpsError(f"{client} is not installed; run: sudo apt-get install {_PACKAGES[client]}, or see --print")
    words = command(found, way, mariadb=found.mysql and _is_mariadb())
    given = child_environment(found, way, os.environ) | {password_variable(found): found.password()}
    sys.stdout.flush()
    os.execvpe(words[0], [*words, *(arguments or [])], given)  # noqa: S606 - a list of words, no shell


def _way(found: Login, at: str | None) -> Way:
    place = place_here()
    laptop = None if place is None else place.address(found.host)
    if at is not None:
        address, _, port = at.rpartition(":")
        if not address or not port.isdecimal():
            raise OpsError(f'--at is "{at}"; it must be an address and a port, such as 127.0.0.1:15432')
        if found.mysql and address != found.host:
            fix = f"have {found.host} mean {address} in /etc/hosts, and give --at {found.host}:{port}"
            raise OpsError(f"mysql compares the certificate with the name that it is given; {fix}")
        return Way(address=address, port=int(port), authority=laptop[1] if laptop else str(found.authority))
    if laptop is not None:
        return Way(address=laptop[0], port=found.port, authority=laptop[1])
    return Way(address=None, port=found.port, authority=str(found.authority))


def _check_reachable(found: Login, way: Way) -> None:
    try:
        socket.create_connection((way.address or found.host, way.port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        print(*_ways(found), sep="\n", file=sys.stderr)
        where = f"{way.address or found.host}:{way.port}"
        raise OpsError(f"{where} cannot be reached from here ({error}); one of the ways above leads there") from None


def _ways(found: Login) -> list[str]:
    """The ways into a VPC, with the values of this stack.

    source: Systems Manager User Guide, "Starting a session (port forwarding to remote host)"; EC2 User Guide, "Connect
    using EC2 Instance Connect Endpoint", which opens no ports of its own but 22 and 3389.
    """
    near, groups = found.port + 10_000, " or ".join(found.admitted) or "a security group that it admits"
    forward = f'{{"host":["{found.host}"],"portNumber":["{found.port}"],"localPortNumber":["{near}"]}}'
    subnets = ", ".join(found.subnets) or "the VPC's"
    return [
        f"{found.host} has an address in its VPC alone (subnets {subnets}). Ways in, each by a machine in {groups}:",
        "",
        "Session Manager, without an open port (the instance has its agent):",
        "  aws ssm start-session --target i-INSTANCE --document-name AWS-StartPortForwardingSessionToRemoteHost \\",
        f"    --parameters '{forward}'",
        "a bastion:",
        f"  ssh -N -L {near}:{found.host}:{found.port} ec2-user@BASTION",
        "an EC2 Instance Connect Endpoint, to an instance without a public address, and from there as above:",
        f"  ssh -N -L {near}:{found.host}:{found.port} ec2-user@i-INSTANCE \\",
        "    -o ProxyCommand='aws ec2-instance-connect open-tunnel --instance-id %h'",
        f"Client VPN, associated with one of the subnets and put in {groups}: this command again, as it was.",
        "",
        f"Through a tunnel: the same command with --at 127.0.0.1:{near}",
    ]


def _is_mariadb() -> bool:
    told = subprocess.run(["mysql", "--version"], capture_output=True, text=True, check=False)  # noqa: S607 - on PATH
    return "MariaDB" in told.stdout
