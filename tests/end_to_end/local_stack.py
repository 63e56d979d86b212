"""The stack `local` of a copied checkout in a stated form, whatever a test before did to it or however it failed."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from local.supervisor.client import SupervisorClient
from tests.end_to_end.checkouts import Checkout

_UP = ("python", "-m", "local", "up")


class LocalStack:
    """Brings the stack to a form; it costs a look when it has that form already."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout
        self._file = checkout.root / "Pulumi.local.yaml"
        self._committed = self._file.read_text()
        self._seen: tuple[Mapping[str, Any], object] | None = None
        self._kinds: dict[str, list[str]] = {}

    def bring_to(self, changed: Mapping[str, Any]) -> None:
        """The committed configuration with these keys changed, brought up by what `make up` runs."""
        if self._seen == (changed, self._look()):
            return
        self._seen = None
        is_first = not self._kinds
        fault = self._up(changed)
        if fault and not is_first:  # what an earlier test left cannot be mended
            self.checkout.run("python", "-m", "local", "down")
            fault = self._up(changed)
        assert not fault, fault
        self._seen = (changed, self._look())

    def bring_up(self) -> None:
        """Up in whatever form, for who ends it."""
        if self._seen is None or SupervisorClient.running(self.checkout.root) is None:
            self.bring_to({})

    def _up(self, changed: Mapping[str, Any]) -> str:
        """What is wrong afterwards; empty when it is as the first time in this form."""
        text = self._committed
        if changed:
            content = yaml.safe_load(text)
            content["config"] |= {f"lambda-rds-proxy:{key}": value for key, value in changed.items()}
            text = json.dumps(content)
        self._file.write_text(text)
        done = self.checkout.run(*_UP)
        if done.returncode or '"ok": true' not in done.stdout:
            return done.stdout + done.stderr
        kinds = sorted(each["kind"] for each in self.checkout.supervisor.resources())
        wanted = self._kinds.setdefault(json.dumps(changed), kinds)
        return "" if kinds == wanted else f"there is {kinds} instead of {wanted}"

    def _look(self) -> object:
        """What a test can have changed: the configuration, and what the laptop cloud runs."""
        supervisor = SupervisorClient.running(self.checkout.root)
        if supervisor is None:
            return None
        resources = [(each["kind"], each["identifier"], each["spec"]) for each in supervisor.resources()]
        return self._file.read_text(), supervisor.problems(), resources
