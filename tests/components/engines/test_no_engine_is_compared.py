"""Outside engines/ nobody asks which engine it has, prefers one, or repeats a fact of one."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from lambda_rds_proxy.engines import ENGINES, Engine

ROOT = Path(__file__).resolve().parents[3]
COMPONENTS = ROOT / "components" / "lambda_rds_proxy"
# It is zipped alone: its package has one driver, chosen in one place, and the SQL for people has two texts.
ADMIN_FUNCTION = COMPONENTS / "user" / "admin_function"
ADMINS_CHOICES = {"app.py:driver", "bootstrap_sql.py:bootstrap_sql"}
MODULES = {
    path.relative_to(ROOT).as_posix(): path
    for path in sorted(COMPONENTS.rglob("*.py"))
    if path.parent != COMPONENTS / "engines" and not path.is_relative_to(ADMIN_FUNCTION)
}
# The one module that says which engine a database is of when nothing else does.
PREFERS_AN_ENGINE = "components/lambda_rds_proxy/engines/__init__.py"
NAMES = frozenset(engine.value for engine in Engine)


def is_engine(node: ast.AST) -> bool:
    """Whether an expression is an engine, by what it is called, or the name of one."""
    match node:
        case ast.Attribute(value=ast.Name(id="Engine")) | ast.Name(id="engine") | ast.Attribute(attr="engine"):
            return True
        case ast.Call(func=ast.Name(id="Engine")) | ast.Subscript(slice=ast.Constant(value="engine")):
            return True
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value="engine"), *_]):
            return True
        case ast.Constant(value=text):
            return text in NAMES
        case ast.Attribute(attr="value", value=inner) | ast.Call(func=ast.Name(id="str"), args=[inner]):
            return is_engine(inner)
        case ast.Tuple(elts=inners) | ast.List(elts=inners) | ast.Set(elts=inners):
            return any(map(is_engine, inners))
    return False


def distinctions(tree: ast.AST) -> Iterator[ast.AST]:
    """Where engines are told apart: by a comparison, a match, a table of engines or a look-up with a fallback."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, comparators=others) if any(map(is_engine, (left, *others))):
                yield node
            case ast.MatchValue(value=value) if is_engine(value):
                yield node
            case ast.Match(subject=subject) if is_engine(subject):
                yield node
            case ast.Dict(keys=keys) if any(key is not None and is_engine(key) for key in keys):
                yield node
            case ast.Attribute(value=ast.Name(id="ENGINES"), attr="get"):
                yield node


@pytest.mark.parametrize(
    "code",
    [
        "engine == 'mysql'",
        "'mysql' == chosen",
        "config.engine is Engine.MYSQL",
        "engine is not other",
        "Engine(database['engine']) is x",
        "database['engine'] != x",
        "args.get('engine', x) in y",
        "engine.value == x",
        "x in (Engine.MYSQL,)",
        "{Engine.MYSQL: 1}",
        "{'mysql': 1, 'postgresql': 9}[x]",
        "ENGINES.get(x)",
        "match engine:\n case _: pass",
        "match x:\n case Engine.MYSQL: pass",
    ],
)
def test_each_way_to_tell_engines_apart_is_found(code: str) -> None:
    assert list(distinctions(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ["ENGINES[engine].port", "{'engine': engine}", "'engine' in args", "kind is TargetKind.CLUSTER"]
)
def test_what_does_not_tell_engines_apart_is_left_alone(code: str) -> None:
    assert not list(distinctions(ast.parse(code)))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_tells_no_engines_apart(name: str) -> None:
    found = list(distinctions(ast.parse(MODULES[name].read_text())))
    assert [ast.unparse(node) for node in found] == []


def test_the_admin_function_chooses_its_driver_in_one_place() -> None:
    found = {
        f"{path.name}:{function.name}"
        for path in ADMIN_FUNCTION.rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef) and list(distinctions(function))
    }
    assert found == ADMINS_CHOICES


def test_an_engine_is_preferred_in_one_place() -> None:
    preferred = [
        name
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Engine")
        or (isinstance(node, ast.Constant) and node.value in NAMES)
    ]
    assert preferred == []
    assert (ROOT / PREFERS_AN_ENGINE).read_text().count("DEFAULT_ENGINE = ") == 1


def own_facts(facts: object) -> Iterator[str | int]:
    """What only this engine's file may say: texts, and numbers that mean nothing else."""
    assert is_dataclass(facts)
    for field in fields(facts):
        value = getattr(facts, field.name)
        if is_dataclass(value):
            yield from own_facts(value)
        elif isinstance(value, Mapping) or field.name in ("default_instance_class", "no_performance_insights", "value"):
            continue  # classes and numbers of connections, which prices and examples name as well; "1" and "ON"
        elif isinstance(value, tuple):
            yield from (each for each in value if isinstance(each, str) and len(each) > 3)
        elif isinstance(value, str) or field.name in ("port", "divisor"):
            yield value


@pytest.mark.parametrize("engine", list(Engine))
def test_a_fact_of_an_engine_stands_in_its_file_only(engine: Engine) -> None:
    facts = set(own_facts(ENGINES[engine]))
    assert len(facts) > 15
    repeated = [
        (name, node.value)
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in facts
    ]
    assert repeated == []
