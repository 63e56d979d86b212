"""Every TypedDict of arguments, settings and references that the components declare."""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any, is_typeddict

PACKAGE = Path(__file__).resolve().parents[2] / "components" / "lambda_rds_proxy"
SOURCES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text())
    for path in sorted(PACKAGE.rglob("*.py"))
    if "admin_function" not in path.parts  # zipped alone
}


def typed_dicts() -> dict[str, list[type[Any]]]:
    """Module → the TypedDicts that it declares."""
    found: dict[str, list[type[Any]]] = {}
    for path, tree in SOURCES.items():
        names = [
            node.name
            for node in tree.body
            if isinstance(node, ast.ClassDef) and "TypedDict" in map(ast.unparse, node.bases)
        ]
        if names:
            module = import_module("lambda_rds_proxy." + path.removesuffix(".py").replace("/", "."))
            found[path] = [getattr(module, name) for name in names]
            assert all(map(is_typeddict, found[path]))
    return found
