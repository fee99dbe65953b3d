"""What of a Python file computes: its syntax tree without comments, docstrings, wording, typing imports."""

import ast

_LOGGERS = {"log", "logger", "logging"}
_LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def computing(tree: ast.Module) -> ast.Module:
    """Return the tree, changed in place, without what does not change a result.

    Left out are docstrings, `if TYPE_CHECKING:` blocks, and the texts inside `raise` statements and inside
    calls of a logger (a method such as `info` of `log`, `logger` or `logging`). All other texts count, and so
    do the values that a message is made of.
    """
    _Computing().visit(tree)
    return tree


class _Computing(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        named = node.test.attr if isinstance(node.test, ast.Attribute) else getattr(node.test, "id", None)
        return node.orelse if named == "TYPE_CHECKING" else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        if node.module == "typing":
            node.names = [alias for alias in node.names if alias.name != "TYPE_CHECKING"]
        return node if node.names else None

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return _Wordless().generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        return _Wordless().generic_visit(node) if _is_logged(node.func) else self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
                del node.body[0]
        return super().generic_visit(node)


class _Wordless(ast.NodeTransformer):
    """Empties every text."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        # What is put into the text may compute.
        values: list[ast.expr] = [one for one in node.values if isinstance(one, ast.FormattedValue)]
        return ast.JoinedStr(values)


def _is_logged(function: ast.expr) -> bool:
    """Return whether a called function writes to a log: `logger.info`, `self._log.debug`."""
    if not isinstance(function, ast.Attribute):
        return False
    of = function.value
    owner = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")
    return owner.lstrip("_").lower() in _LOGGERS and function.attr in _LEVELS
