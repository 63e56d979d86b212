"""The Lambda functions: packages kept and unpacked, configurations, and invocations by name or ARN."""

import base64
import hashlib
import platform
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..account import Account
from ..credentials import Credentials
from ..environment import Answer, FunctionSpec, Runtime
from ..environment_pool import EnvironmentPool, ThrottledError
from ..errors import LaptopError
from ..state import Resource
from .kind import Kind

# How long Lambda keeps an event that it cannot deliver.
_EVENT_SECONDS = 6 * 3600.0


class Functions(Kind):
    """All functions, found by name or ARN; without the cloud's lock, so that they run while an instance is made.

    `gateway` is the URL at which they find AWS, `libraries` gives the folder of AWS's runtime client.
    """

    name = "function"
    runs = True

    def __init__(
        self, account: Account, credentials: Credentials, *, gateway: str, libraries: Callable[[], Path]
    ) -> None:
        self._account = account
        self._credentials = credentials
        self._gateway = gateway
        self._libraries = libraries
        self._functions: dict[str, EnvironmentPool] = {}

    def make(self, resource: Resource) -> None:
        """Make a function, or bring it to another package or configuration; fills in its facts.

        Raises:
            LaptopError: its package is not there, or this machine lacks what environments need.
        """
        name, account = resource.identifier, self._account
        folder = account.folder / "functions" / name
        package = Path(str(resource.spec["code"]))
        kept = folder / "package.zip"
        if package.is_file() and package != kept:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(package, kept)  # the user's copy may go; ours brings the function back after a reboot
        code, code_sha256, size = _unpack(kept if kept.exists() else package, folder)
        spec = self._spec(resource, code)
        arn = self.arn(name)
        resource.facts.update(
            arn=arn,
            invokeArn=f"arn:aws:apigateway:{account.region}:lambda:path/2015-03-31/functions/{arn}/invocations",
            codeSha256=code_sha256,
            codeSize=size,
            folder=str(code),
            version="$LATEST",
            lastModified=time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime()),
        )
        known = self._functions.get(name)
        if known is not None:
            known.retire(spec)
        else:
            self._functions[name] = EnvironmentPool(spec, folder, self._runtime())

    def drop(self, resource: Resource) -> None:
        """End a function and remove its files; it may be half made."""
        name = resource.identifier
        if name in self._functions:
            self._functions.pop(name).retire()
        shutil.rmtree(self._account.folder / "functions" / name, ignore_errors=True)

    def arn(self, name: str) -> str:
        """The ARN of a function, whether there is one or not."""
        return self._account.arn("lambda", f"function:{bare_name(name)}")

    def exists(self, name: str) -> bool:
        """Whether there is such a function."""
        return bare_name(name) in self._functions

    def names(self) -> list[str]:
        """The names of all functions."""
        return sorted(self._functions)

    def invoke(self, name: str, payload: bytes) -> Answer:
        """Invoke a function.

        Raises:
            KeyError: there is no such function.
            ThrottledError: all its environments are busy.
        """
        return self._functions[bare_name(name)].invoke(payload)

    def invoke_later(self, name: str, payload: bytes) -> None:
        """Invoke for an event: nobody waits for the answer, and a throttled one is tried again, as Lambda does."""
        deadline = time.monotonic() + _EVENT_SECONDS
        while time.monotonic() < deadline:
            try:
                self.invoke(name, payload)
            except ThrottledError:
                time.sleep(1)
            except KeyError:
                return  # deleted meanwhile
            else:
                return

    def succeeds(self, name: str, payload: bytes) -> bool:
        """Invoke a function and tell whether it ended without an error; a throttled one did not.

        Raises:
            KeyError: there is no such function.
        """
        try:
            return self.invoke(name, payload).error is None
        except ThrottledError:
            return False

    def configuration(self, name: str) -> dict[str, Any] | None:
        """What Lambda's GetFunctionConfiguration answers; None when there is no such function."""
        function = self._functions.get(bare_name(name))
        if function is None:
            return None
        spec = function.spec
        return {
            "FunctionName": spec.name,
            "FunctionArn": self.arn(spec.name),
            "Handler": spec.handler,
            "MemorySize": spec.memory,
            "Timeout": spec.timeout,
            "Architectures": ["arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"],
            "State": "Active",
        }

    def shown(self, resource: Resource) -> dict[str, Any]:
        """What tools are shown of a function: `throttles` and `databaseHost`; nothing of one that was not restored."""
        function = self._functions.get(resource.identifier)
        if function is None:
            return {}
        # The rest of the environment is nobody's business.
        return {"throttles": function.throttled, "databaseHost": function.spec.environment.get("DB_HOST")}

    def reap(self) -> None:
        """End execution environments that were idle for long."""
        for function in list(self._functions.values()):
            function.reap()

    def stop(self) -> None:
        """End every environment; nothing is forgotten."""
        for function in self._functions.values():
            function.retire()

    def _spec(self, resource: Resource, code: Path) -> FunctionSpec:
        name, spec = resource.identifier, resource.spec
        reserved = spec.get("reservedConcurrentExecutions")
        return FunctionSpec(
            name=name,
            handler=str(spec["handler"]),
            timeout=int(spec.get("timeout") or 3),
            memory=int(spec.get("memorySize") or 128),
            environment={key: str(value) for key, value in (spec.get("environment") or {}).items()},
            reserved_concurrency=None if reserved in (None, -1) else int(reserved),
            code=code,
            access_key=self._credentials.access_key(name),
            secret_key=self._credentials.secret_key(name),
        )

    def _runtime(self) -> Runtime:
        account = self._account
        return Runtime(
            libraries=self._libraries(),
            address=f"{account.subnet}.1",
            gateway=self._gateway,
            region=account.region,
            extra={
                "DB_SSL_ROOT_CERT": str(account.authority.bundle),
                "LD_PRELOAD": _nss_wrapper(),
                "NSS_WRAPPER_HOSTS": str(account.hosts),
            },
        )


def bare_name(function: str) -> str:
    """The name of a function that is given by name or ARN, with or without a qualifier."""
    return function.split(":function:")[-1].split(":")[0]


def _unpack(source: Path, folder: Path) -> tuple[Path, str, int]:
    """Unpack a zip once per content under `folder`: (where, base64 SHA-256 as Lambda gives it, bytes of the zip)."""
    if source.is_dir():
        raise LaptopError(f"the code of a function is {source}, a folder; the laptop takes a zip, as Lambda does")
    if not source.is_file():
        raise LaptopError(f"the package {source} does not exist; run `pulumi up` again, which builds it")
    content = source.read_bytes()
    digest = hashlib.sha256(content)
    target = folder / digest.hexdigest()[:16]
    if not target.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / f"{target.name}.part"
        shutil.rmtree(aside, ignore_errors=True)
        with zipfile.ZipFile(source) as archive:
            archive.extractall(aside)
        aside.rename(target)
    return target, base64.b64encode(digest.digest()).decode(), len(content)


def _nss_wrapper() -> str:
    found = sorted(Path("/usr/lib").glob("*/libnss_wrapper.so")) + sorted(Path("/usr/lib").glob("libnss_wrapper.so"))
    if not found:
        raise LaptopError("libnss_wrapper is not installed; run `make setup`, which installs it or says how")
    return str(found[0])
