"""A stack's configuration as the arguments of a ServerlessDatabase: every key, all problems at once."""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from ..database.args import DatabaseSettings
from ..engines import ENGINES
from ..function.args import FunctionSettings
from ..settings.config import Key, kept_secret, keys, may_be_kept_secret, nested, texts
from ..settings.reading import Reader, hidden, with_defaults
from ..settings.spelling import CONFIG, Spelling
from .args import ServerlessDatabaseArgs
from .problems import serverless_database_problems

KEYS = keys(ServerlessDatabaseArgs)
# Names that keys had in 0.1 → the names they have.
OLDER_KEYS = {"target": "kind", "borrowTimeout": "connectionBorrowTimeout"}
_NOT_KEPT = (
    "{} is encrypted, but it becomes part of names, outputs and messages, where nothing keeps it secret; set it again "
    "without --secret"
)
# The provider writes tags into the state a second time, as tagsAll, and cannot tell that they are secret: the engine
# keeps that from it (source: pulumi-aws, provider/tags.go, applyTags and mergeTags).
_WRITTEN_IN_CLEAR = {"tags"}
_EXAMPLE_FUNCTION = {"app": {"path": "handler"}}


class ConfigError(ValueError):
    """The configuration has problems; the message lists all of them, one per line."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("invalid stack configuration:\n" + "\n".join(f"  - {problem}" for problem in problems))


def read_config(
    config: Mapping[str, str], *, project: Path, encrypted: Collection[str] = ()
) -> tuple[ServerlessDatabaseArgs, Spelling]:
    """The project's keys (without the `lambda-rds-proxy:` prefix), and how this stack spells settings.

    Args:
        config: key → text as Pulumi hands it over; structures as JSON.
        project: the folder that function paths are relative to.
        encrypted: the keys that the stack keeps encrypted; what they say stays secret in its state and in messages.

    Raises:
        ConfigError: with every problem found, unknown keys included.
    """
    secret = {said: KEYS[key] for said in encrypted if (key := OLDER_KEYS.get(said, said)) in KEYS and config.get(said)}
    problems = [
        _NOT_KEPT.format(said)
        for said, key in sorted(secret.items())
        if key.path[-1] in _WRITTEN_IN_CLEAR or not (key.may_be_output or may_be_kept_secret(key.kind))
    ]
    if problems:  # of whose values nothing else is told
        raise ConfigError(problems)
    values, spelling = nested(ServerlessDatabaseArgs, config, OLDER_KEYS, problems)
    values.setdefault("functions", _EXAMPLE_FUNCTION)
    if isinstance(values.get("existing_database"), Mapping):
        _complete_existing(values)
    reader = Reader(spelling, secret=[key.path for key in secret.values()])
    given = reader.structure(ServerlessDatabaseArgs, values)
    problems += reader.problems
    problems += serverless_database_problems(given, spelling, now=datetime.now(UTC))
    for name, function in given.get("functions", {}).items():
        if "path" in function:
            handler = with_defaults(FunctionSettings, function)["handler"]
            problems += _source_problems(name, function["path"], handler, project)
            function["path"] = str(project / PurePosixPath(function["path"]))
    if "certificate_bundle" in given.get("user", {}):
        given["user"]["certificate_bundle"] = str(project / given["user"]["certificate_bundle"])
    problems += _keep_secret(given, secret)
    if problems:
        quoted = [text for said in secret for text in texts(config[said])]
        raise ConfigError([hidden(problem, quoted) for problem in problems])
    return given, spelling


def _keep_secret(given: ServerlessDatabaseArgs, secret: Mapping[str, Key]) -> Iterator[str]:
    """Make what encrypted keys say secret where it stands; a sentence for each that cannot be kept so."""
    for said, key in sorted(secret.items()):
        place: Any = given
        for step in key.path[:-1]:
            place = place.get(step, {})
        if key.path[-1] not in place:
            continue
        place[key.path[-1]], is_kept = kept_secret(key, place[key.path[-1]])
        if not is_kept:
            yield _NOT_KEPT.format(said)


def project_values(config: Mapping[str, str], *, project: str) -> dict[str, str]:
    """The keys of one project out of the whole configuration of a run (`lambda-rds-proxy:auth` → `auth`)."""
    prefix = f"{project}:"
    return {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}


def _complete_existing(values: dict[str, Any]) -> None:
    """Give an existing database what has keys of its own: engine, kind, name, class, and how many instances."""
    existing, said = dict(values["existing_database"]), dict(values.get("database", {}))
    values["existing_database"], values["database"] = existing, said
    # What is wrong stays where the stack said it.
    right = Reader(CONFIG).structure(DatabaseSettings, said)
    chosen = with_defaults(DatabaseSettings, right)
    for field in ("engine", "kind", "database_name", "instance_class"):
        if field in right:
            said.pop(field)
        if field in chosen:
            existing.setdefault(field, chosen[field])
    if "instances" in right:
        existing.setdefault("readers", right["instances"] - 1)
        said.pop("instances")
    existing.setdefault("port", ENGINES[chosen["engine"]].port)


def _source_problems(name: str, path: str, handler: str, project: Path) -> list[str]:
    folder = project / PurePosixPath(path)
    module = handler.rsplit(".", 1)[0].replace(".", "/")
    if not folder.is_dir():
        return [f'functions.{name}.path is "{path}"; it must be an existing folder, relative to Pulumi.yaml']
    if not (folder / f"{module}.py").is_file() and not (folder / module / "__init__.py").is_file():
        return [f'functions.{name}.handler is "{handler}"; {path}/{module}.py does not exist']
    return []
