"""Fixtures of the tests marked `servers`."""

import os
import socket
from collections.abc import Iterator, Mapping

import pytest

import rds_connection
from tests.mariadb import MariaDB
from tests.mariadb import running as running_mariadb

from .cloud import APPLICATION, DATABASE, Cloud, free_address, running


def only(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    """Have these variables, and no other of a function."""
    for name in [name for name in os.environ if name.startswith(("DB_", "AWS_"))]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def servers() -> Iterator[Cloud]:
    """The servers, started once per worker."""
    with running() as cloud:
        yield cloud


@pytest.fixture
def cloud(servers: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """The servers, and an environment that points at the proxy with a password; no connection is left from before."""
    settings = servers.proxy.settings
    variables = {
        "DB_HOST": settings.address,
        "DB_PORT": str(settings.port),
        "DB_NAME": DATABASE,
        "DB_USER": APPLICATION,
        "DB_AUTH": "password",
        "DB_PASSWORD": servers.password,
        "DB_SSL_ROOT_CERT": servers.bundle,
    }
    only(monkeypatch, variables)
    yield servers
    rds_connection.close()


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDB]:
    """A MariaDB, started once per worker."""
    with running_mariadb() as server:
        yield server


@pytest.fixture
def mariadb(mariadb_server: MariaDB, monkeypatch: pytest.MonkeyPatch) -> Iterator[MariaDB]:
    """The server, and an environment that points at it with a password; no connection is left from before."""
    variables = {
        "DB_ENGINE": "mysql",
        "DB_HOST": mariadb_server.address,
        "DB_NAME": DATABASE,
        "DB_USER": APPLICATION,
        "DB_PASSWORD": mariadb_server.password,
        "DB_SSL_ROOT_CERT": mariadb_server.bundle,
    }
    only(monkeypatch, variables)
    yield mariadb_server
    rds_connection.close()


@pytest.fixture
def silent() -> Iterator[str]:
    """An address at which connections are accepted and never answered, on the proxy's port."""
    address = free_address()
    with socket.create_server((address, 5432)):
        yield address
