"""What a name or an expression in Python stands for, as far as it can be told without running it. Pure."""

import ast
import re
from collections.abc import Iterator

# Stands for what only a running program knows; no word, so that nothing pins by it.
UNSEEN = "…"
_SCOPES = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_WRAPPERS = {"text", "SQL", "TextClause", "dedent", "cleandoc", "RawSQL", "literal_column", "DDL", "L", "Composed"}
# Methods of a text, or of a statement made of it, that leave its words as they are.
_SAME = {"strip", "lstrip", "rstrip", "as_string", "bindparams", "columns", "execution_options", "replace"}
_PERCENT = re.compile(r"%(?:\(\w+\))?[sdri]")
_BRACES = re.compile(r"\{[^{}]*\}")
_DEEPEST = 20  # a constant that is made of constants


class Names:
    """Imports and constants of one file."""

    def __init__(self, tree: ast.Module) -> None:
        self._imported: dict[str, str] = {}
        self._assigned: dict[tuple[ast.AST, str], list[ast.expr | None]] = {}
        self._parents: dict[ast.AST, ast.AST] = {}
        self.modules: set[str] = set()
        self.read: set[ast.AST] = set()  # what `text` made its texts of
        self.set_later: set[str] = set()  # attributes and keys that statements of their own set
        self.nodes: list[ast.AST] = [tree]  # the outer ones first
        for node in self.nodes:
            children = list(ast.iter_child_nodes(node))
            self._parents.update(dict.fromkeys(children, node))
            self.nodes += children
        for node in self.nodes:
            self._take(node)

    def _take(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for each in node.names:
                self.modules.add(each.name.partition(".")[0])
                self._imported[each.asname or each.name.partition(".")[0]] = (
                    each.name if each.asname else each.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            self.modules.add(node.module.partition(".")[0])
            for each in node.names:
                self._imported[each.asname or each.name] = f"{node.module}.{each.name}"
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
            self._assign(node.target, node.value)
        elif isinstance(node, ast.AugAssign | ast.For | ast.AsyncFor | ast.comprehension):
            self._assign(node.target, None)
        elif isinstance(node, ast.withitem) and node.optional_vars:
            self._assign(node.optional_vars, None)
        elif isinstance(node, ast.arg):
            self._assigned.setdefault((self._scope(self._parents[self._parents[node]]), node.arg), []).append(None)

    def _assign(self, target: ast.expr, value: ast.expr | None) -> None:
        if isinstance(target, ast.Name):
            self._assigned.setdefault((self._scope(target), target.id), []).append(value)
        elif isinstance(target, ast.Attribute):
            self.set_later.add(target.attr)
        elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            self.set_later.add(str(target.slice.value))
        elif isinstance(target, ast.Tuple | ast.List):
            for each in target.elts:
                self._assign(each, None)

    def _scope(self, node: ast.AST) -> ast.AST:
        while not isinstance(node, _SCOPES):
            node = self._parents[node]
        return node

    def dotted(self, node: ast.expr) -> str:
        """`asyncpg.create_pool`, by whatever name it was imported; of another expression only its end: `.execute`."""
        if isinstance(node, ast.Name):
            return self._imported.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            return f"{self.dotted(node.value)}.{node.attr}"
        return ""

    def value(self, node: ast.expr) -> ast.expr:
        """What a name stands for where it has one value in this file; else the node itself."""
        for _ in range(_DEEPEST):
            if not isinstance(node, ast.Name):
                break
            values = next(
                (found for scope in self._around(node) if (found := self._assigned.get((scope, node.id)))), []
            )
            if len(values) != 1 or values[0] is None:
                break
            node = values[0]
        return node

    def _around(self, node: ast.AST) -> Iterator[ast.AST]:
        scope = self._scope(node)
        yield scope
        while not isinstance(scope, ast.Module):
            scope = self._scope(self._parents[scope])
            yield scope

    def text(self, node: ast.expr, depth: int = 0) -> str:
        """The text that an expression makes, with `UNSEEN` for what isn't constant."""
        node = self.value(node)
        self.read.add(node)
        if depth > _DEEPEST:
            return UNSEEN
        if isinstance(node, ast.Constant):
            if isinstance(node.value, bytes):
                return node.value.decode(errors="replace")
            return node.value if isinstance(node.value, str) else UNSEEN
        if isinstance(node, ast.JoinedStr):
            return "".join(self.text(each, depth + 1) for each in node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._sum(node, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return _PERCENT.sub(UNSEEN, self.text(node.left, depth + 1))
        if isinstance(node, ast.Call):
            return self._called(node, depth)
        return UNSEEN

    def _sum(self, node: ast.BinOp, depth: int) -> str:
        parts: list[ast.expr] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp) and isinstance(left.op, ast.Add):  # a long sum is deep on its left
            parts.append(left.right)
            left = left.left
        return "".join(self.text(each, depth + 1) for each in [left, *reversed(parts)])

    def _called(self, node: ast.Call, depth: int) -> str:
        function = node.func
        name = self.dotted(function).rpartition(".")[2] or (
            function.attr if isinstance(function, ast.Attribute) else ""
        )
        if isinstance(function, ast.Attribute) and name == "format":
            return _BRACES.sub(UNSEEN, self.text(function.value, depth + 1))
        if isinstance(function, ast.Attribute) and name in _SAME:
            return self.text(function.value, depth + 1)
        if name in _WRAPPERS and node.args:
            return self.text(node.args[0], depth + 1)
        return UNSEEN


def argument(call: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
    """An argument by its name or its position; None when it isn't there."""
    for each in call.keywords:
        if each.arg == name:
            return each.value
    if position is None or len(call.args) <= position or any(isinstance(each, ast.Starred) for each in call.args):
        return None
    return call.args[position]


def takes_more(call: ast.Call) -> bool:
    """Whether arguments are unpacked, so that any may be among them."""
    return any(each.arg is None for each in call.keywords)


def entries(node: ast.expr | None) -> tuple[dict[str, ast.expr], bool]:
    """(the entries of a literal dict or of dict(…), whether there are others that aren't seen)."""
    if node is None:
        return {}, False
    if isinstance(node, ast.Dict):
        known = {
            key.value: value
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }
        return known, len(known) < len(node.keys)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        return {each.arg: each.value for each in node.keywords if each.arg}, takes_more(node)
    return {}, True


def is_none(node: ast.expr | None) -> bool:
    """Whether it is None itself."""
    return isinstance(node, ast.Constant) and node.value is None


def is_true(node: ast.expr | None) -> bool:
    """Whether it is True itself."""
    return isinstance(node, ast.Constant) and node.value is True
